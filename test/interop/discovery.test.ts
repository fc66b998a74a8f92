// A router that finds its nodes by itself: by a real name server, dnsmasq, and by another router.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DiscoveredNodes } from '../../src/cli/router-discovery.ts'
import { createLog } from '../../src/observe/log.ts'
import { NameServer } from '../support/name-server.ts'
import {
  runMemring,
  type ServerProcess,
  startNode,
  startRouterBy,
  startRouterFrom,
} from '../support/processes.ts'

const KEYS = Array.from({ length: 120 }, (_, i) => `key-${i}`)
const NAME = '_memcached._tcp.cache.test'

const silent = createLog('test', { level: 'silent' })

let dns: NameServer
const nodes: ServerProcess[] = []

beforeAll(async () => {
  dns = await NameServer.create()
  const first = await startNode(['-m', '16', '-l', '127.0.0.1', '--node-name', 'node-1'])
  nodes.push(first)
  for (let i = 2; i <= 4; i += 1) {
    const flags = ['-l', `127.0.0.${i}`, '-p', String(first.port), '--node-name', `node-${i}`]
    nodes.push(await startNode(['-m', '16', ...flags]))
  }
}, 60_000)
afterAll(async () => {
  await Promise.all(nodes.map(node => node.stop()))
  await dns.remove()
})

/** `a` at 127.0.0.1 and so on: the label, and which of the nodes has it. */
function records(places: Readonly<Record<string, number>>): string[] {
  return Object.entries(places).flatMap(([label, place]) => [
    `srv-host=${NAME},${label}.cache.test,${nodes[0]!.port}`,
    `address=/${label}.cache.test/127.0.0.${place}`,
  ])
}

async function ask(port: number, lines: string, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host })
  let answer = ''
  socket.setEncoding('latin1')
  socket.write(`${lines}\r\nquit\r\n`)
  for await (const piece of socket) answer += String(piece)
  return answer
}

async function hits(port: number): Promise<string[]> {
  const answer = await ask(port, `get ${KEYS.join(' ')}`)
  return [...answer.matchAll(/^VALUE (\S+)/gm)].map(match => match[1]!)
}

const setAll = KEYS.map(key => `set ${key} 0 0 1\r\nx`).join('\r\n')

/** Clients that write and read while `work` goes on; what they were told that is no answer. */
async function whileAsked(port: number, work: () => Promise<void>): Promise<string[]> {
  const end = new AbortController()
  const wrong: string[] = []
  const client = async (name: string): Promise<void> => {
    while (!end.signal.aborted) {
      const answer = await ask(port, `set ${name} 0 0 1\r\nx\r\nget ${name}`)
      const isRight = /^STORED\r\n(VALUE \S+ 0 1\r\nx\r\n)?END\r\n$/.test(answer)
      if (!isRight) wrong.push(answer)
      await sleep(5)
    }
  }
  const clients = ['one', 'two', 'three'].map(client)
  try {
    await work()
  } finally {
    end.abort()
    await Promise.all(clients)
  }
  return wrong
}

