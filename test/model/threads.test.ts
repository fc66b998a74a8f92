/**
 * Threads on one store. First the store alone, small and evicting all the time; then a node of four
 * threads over its sockets, with clients that know what they must get, and whose counts its
 * statistics must equal. Seeds are printed: a failing run is repeated with MEMRING_SEED.
 */
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { SLAB_CLASS_MAX, slabClass } from '../../src/base/slab-class.ts'
import { CLASS_BLOCK, ClassCounter } from '../../src/store/class-tally.ts'
import { layoutOf } from '../../src/store/layout.ts'
import { STORE_COUNTERS, StoreCounter } from '../../src/store/put.ts'
import { createRegion } from '../../src/store/region.ts'
import { Store } from '../../src/store/store.ts'
import { verifyStore } from '../../src/store/verify.ts'
import { TestConnection } from '../support/connection.ts'
import { startNode, testThreads } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import type {
  HousekeepingThreadData,
  HousekeepingThreadReport,
} from './fixtures/housekeeping-thread.ts'
import type { LoadThreadData, LoadThreadReport } from './fixtures/load-thread.ts'
import type { StoreThreadData, StoreThreadReport } from './fixtures/store-thread.ts'
import { COUNTED_START, keysOf, LoadClient, swappedValue, type Tally } from './load-client.ts'

const MIB = 1024 * 1024
const THREADS = 4
const isLong = process.env['MEMRING_TEST_ALL'] === '1'
const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 1_000_000)

/** Runs a fixture in a thread of its own; resolves with what it reports. */
function runThread<Report>(file: string, workerData: unknown): Promise<Report> {
  const worker = new Worker(new URL(`fixtures/${file}`, import.meta.url), { workerData })
  // One that waits for a lock that nobody gives back would run for ever; not waited for, so that a
  // test which has failed is reported whatever becomes of its threads.
  onTestFinished(() => {
    void worker.terminate()
  })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error(`Cannot read the report of ${file}: it ended`)))
  })
}

describe.each(['mapped', 'shared'] as const)('four threads on one store, %s memory', kind => {
  test.each([
    { memoryMb: 8, segments: 200, keys: 20_000, shortMs: 3000, evictionsMin: 1000 },
    // So few that a slow writer finds its segment at the end of the queue again and again.
    { memoryMb: 8, segments: 24, keys: 300, shortMs: 3000, evictionsMin: 1000 },
    { memoryMb: 32, segments: 800, keys: 400, shortMs: 1500, evictionsMin: 0 },
  ])('$segments segments, $keys keys', { timeout: isLong ? 120_000 : 30_000 }, async options => {
    const { memoryMb, keys, shortMs, evictionsMin } = options
    const whole = layoutOf(memoryMb * MIB)
    const segmentCount = Math.min(options.segments, whole.segmentCount)
    const layout = { ...whole, segmentCount }
    const region = createRegion(layout.totalBytes, kind)
    Store.format(region, layout, Uint32Array.of(seed, 2, 3, 4))
    console.log(`store threads: ${kind}, ${segmentCount} segments, seed ${seed}`)
    const forMs = isLong ? 30_000 : shortMs
    const common = { region: region.handle, layout, keys, forMs, now: 1_700_000_000 }
    const reports = await Promise.all(
      Array.from({ length: THREADS }, (_, writer) => {
        const data: StoreThreadData = { ...common, writer, seed: seed + writer }
        return runThread<StoreThreadReport>('store-thread.ts', data)
      }),
    )
    const sum = (counter: number) => {
      return reports.reduce((total, report) => total + report.counters[counter]!, 0)
    }
    expect(reports.flatMap(report => report.faults)).toEqual([])
    const counters = new Float64Array(STORE_COUNTERS)
    const store = new Store(region, layout, { evict: true, itemSizeMax: MIB, counters })
    const verified = verifyStore(store, region.words)
    expect(verified.faults).toEqual([])
    expect(sum(StoreCounter.currItems)).toBe(verified.items)
    expect(sum(StoreCounter.bytes)).toBe(verified.bytes)
    for (const report of reports) {
      expect(report.operations).toBeGreaterThan(1000)
      expect(report.hits).toBeGreaterThan(100)
    }
    // On a busy machine one of them may always have run alone.
    expect(reports.reduce((total, report) => total + report.contended, 0)).toBeGreaterThan(0)
    expect(sum(StoreCounter.evictions)).toBeGreaterThanOrEqual(evictionsMin)
  })
})

