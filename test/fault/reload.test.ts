// A router whose cluster file changes under load: nodes come and go, users and limits change, and
// no client notices more than keys that have moved.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServerProcess, startNode, startRouterFrom } from '../support/processes.ts'

const ROUNDS = process.env['MEMRING_TEST_ALL'] ? 100 : 5
const CLIENTS = 8
const KEYS = 200
const BATCH = 20
const USERS = ['ann', 'bob'] as const

let folder: string
let file: string
const nodes: ServerProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'memring-reload-'))
  file = join(folder, 'cluster.yaml')
  for (const user of [...USERS, 'extra']) {
    writeFileSync(join(folder, `${user}.txt`), `secret-${user}\n`, { mode: 0o600 })
  }
  for (let i = 0; i < 4; i += 1) nodes.push(await startNode(['-m', '16']))
}, 60_000)
afterAll(async () => {
  await Promise.all(nodes.map(node => node.stop()))
  rmSync(folder, { recursive: true, force: true })
})

type Cluster = { nodes: readonly ServerProcess[]; router?: string; users?: string; rest?: string }

/** Replaced whole, as editors and ConfigMaps do it. */
function write({ nodes: listed, router = '', users = '', rest = '' }: Cluster): void {
  const lines = listed.map(node => {
    return `  - { name: n${nodes.indexOf(node)}, address: "${node.address}" }`
  })
  const text = `nodes:\n${lines.join('\n')}\nrouter: { listen: 127.0.0.1:0${router} }\n${rest}${users}`
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

function start(flags: readonly string[] = []): Promise<ServerProcess> {
  return startRouterFrom(file, flags)
}

/** How often the router has said something. */
function said(router: ServerProcess, what: string): number {
  return router.output().split(what).length - 1
}

async function reload(router: ServerProcess): Promise<void> {
  const before = said(router, 'Configuration taken')
  router.signal('SIGHUP')
  await expect
    .poll(() => said(router, 'Configuration taken'), { timeout: 10_000 })
    .toBeGreaterThan(before)
}

/** Writes and reads its own keys, and knows what each answer may be. */
class Client {
  readonly wrong: string[] = []
  requests = 0
  hits = 0
  readonly #socket: Socket
  readonly #name: string
  readonly #versions = Array.from({ length: KEYS }, () => 0)
  #received = ''
  #wake: () => void = () => {}
  #isClosed = false

  constructor(port: number, name: string) {
    this.#name = name
    this.#socket = connect({ port, host: '127.0.0.1' })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (piece: string) => {
      this.#received += piece
      this.#wake()
    })
    this.#socket.on('error', error => this.wrong.push(error.message))
    this.#socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  async logIn(user: string): Promise<void> {
    const data = `${user} secret-${user}`
    this.#socket.write(`set auth 0 0 ${data.length}\r\n${data}\r\n`)
    this.#expect(await this.#line(), 'STORED')
  }

  async run(goesOn: () => boolean): Promise<void> {
    for (let from = 0; goesOn() && this.wrong.length === 0; from = (from + BATCH) % KEYS) {
      const batch = Array.from({ length: BATCH }, (_, i) => from + i)
      const lines = batch.map(key => {
        const value = this.#valueOf(key, (this.#versions[key]! += 1))
        return `set ${this.#keyOf(key)} 0 0 ${value.length}\r\n${value}\r\nget ${this.#keyOf(key)}\r\n`
      })
      this.#socket.write(lines.join(''))
      for (const key of batch) {
        this.#expect(await this.#line(), 'STORED')
        await this.#checkGet(key)
      }
      await sleep(1)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  async #checkGet(key: number): Promise<void> {
    this.requests += 2
    const first = await this.#line()
    // The set may have gone to another node: the change has come in between.
    if (first === 'END') return
    this.hits += 1
    const value = this.#valueOf(key, this.#versions[key]!)
    this.#expect(first, `VALUE ${this.#keyOf(key)} 0 ${value.length}`)
    const found = await this.#line()
    if (first.startsWith('VALUE')) this.#expect(found, value)
    this.#expect(await this.#line(), 'END')
  }

  #expect(found: string, expected: string): void {
    if (found !== expected) this.wrong.push(`${found}, expected ${expected}`)
  }

  #keyOf(key: number): string {
    return `${this.#name}-${key}`
  }

  #valueOf(key: number, version: number): string {
    return `${this.#keyOf(key)}=${version}`
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#received.slice(0, end)
        this.#received = this.#received.slice(end + 2)
        return line
      }
      if (this.#isClosed) {
        this.wrong.push('closed')
        return ''
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

async function under(clients: readonly Client[], work: () => Promise<void>): Promise<void> {
  let isOver = false
  const running = clients.map(client => client.run(() => !isOver))
  try {
    await work()
  } finally {
    isOver = true
    await Promise.all(running)
    for (const client of clients) client.close()
  }
}

function usersSection(withExtra: boolean): string {
  const names = withExtra ? [...USERS, 'extra'] : USERS
  const lines = names.map(name => `  - { name: ${name}, password_file: ${name}.txt }`)
  return `users:\n${lines.join('\n')}\n`
}

describe.each(['auto', 'net'])('reload, --io %s', io => {
  test(
    'nodes, users and limits change under load: no error, no closed connection, no wrong value',
    async () => {
      write({ nodes: nodes.slice(0, 3), users: usersSection(false) })
      const router = await start(['--io', io, '-t', '2', '--no-watch'])
      const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(router.port, `c${i}`))
      for (const [i, client] of clients.entries()) await client.logIn(USERS[i % 2]!)
      await under(clients, async () => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const limits = `, connections: ${1000 + round}, timeouts: { request: ${2000 + round} }`
          write({ nodes, users: usersSection(true), router: limits })
          await reload(router)
          await sleep(50)
          write({ nodes: nodes.slice(0, 3), users: usersSection(false) })
          await reload(router)
          await sleep(50)
        }
      })
      expect(clients.flatMap(({ wrong }) => wrong)).toEqual([])
      for (const { requests, hits } of clients) {
        expect(requests).toBeGreaterThan(ROUNDS * BATCH)
        expect(hits).toBeGreaterThan(requests * 0.4)
      }
      expect(said(router, 'Node is down')).toBe(0)
      expect((await router.stop()).code).toBe(0)
    },
    ROUNDS * 10_000 + 30_000,
  )
})

