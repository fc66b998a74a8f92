// A soak: a node under full load from clients that come and go (soak-client.ts), watched from
// outside; then the load stops, and what the node held has to be as it was before: descriptors,
// connections, memory, and as many values as fitted when it was new. Every one of these that is not
// is a fault in the report.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Prng } from '../../src/base/prng.ts'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { SoakClient, type SoakCounts } from './soak-client.ts'
import { spread } from './support.ts'

const MIB = 1024 * 1024
const SAMPLES = 30
const SAMPLE_MIN_MS = 500
const SETTLE_MS = 10_000
/** Connections that keep talking from beginning to end. */
const STAYING_SHARE = 4
const FIT_BYTES = 100_000
/** In no more segments than a value of FIT_BYTES: what the index has grown by takes their place. */
const FIT_MEMORY_BYTES = 128 * 1024
/** Values one more or less of which may happen to be on their way out. */
const FIT_TOLERANCE = 2
const THREADS_MAX = 64
const FLUSH_WAIT_MS = 60_000

export type SoakOptions = {
  readonly pid: number
  readonly port: number
  readonly seconds: number
  readonly connections: number
  readonly memoryMib: number
  readonly seed: number
  /** By how much resident memory may be more at the end than in the middle, in percent. */
  readonly growthMax: number
  onSample?(sample: Sample): void
}

export type Sample = {
  readonly atSeconds: number
  readonly requestsPerSecond: number
  readonly connectionsPerSecond: number
  readonly resident: number
  readonly descriptors: number
  readonly connections: number
  readonly items: number
  readonly evictions: number
}

export type SoakReport = {
  readonly counts: SoakCounts
  readonly samples: readonly Sample[]
  readonly descriptors: { readonly before: number; readonly after: number }
  /** Values of 100 KB: in the new node, in the node after flush_all, after the soak and flush_all. */
  readonly fitted: readonly [fresh: number, flushed: number, soaked: number]
  /** Of the index, in bytes. */
  readonly indexGrowth: number
  /** Of resident memory from the middle to the end, in percent. */
  readonly growth: number
  readonly faults: readonly string[]
}

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { pid, port } = options
  const watcher = await TestConnection.open({ host: '127.0.0.1', port })
  const fresh = await fitting(watcher, options)
  await flush(watcher)
  const flushed = await fitting(watcher, options)
  await flush(watcher)
  await greetThreads(port)
  const connected = await settledConnections(watcher)
  const index = await indexBytes(watcher)
  const before = openDescriptors(pid)
  const counts: SoakCounts = { requests: 0, connections: 0, hits: 0, refusals: 0, faults: [] }
  const samples = await load(watcher, options, counts)
  const connections = await settledConnections(watcher)
  const after = openDescriptors(pid)
  await flush(watcher)
  const soaked = await fitting(watcher, options)
  const indexGrowth = (await indexBytes(watcher)) - index
  watcher.close()
  const growth = growthOf(samples)
  const faults = [...counts.faults]
  if (connections !== connected) faults.push(`${connections - connected} connections are left`)
  if (after !== before) faults.push(`${after} descriptors are open, ${before} were before`)
  if (growth > options.growthMax) {
    faults.push(`resident memory grew by ${growth.toFixed(2)} % from the middle to the end`)
  }
  const expected = fresh - Math.ceil(indexGrowth / FIT_MEMORY_BYTES) - FIT_TOLERANCE
  if (soaked < expected) faults.push(`${soaked} values fit, ${fresh} did when the node was new`)
  return {
    counts,
    samples,
    descriptors: { before, after },
    fitted: [fresh, flushed, soaked],
    indexGrowth,
    growth,
    faults,
  }
}

/** Threads' event loops open what they need when they first have something to do. */
async function greetThreads(port: number): Promise<void> {
  for (let at = 0; at < THREADS_MAX; at += 1) {
    const guest = await TestConnection.open({ host: '127.0.0.1', port })
    await guest.ask('version')
    guest.close()
  }
}