const runs = [
  { name: 'checked', hasCas: true, checked: true, seed: seed + 100, forMs: 4000 },
  { name: 'without cas', hasCas: false, checked: false, seed: seed + 200, forMs: 3000 },
  { name: 'with cas', hasCas: true, checked: false, seed: seed + 300, forMs: 0 },
] as const

/** Everything at once in 8 MB: eviction, expiry, touches, appends, numbers, flushes, the limit. */
test.each(isLong ? runs : runs.slice(0, 2))(
  'a store of 8 MB under everything at once, $name',
  { timeout: isLong ? 900_000 : 90_000 },
  async run => {
    const layout = layoutOf(8 * MIB, { reserveBytes: 16 * MIB, hasCas: run.hasCas })
    const region = createRegion(layout.totalBytes, 'mapped')
    Store.format(region, layout, Uint32Array.of(run.seed, 2, 3, 4))
    console.log(`store under everything: ${run.name}, seed ${seed}`)
    const stop = new SharedArrayBuffer(4)
    const common = { region: region.handle, layout, now: 1_700_000_000, checked: run.checked }
    const beside: HousekeepingThreadData = { ...common, seed: run.seed, stop }
    const housekeeping = runThread<HousekeepingThreadReport>('housekeeping-thread.ts', beside)
    const writers = Array.from({ length: THREADS }, (_, writer) => {
      const data: StoreThreadData = {
        ...common,
        keys: 20_000,
        forMs: run.forMs,
        operationsMin: isLong ? 3_500_000 : 20_000,
        everything: true,
        writer,
        seed: run.seed + writer,
      }
      return runThread<StoreThreadReport>('store-thread.ts', data)
    })
    const reports = await Promise.race([Promise.all(writers), housekeeping.then(endedEarly)])
    Atomics.store(new Int32Array(stop), 0, 1)
    const kept = await housekeeping
    expect(reports.flatMap(report => report.faults)).toEqual([])
    const counters = new Float64Array(STORE_COUNTERS)
    const store = new Store(region, layout, { evict: true, itemSizeMax: MIB, counters })
    const verified = verifyStore(store, region.words)
    expect(verified.faults).toEqual([])
    const sum = (counter: number) => {
      return [...reports, kept].reduce((total, report) => total + report.counters[counter]!, 0)
    }
    expect(sum(StoreCounter.currItems)).toBe(verified.items)
    expect(sum(StoreCounter.bytes)).toBe(verified.bytes)
    const ofClass = (slab: number, counter: ClassCounter): number => {
      const at = slab * CLASS_BLOCK + counter
      return [...reports, kept].reduce((total, report) => total + report.classes[at]!, 0)
    }
    for (const [slab, held] of heldByClass(store)) {
      expect(ofClass(slab, ClassCounter.items), `items of class ${slab}`).toBe(held.items)
      expect(ofClass(slab, ClassCounter.bytes), `bytes of class ${slab}`).toBe(held.bytes)
    }
    const operations = reports.reduce((total, report) => total + report.operations, 0)
    const told = { ...kept, counters: undefined, classes: undefined }
    console.log(`${operations} operations, ${JSON.stringify(told)}`)
    expect(operations).toBeGreaterThan(isLong ? 10_000_000 : 50_000)
    expect(sum(StoreCounter.evictions)).toBeGreaterThan(100)
    expect(sum(StoreCounter.reclaimed)).toBeGreaterThan(100)
    for (const count of [kept.rounds, kept.limits, kept.givenBack, kept.flushes]) {
      expect(count).toBeGreaterThan(0)
    }
  },
)

