// Nodes that go and come back: no read through a router returns a value older than its last
// acknowledged write, whatever was on its way when the node went. 60 keys on three nodes; one node
// goes twice, with writes and deletes meanwhile. MEMRING_TEST_ALL repeats each case 20 times.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { parsePlacement } from '../../src/ring/placement.ts'
import { Ring } from '../../src/ring/ring.ts'
import { TestConnection } from '../support/connection.ts'
import { FlapProxy } from './flap-proxy.ts'
import { nodeFlags, type Program, startProgram } from './program.ts'

const KEYS = 60
const REPETITIONS = process.env['MEMRING_TEST_ALL'] === undefined ? 1 : 20
const NAMES = ['n1', 'n2', 'n3'] as const
const SERVES_MS = 15_000
const DOWN = /^SERVER_ERROR n1 /

const ring = Ring.build(
  parsePlacement('ketama'),
  NAMES.map(label => ({ name: label, label, host: label, port: 1, weight: 1 })),
)

/** What may be read of a key: the last acknowledged value, or what failed since; or nothing. */
type Key = { name: string; node: number; isOnFirst: boolean; allowed: Set<string>; version: number }

class Flapping {
  readonly keys: Key[]
  readonly directory = mkdtempSync(join(tmpdir(), 'memring-flap-'))
  nodes: Program[] = []
  proxy!: FlapProxy
  readonly #routers: Program[] = []
  /** Missed by reads that might have hit: a node that loses everything proves nothing. */
  misses = 0

  constructor() {
    this.keys = Array.from({ length: KEYS }, (_, at) => {
      const name = `flap-${at}`
      const node = ring.locate(Buffer.from(name), 0, name.length)
      return { name, node, isOnFirst: node === 0, allowed: new Set<string>(), version: 0 }
    })
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }))
  }

  async start(): Promise<void> {
    this.nodes = await Promise.all(NAMES.map(() => startProgram(nodeFlags(2))))
    this.proxy = await FlapProxy.start(this.nodes[0]!.port)
  }

  /** In front of the nodes; the first one behind the proxy, or not. */
  async router(name: string, behindProxy = true): Promise<Program> {
    const first = behindProxy ? this.proxy.port : this.nodes[0]!.port
    const ports = [first, this.nodes[1]!.port, this.nodes[2]!.port]
    const nodes = NAMES.map(
      (node, at) => `  - { name: ${node}, address: "127.0.0.1:${ports[at]}" }`,
    )
    const file = join(this.directory, `${name}.yaml`)
    writeFileSync(file, `nodes:\n${nodes.join('\n')}\nrouter: { threads: 2 }\n`)
    const state = join(this.directory, `state-${name}`)
    const flags = ['router', '--config', file, '-p', '-1', '--state-dir', state]
    const router = await startProgram(flags)
    this.#routers.push(router)
    return router
  }

  /** Nothing of this is left to the next repetition. */
  async end(): Promise<void> {
    for (const program of [...this.nodes, ...this.#routers]) {
      program.signal('SIGKILL')
      await program.ended
    }
  }

  async killFirst(): Promise<void> {
    this.nodes[0]!.signal('SIGKILL')
    await this.nodes[0]!.ended
  }

  async restartFirst(): Promise<void> {
    const { port } = this.nodes[0]!
    this.nodes[0] = await startProgram([...nodeFlags(2), '-p', String(port)])
  }

  /** Sets every other key, deletes every seventh; all have been answered when it returns. */
  async write(client: TestConnection, isAway: boolean): Promise<void> {
    for (const key of this.keys) {
      key.version += 1
      const isDelete = isAway && key.version % 7 === Number(key.name.at(-1)) % 7
      const value = `${key.name}.${key.version}`
      const line = isDelete
        ? `delete ${key.name}`
        : `set ${key.name} 0 0 ${value.length}\r\n${value}`
      const said = await client.ask(line)
      if (said === 'STORED') key.allowed = new Set([value])
      else if (said === 'DELETED' || said === 'NOT_FOUND') key.allowed = new Set()
      // What the node had before is deleted before it serves again.
      else key.allowed = new Set(isDelete ? [] : [value])
      if (!key.isOnFirst || !isAway)
        expect(said, key.name).toMatch(/^(?:STORED|DELETED|NOT_FOUND)$/)
      else expect(said, key.name).toMatch(DOWN)
    }
  }

  async read(client: TestConnection, isAway = false): Promise<void> {
    const stale: string[] = []
    for (const key of this.keys) {
      await client.send(`get ${key.name}\r\n`)
      const line = await lineOf(client)
      if (line === 'END') {
        this.misses += 1
        if (!key.isOnFirst) expect(key.allowed.size, key.name).toBe(0)
        continue
      }
      expect(line).toMatch(new RegExp(`^VALUE ${key.name} `))
      const value = await lineOf(client)
      expect(await lineOf(client)).toBe('END')
      if (isAway && key.isOnFirst) stale.push(`${value} of a node that is away`)
      if (!key.allowed.has(value)) stale.push(`${value}, not ${[...key.allowed].join(' or ')}`)
    }
    expect(stale).toEqual([])
  }

  /** Writes whose bytes get no further than to the node that is about to go. */
  async writeIntoTheVoid(client: TestConnection): Promise<void> {
    // A process that is stopped stops when it is next looked at.
    await sleep(50)
    const keys = this.keys.filter(key => key.isOnFirst).slice(0, 10)
    for (const key of keys) {
      key.version += 1
      const value = `${key.name}.${key.version}`
      key.allowed = new Set([value])
      await client.send(`set ${key.name} 0 0 ${value.length}\r\n${value}\r\n`)
    }
    const from = performance.now()
    for (const _ of keys) expect(await lineOf(client)).toMatch(DOWN)
    // Marked down in time; the rest is what a busy machine adds.
    expect(performance.now() - from).toBeLessThan(3000)
  }

  /** Until the router stores what belongs to a node. */
  async untilServed(client: TestConnection, node = 0): Promise<void> {
    const key = this.keys.find(one => one.node === node)!
    const deadline = performance.now() + SERVES_MS
    while (!(await client.ask(`touch ${key.name} 0`)).match(/^(?:TOUCHED|NOT_FOUND)$/)) {
      if (performance.now() > deadline) throw new Error('Cannot wait longer for the node')
      await sleep(10)
    }
  }
}

