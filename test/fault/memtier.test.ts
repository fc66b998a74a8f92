// memtier_benchmark's streams through a router and into a node, while nodes are killed: what memtier
// cannot read would end its run, so nothing else may be said to it, and nothing may hang.
// MEMTIER_BIN runs the real one as well.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { type Certificate, Certificates } from '../support/certificates.ts'
import { MemtierClient, type MemtierOptions } from '../support/memtier-client.ts'
import { nodeFlags, type Program, startProgram } from './program.ts'

const run = promisify(execFile)
const KEYS = 500
const CLIENTS = 8
const REQUESTS = 1500
const HANG_MS = 30_000
const NAMES = ['n1', 'n2', 'n3']
/** Temporary failure. */
const DEAD_WRITE = 0x86

let folder: string
let certificates: Certificates
let certificate: Certificate
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'memring-memtier-'))
  certificates = new Certificates()
  certificate = certificates.issue('router')
  writeFileSync(join(folder, 'users.txt'), 'load:secret\n', { mode: 0o600 })
})
afterAll(() => {
  certificates.remove()
  rmSync(folder, { recursive: true, force: true })
})

const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 1e9)
const prng = new Prng(seed)

const text: MemtierOptions = {
  protocol: 'memcache_text',
  keys: KEYS,
  dataSize: 100,
  pipeline: 8,
  ratio: [1, 10],
  pattern: 'R',
  multiGet: 0,
  random: () => prng.uint32() / 2 ** 32,
}
const binary: MemtierOptions = { ...text, protocol: 'memcache_binary' }

async function plain(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** `P:P`: every key once. */
async function preload(port: number, options: MemtierOptions): Promise<void> {
  const client = new MemtierClient(await plain(port), { ...options, pattern: 'P', ratio: [1, 0] })
  await client.run(KEYS)
  expect(client.totals).toMatchObject({ sets: KEYS, unknown: [] })
  client.stop()
}

class Cluster {
  readonly nodes: Program[]
  readonly router: Program

  constructor(nodes: Program[], router: Program) {
    this.nodes = nodes
    this.router = router
  }

  static async start(settings: string, flags: readonly string[] = []): Promise<Cluster> {
    const nodes = await Promise.all(NAMES.map(() => startProgram(nodeFlags(1))))
    const list = NAMES.map((name, at) => {
      return `  - { name: ${name}, address: "127.0.0.1:${nodes[at]!.port}" }`
    })
    const file = join(folder, `${nodes[0]!.port}.yaml`)
    writeFileSync(file, `nodes:\n${list.join('\n')}\nrouter: { ${settings} }\n`)
    const state = ['--state-dir', `${file}.state`]
    const args = ['router', '--config', file, '-p', '-1', ...state, ...flags]
    return new Cluster(nodes, await startProgram(args))
  }

  /** Kills a node, and starts it again a little later. */
  async flap(at: number): Promise<void> {
    const { port } = this.nodes[at]!
    this.nodes[at]!.signal('SIGKILL')
    await this.nodes[at]!.ended
    await sleep(300)
    this.nodes[at] = await startProgram([...nodeFlags(1), '-p', String(port)])
  }
}

/** All clients run while `meanwhile` does; every one has been answered everything. */
async function load(
  open: () => Promise<MemtierClient>,
  meanwhile: () => Promise<void>,
): Promise<MemtierClient[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => open()))
  const late = sleep(HANG_MS, 'late', { ref: false })
  const runs = Promise.all(clients.map(client => client.run(REQUESTS)))
  await Promise.all([meanwhile(), Promise.race([runs, late])])
  expect(clients.filter(client => !client.hasEnded)).toHaveLength(0)
  for (const client of clients) client.stop()
  return clients
}

function unknownOf(clients: readonly MemtierClient[]): string[] {
  return clients.flatMap(({ totals }) => [...totals.unknown, ...totals.wrong])
}

function sum(clients: readonly MemtierClient[], what: 'hits' | 'gets' | 'sets'): number {
  return clients.reduce((total, { totals }) => total + totals[what], 0)
}