/** What is linked, by slab class; all classes are there. */
function heldByClass({ index, items }: Store): Map<number, { items: number; bytes: number }> {
  const held = new Map<number, { items: number; bytes: number }>()
  for (let slab = 1; slab <= SLAB_CLASS_MAX; slab += 1) held.set(slab, { items: 0, bytes: 0 })
  for (let at = 0; at < index.bucketCount; at += 1) {
    index.forEach(index.bucketAt(at), item => {
      const size = items.memcachedBytes(item)
      const one = held.get(slabClass(size))!
      one.items += 1
      one.bytes += size
    })
  }
  return held
}

function endedEarly(): never {
  throw new Error('Cannot go on: the thread beside the others ended before them')
}

const OPERATIONS = isLong ? 10_000_000 : 2_000_000
const CLIENTS = 12
/** Named as in `stats`; all of them must be equal to the last one. */
const COUNTED_BY_STATS = [
  'cmd_get',
  'get_hits',
  'get_misses',
  'cmd_set',
  'cmd_touch',
  'touch_hits',
  'touch_misses',
  'delete_hits',
  'delete_misses',
  'incr_hits',
  'decr_hits',
  'cas_hits',
  'cas_badval',
] as const
const NEVER = ['incr_misses', 'decr_misses', 'cas_misses', 'evictions', 'store_no_memory'] as const

const NODE_THREADS = testThreads(THREADS)

test(`2 million mixed operations on 200 keys of a node, threads: ${NODE_THREADS}`, {
  timeout: 300_000,
}, async () => {
  console.log(`node threads: seed ${seed}`)
  const node = await startNode(['-t', String(NODE_THREADS), '-m', '128'])
  const first = await LoadClient.open(node.port, 0, CLIENTS, new Prng(seed))
  await first.prepare()
  const writers = Array.from({ length: CLIENTS }, (_, at) => at)
  const threads = [0, 1].map(parity => {
    const data: LoadThreadData = {
      port: node.port,
      writers: writers.filter(writer => writer % 2 === parity),
      clients: CLIENTS,
      operations: Math.ceil(OPERATIONS / CLIENTS),
      seed,
    }
    return runThread<LoadThreadReport>('load-thread.ts', data)
  })
  const reports = await Promise.all(threads)
  expect(first.faults).toEqual([])
  expect(reports.flatMap(report => report.faults)).toEqual([])
  expect(reports.reduce((sum, report) => sum + report.operations, 0)).toBeGreaterThanOrEqual(
    OPERATIONS,
  )

  const all = [first, ...reports]
  const tally = sumOf(all.map(one => one.tally))
  const connection = await TestConnection.open(node)
  const stats = await readStats(connection)
  const counted = COUNTED_BY_STATS.map(name => [name, Number(stats.get(name))])
  expect(counted).toEqual(COUNTED_BY_STATS.map(name => [name, tally[name]]))
  expect(NEVER.map(name => [name, stats.get(name)])).toEqual(NEVER.map(name => [name, '0']))
  const sent = all.reduce((sum, one) => sum + one.sent, 'stats\r\n'.length)
  const received = all.reduce((sum, one) => sum + one.received, 0)
  expect(Number(stats.get('bytes_read'))).toBe(sent)
  expect(Number(stats.get('bytes_written'))).toBe(received)

  for (const [at, key] of keysOf('counted').entries()) {
    const start = at < 10 ? 0 : COUNTED_START
    expect((await valueOf(connection, key)).trimEnd()).toBe(String(start + tally[key]!))
  }
  for (const key of keysOf('swapped')) {
    expect(await valueOf(connection, key)).toBe(String(swappedValue(key, tally[key]!)))
  }
  connection.close()
  first.close()
  expect(await node.stop()).toMatchObject({ code: 0 })
})

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = {}
  for (const tally of tallies) {
    for (const [name, count] of Object.entries(tally)) sum[name] = (sum[name] ?? 0) + count
  }
  return sum
}

async function valueOf(connection: TestConnection, key: string): Promise<string> {
  await connection.send(`get ${key}\r\n`)
  const answer = String(await connection.receiveUntil('END\r\n'))
  return /^VALUE \S+ \d+ \d+\r\n(.*)\r\nEND\r\n$/s.exec(answer)?.[1] ?? answer
}