test('SRV: nodes come and go while clients work; one under a new IP moves no key', async () => {
  const flags = ['--discover', `srv:${NAME}`, '--dns-server', dns.address]
  await dns.serve(records({ a: 1, b: 2, c: 3 }))
  const router = await startRouterBy([...flags, '--discover-interval', '200'])
  const config = async () => (await ask(router.port, 'config get cluster')).split('\r\n')[1]!
  expect(await config()).toMatch(/^1\n127\.0\.0\.1\|127\.0\.0\.1\|\d+ \S+ \S+\n$/)
  const stored = await ask(router.port, setAll)
  expect(stored.split('STORED')).toHaveLength(KEYS.length + 1)
  const ofB = (await ask(nodes[0]!.port, `get ${KEYS.join(' ')}`, '127.0.0.2')).split('VALUE')
  const wrong = await whileAsked(router.port, async () => {
    await dns.serve(records({ a: 1, b: 2, c: 3, d: 4 }))
    await expect.poll(config, { timeout: 10_000 }).toMatch(/^2\n.*127\.0\.0\.4/)
    await dns.serve(records({ a: 1, b: 2, c: 3 }))
    await expect.poll(config, { timeout: 10_000 }).toMatch(/^3\n/)
    // Nothing is written in between, so that what moved back is as it was.
    expect(await hits(router.port)).toHaveLength(KEYS.length)
    // b is another, empty node: its keys miss, all others stay where they are.
    await dns.serve(records({ a: 1, b: 4, c: 3 }))
    await expect.poll(config, { timeout: 10_000 }).toMatch(/^4\n/)
    expect(await hits(router.port)).toHaveLength(KEYS.length - (ofB.length - 1))
    // No answer, or an empty one, changes nothing.
    await dns.serve([])
    await expect.poll(() => router.output(), { timeout: 10_000 }).toMatch(/those before stay/)
    expect(await config()).toMatch(/^4\n/)
  })
  expect(wrong).toEqual([])
  expect((await router.stop()).code).toBe(0)
}, 60_000)

test('a cluster file names the source, another router among them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memring-discovery-'))
  const file = join(folder, 'cluster.yaml')
  try {
    const own = `host-record=cache.test,127.0.0.1`
    await dns.serve([own])
    const source = `dns: cache.test, port: ${nodes[0]!.port}, server: "${dns.address}"`
    writeFileSync(file, `discovery: { ${source}, interval: 200 }\n`)
    const first = await startRouterFrom(file)
    expect(await ask(first.port, 'config get cluster')).toContain('127.0.0.1|127.0.0.1|')
    const second = await startRouterBy([
      '--discover',
      `config:${first.address}`,
      '--discover-interval',
      '200',
    ])
    expect(await ask(second.port, 'set k 0 0 1\r\ny')).toBe('STORED\r\n')
    expect(await ask(first.port, 'get k')).toBe('VALUE k 0 1\r\ny\r\nEND\r\n')
    await dns.serve([own, 'host-record=cache.test,127.0.0.2'])
    await expect
      .poll(() => ask(second.port, 'config get cluster'), { timeout: 10_000 })
      .toContain('127.0.0.2|')
    await first.stop()
    await second.stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)

test('while nobody tells of nodes it asks on, and says so once', async () => {
  const said: string[] = []
  const say = (_: object, message: string) => void said.push(message)
  const log = { ...silent, warn: say, info: say }
  const server = createServer(socket => {
    socket.end('CONFIG cluster 0 17\r\n3\na|127.0.0.1|1\n\r\nEND\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const found = new DiscoveredNodes(log, () => {})
  const from = { endpoint: { host: '127.0.0.1', port } }
  const first = found.of({ from, server: undefined, intervalMs: 100 })
  await sleep(500)
  server.listen(port, '127.0.0.1')
  const node = { name: 'a:1', label: 'a:1', host: '127.0.0.1', port: 1, weight: 1 }
  expect(await first).toEqual([node])
  expect(said).toEqual(['No nodes found yet, asking on'])
  found.stop()
  server.close()
})

test.each([
  [['--discover', 'srv:x y'], 'expected srv:NAME, dns:NAME:PORT or config:HOST:PORT'],
  [['--discover', 'dns:cache.test'], 'expected srv:NAME'],
  [['--discover', 'dns:cache.test:0'], 'expected srv:NAME'],
  [['--discover', 'srv:x', '--dns-server', 'a:53'], 'expected an IP address and a port'],
  [['--discover', 'srv:x', '--discover-interval', '99'], '100'],
  [['--discover', 'srv:x', '--nodes', 'a:1'], 'expected one of --config FILE, --nodes'],
])('%j is refused', async (flags, expected) => {
  const { code, output } = await runMemring(['router', ...flags])
  expect(code).toBe(64)
  expect(output).toContain(expected)
})