async function lineOf(client: TestConnection): Promise<string> {
  return (await client.receiveUntil('\r\n')).toString('latin1').slice(0, -2)
}

async function repeat(run: (flapping: Flapping) => Promise<void>): Promise<void> {
  for (let round = 0; round < REPETITIONS; round += 1) {
    const flapping = new Flapping()
    await flapping.start()
    await run(flapping)
    await flapping.end()
  }
}

/** A client of a router that has been let in by the nodes that are there. */
async function open(flapping: Flapping, router: Program, isAway = false): Promise<TestConnection> {
  const client = await TestConnection.open(router)
  onTestFinished(() => client.close())
  for (const node of isAway ? [1, 2] : [0, 1, 2]) await flapping.untilServed(client, node)
  return client
}

const TIMEOUT_MS = 60_000 * REPETITIONS

test('a node that is killed, twice', { timeout: TIMEOUT_MS }, async () => {
  await repeat(async flapping => {
    const client = await open(flapping, await flapping.router('a', false))
    await flapping.write(client, false)
    for (let time = 0; time < 2; time += 1) {
      await flapping.killFirst()
      await flapping.write(client, true)
      await flapping.read(client, true)
      await flapping.restartFirst()
      await flapping.untilServed(client)
      await flapping.read(client)
      await flapping.write(client, false)
      await flapping.read(client)
    }
  })
})

test('a node that is stopped, twice, with writes on their way', {
  timeout: TIMEOUT_MS,
}, async () => {
  await repeat(async flapping => {
    const client = await open(flapping, await flapping.router('a', false))
    await flapping.write(client, false)
    for (let time = 0; time < 2; time += 1) {
      flapping.nodes[0]!.signal('SIGSTOP')
      await flapping.writeIntoTheVoid(client)
      await flapping.write(client, true)
      await flapping.read(client, true)
      flapping.nodes[0]!.signal('SIGCONT')
      await flapping.untilServed(client)
      await flapping.read(client)
      await flapping.write(client, false)
      await sleep(100)
      await flapping.read(client)
    }
  })
})

test('a connection that is cut, twice, with bytes that arrive later', {
  timeout: TIMEOUT_MS,
}, async () => {
  await repeat(async flapping => {
    const { proxy } = flapping
    const client = await open(flapping, await flapping.router('a'))
    await flapping.write(client, false)
    for (let time = 0; time < 2; time += 1) {
      proxy.hold()
      await flapping.writeIntoTheVoid(client)
      proxy.cut()
      await flapping.write(client, true)
      await flapping.read(client, true)
      proxy.mend()
      await flapping.untilServed(client)
      await flapping.read(client)
      await flapping.write(client, false)
      expect(proxy.deliver()).toBeGreaterThan(0)
      await sleep(100)
      await flapping.read(client)
    }
  })
})

test('a router that is killed while the node is away', { timeout: TIMEOUT_MS }, async () => {
  await repeat(async flapping => {
    let router = await flapping.router('a', false)
    let client = await open(flapping, router)
    await flapping.write(client, false)
    for (const signals of [
      ['SIGSTOP', 'SIGCONT'],
      ['SIGSTOP', 'SIGCONT'],
    ] as const) {
      flapping.nodes[0]!.signal(signals[0])
      await flapping.writeIntoTheVoid(client)
      await flapping.write(client, true)
      router.signal('SIGKILL')
      await router.ended
      router = await flapping.router('a', false)
      client = await open(flapping, router, true)
      await flapping.read(client, true)
      await flapping.write(client, true)
      flapping.nodes[0]!.signal(signals[1])
      await flapping.untilServed(client)
      await flapping.read(client)
      await flapping.write(client, false)
      await sleep(100)
      await flapping.read(client)
    }
  })
})

test('one of two routers is cut off, the other goes on', { timeout: TIMEOUT_MS }, async () => {
  await repeat(async flapping => {
    const { proxy } = flapping
    const one = await open(flapping, await flapping.router('a'))
    const other = await open(flapping, await flapping.router('b', false))
    await flapping.write(one, false)
    for (let time = 0; time < 2; time += 1) {
      proxy.hold()
      await flapping.writeIntoTheVoid(one)
      proxy.cut()
      await flapping.write(one, true)
      // The node is well for the other one.
      await flapping.write(other, false)
      await flapping.read(other)
      proxy.mend()
      await flapping.untilServed(one)
      expect(proxy.deliver()).toBeGreaterThan(0)
      await sleep(100)
      await flapping.read(one)
      await flapping.read(other)
      await flapping.write(other, false)
      await flapping.read(one)
    }
  })
})