test.each([
  { name: 'text', options: text },
  { name: 'text, gets of 10 keys', options: { ...text, multiGet: 10 } },
])(
  '$name: with dead_node.writes discard, killed nodes are nothing but misses',
  async ({ options }) => {
    const cluster = await Cluster.start('dead_node: { writes: discard }')
    await preload(cluster.router.port, options)
    const clients = await load(
      async () => new MemtierClient(await plain(cluster.router.port), options),
      async () => {
        await cluster.flap(0)
        await cluster.flap(1)
      },
    )
    expect(unknownOf(clients)).toEqual([])
    expect(sum(clients, 'gets') + sum(clients, 'sets')).toBe(CLIENTS * REQUESTS)
    expect(sum(clients, 'hits')).toBeGreaterThan(0)
  },
)

test('binary: writes for a dead node get status 0x86, its reads are misses', async () => {
  const cluster = await Cluster.start('threads: 2')
  await preload(cluster.router.port, binary)
  const clients = await load(
    async () => new MemtierClient(await plain(cluster.router.port), binary),
    () => cluster.flap(2),
  )
  expect(unknownOf(clients)).toEqual([])
  const statuses = new Set(clients.flatMap(({ totals }) => [...totals.statuses.keys()]))
  expect([...statuses].filter(status => ![0, 1, DEAD_WRITE].includes(status))).toEqual([])
  // One more write while the node is certainly away.
  cluster.nodes[0]!.signal('SIGKILL')
  await cluster.nodes[0]!.ended
  const late = new MemtierClient(await plain(cluster.router.port), {
    ...binary,
    pattern: 'P',
    ratio: [1, 0],
  })
  await late.run(KEYS)
  late.stop()
  expect(late.totals.statuses.get(DEAD_WRITE)).toBeGreaterThan(KEYS / 6)
  expect([...late.totals.statuses.keys()].toSorted((a, b) => a - b)).toEqual([0, DEAD_WRITE])
})

async function secure(port: number): Promise<MemtierClient> {
  const ca = certificates.read(certificates.authority.cert)
  const socket = connectTls({ host: '127.0.0.1', port, ca })
  await once(socket, 'secureConnect')
  const client = new MemtierClient(socket, binary)
  await client.login('load', 'secret')
  return client
}

describe('SASL over TLS, binary', () => {
  test('through a router', async () => {
    const tls = `tls: { cert: ${certificate.cert}, key: ${certificate.key} }`
    const cluster = await Cluster.start(tls, ['-Y', join(folder, 'users.txt')])
    const clients = await load(
      () => secure(cluster.router.port),
      () => cluster.flap(1),
    )
    expect(unknownOf(clients)).toEqual([])
    expect(sum(clients, 'gets') + sum(clients, 'sets')).toBe(CLIENTS * REQUESTS)
  })

  test('into a node', async () => {
    const tls = `ssl_chain_cert=${certificate.cert},ssl_key=${certificate.key}`
    const users = ['-S', '-Y', join(folder, 'users.txt')]
    const node = await startProgram([...nodeFlags(1), '-Z', '-o', tls, ...users])
    const clients = await load(
      () => secure(node.port),
      async () => {},
    )
    expect(unknownOf(clients)).toEqual([])
    expect(sum(clients, 'hits')).toBeGreaterThan(0)
  })
})

const MEMTIER = process.env['MEMTIER_BIN']
test.runIf(MEMTIER !== undefined)('memtier_benchmark itself', async () => {
  const cluster = await Cluster.start('dead_node: { writes: discard }')
  const where = ['-s', '127.0.0.1', '-p', String(cluster.router.port), '-P', 'memcache_text']
  const size = ['-t', '1', '-c', '4', '-n', '2000', '--hide-histogram']
  const [{ stdout, stderr }] = await Promise.all([
    run(MEMTIER!, [...where, ...size]),
    cluster.flap(0),
  ])
  expect(`${stdout}${stderr}`).not.toMatch(/error|unknown/i)
})