/** All clients, until the time is over or one of them has found a fault; a sample now and then. */
async function load(
  watcher: TestConnection,
  options: SoakOptions,
  counts: SoakCounts,
): Promise<Sample[]> {
  const { connections, seconds, seed, port } = options
  const clients = Array.from({ length: connections }, (_, at) => {
    const stays = at % STAYING_SHARE === 0
    return new SoakClient(port, new Prng(seed + at), counts, stays)
  })
  const runs = clients.map(client => client.run())
  const samples: Sample[] = []
  const from = performance.now()
  const everyMs = Math.max(SAMPLE_MIN_MS, (seconds * 1000) / SAMPLES)
  let last = { atMs: from, requests: 0, connections: 0 }
  while (performance.now() < from + seconds * 1000 && counts.faults.length === 0) {
    await sleep(everyMs)
    const atMs = performance.now()
    const since = (atMs - last.atMs) / 1000
    const sample = {
      atSeconds: (atMs - from) / 1000,
      requestsPerSecond: (counts.requests - last.requests) / since,
      connectionsPerSecond: (counts.connections - last.connections) / since,
      ...(await observe(watcher, options.pid)),
    }
    last = { atMs, requests: counts.requests, connections: counts.connections }
    samples.push(sample)
    options.onSample?.(sample)
  }
  for (const client of clients) client.stop()
  await Promise.all(runs)
  return samples
}

async function observe(watcher: TestConnection, pid: number) {
  const stats = await readStats(watcher)
  return {
    resident: residentBytes(pid),
    descriptors: openDescriptors(pid),
    connections: Number(stats.get('curr_connections')),
    items: Number(stats.get('curr_items')),
    evictions: Number(stats.get('evictions')),
  }
}

/** Medians, because single samples see what garbage there happens to be. */
function growthOf(samples: readonly Sample[]): number {
  const fifth = Math.max(1, Math.floor(samples.length / 5))
  const middle = samples.slice(2 * fifth, 3 * fifth)
  const end = samples.slice(-fifth)
  if (middle.length === 0) return 0
  const [from, to] = [middle, end].map(part => spread(part.map(one => one.resident)).median)
  return (to! / from! - 1) * 100
}

/** How many connections are open once they are one, the watcher's own, or do not get fewer. */
async function settledConnections(watcher: TestConnection): Promise<number> {
  const until = performance.now() + SETTLE_MS
  for (;;) {
    const open = Number((await readStats(watcher)).get('curr_connections'))
    if (open === 1 || performance.now() > until) return open
    await sleep(50)
  }
}

async function indexBytes(watcher: TestConnection): Promise<number> {
  return Number((await readStats(watcher)).get('hash_bytes'))
}

/** Flushes, and waits until what was flushed has been taken out. */
async function flush(watcher: TestConnection): Promise<void> {
  await watcher.ask('flush_all')
  const until = performance.now() + FLUSH_WAIT_MS
  for (;;) {
    const items = Number((await readStats(watcher)).get('curr_items'))
    if (items === 0) return
    if (performance.now() > until) throw new Error(`Cannot see flush_all end: ${items} items left`)
    await sleep(100)
  }
}

/** How many values of FIT_BYTES a node holds that has been given half as many again. */
async function fitting(watcher: TestConnection, { memoryMib }: SoakOptions): Promise<number> {
  const count = Math.ceil((1.5 * memoryMib * MIB) / FIT_BYTES)
  const value = 'f'.repeat(FIT_BYTES)
  for (let at = 0; at < count; at += 1) {
    const answer = await watcher.ask(`set fit-${at} 0 0 ${FIT_BYTES}\r\n${value}`)
    if (answer !== 'STORED') throw new Error(`Cannot store value ${at} of ${count}: ${answer}`)
  }
  let held = 0
  for (let at = 0; at < count; at += 1) {
    if ((await watcher.ask(`mg fit-${at}`)) === 'HD') held += 1
  }
  return held
}

function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