async function ask(port: number, line: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  let answer = ''
  socket.setEncoding('latin1')
  socket.write(`${line}\r\nquit\r\n`)
  for await (const piece of socket) answer += String(piece)
  return answer
}

const versionOf = (config: string) => Number(/^(\d+)$/m.exec(config)?.[1])

test('a changed file is noticed; a bad one changes nothing and is told with its place', async () => {
  write({ nodes: nodes.slice(0, 3) })
  const state = join(folder, 'state')
  const router = await start(['--state-dir', state])
  const known = await ask(router.port, 'config get cluster')
  expect(known.split('|')).toHaveLength(7)
  const client = new Client(router.port, 'w')
  await under([client], async () => {
    write({ nodes, rest: 'nodez: 3\n' })
    await expect
      .poll(() => router.output(), { timeout: 10_000 })
      .toMatch(/cluster.yaml:7:1: nodez: found an unknown field.*Not read again/s)
    expect(await ask(router.port, 'config get cluster')).toBe(known)
    const limits = ', connections: 50, threads: 3, connections_per_node: 2'
    write({ nodes: [nodes[0]!, nodes[2]!, nodes[3]!], router: limits })
    await expect
      .poll(() => router.output(), { timeout: 10_000 })
      .toMatch(/"added":"n3","removed":"n1"/)
  })
  expect(client.wrong).toEqual([])
  expect(router.output()).toMatch(/"fields":"router.threads, router.connections_per_node"/)
  const config = await ask(router.port, 'config get cluster')
  expect(versionOf(config)).toBe(versionOf(known) + 1)
  expect(config).toContain(`|${nodes[3]!.port}`)
  expect(config).not.toContain(`|${nodes[1]!.port}`)
  expect(await ask(router.port, 'stats')).toMatch(/STAT max_connections 50\r\n/)
  expect(await ask(router.port, 'stats proxy')).toMatch(/node:n3:state up/)
  await router.stop()
  // Started again it goes on counting, and n1 is flushed if it ever comes back.
  const again = await start(['--state-dir', state, '--no-watch'])
  expect(versionOf(await ask(again.port, 'config get cluster'))).toBe(versionOf(config))
  write({ nodes })
  await reload(again)
  expect(again.output()).toMatch(/"node":"n1","flushed":true,"msg":"Node is up"/)
  await again.stop()
}, 60_000)

test('a node under another address keeps its keys, and its label', async () => {
  write({ nodes: nodes.slice(0, 3) })
  const router = await start(['--no-watch'])
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
  for (const key of keys) await ask(router.port, `set ${key} 0 0 1\r\nx`)
  const hits = async (port = router.port) =>
    (await ask(port, `get ${keys.join(' ')}`)).split('VALUE').length - 1
  expect(await hits()).toBe(100)
  const moved = await hits(nodes[0]!.port)
  expect(moved).toBeGreaterThan(0)
  const text = `nodes:\n  - { name: n0, address: "${nodes[3]!.address}" }\n${nodes
    .slice(1, 3)
    .map((node, i) => `  - { name: n${i + 1}, address: "${node.address}" }\n`)
    .join('')}router: { listen: 127.0.0.1:0 }\n`
  writeFileSync(file, text)
  await reload(router)
  // What was on the old machine is gone; nothing else has moved.
  expect(await hits()).toBe(100 - moved)
  await router.stop()
}, 60_000)
