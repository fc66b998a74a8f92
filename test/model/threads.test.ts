/**
 * Threads on one store. First the store alone, small and evicting all the time; then a node of four
 * threads over its sockets, with clients that know what they must get, and whose counts its
 * statistics must equal. Seeds are printed: a failing run is repeated with MEMRING_TEST_SEED.
 */
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../../src/store/layout.ts'
import { STORE_COUNTERS, StoreCounter } from '../../src/store/put.ts'
import { createRegion } from '../../src/store/region.ts'
import { Store } from '../../src/store/store.ts'
import { verifyStore } from '../../src/store/verify.ts'
import type { StoreThreadData, StoreThreadReport } from './fixtures/store-thread.ts'

const MIB = 1024 * 1024
const THREADS = 4
const isLong = process.env['MEMRING_TEST_ALL'] === '1'
const seed = Number(process.env['MEMRING_TEST_SEED'] ?? Date.now() % 1_000_000)

/** Runs a fixture in a thread of its own; resolves with what it reports. */
function runThread<Report>(file: string, workerData: unknown): Promise<Report> {
  const worker = new Worker(new URL(`fixtures/${file}`, import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error(`Cannot read the report of ${file}: it ended`)))
  })
}

describe.each(['mapped', 'shared'] as const)('four threads on one store, %s memory', kind => {
  test.each([
    { memoryMb: 8, keys: 20_000, shortMs: 4000 },
    { memoryMb: 32, keys: 400, shortMs: 2000 },
  ])('$memoryMb MB, $keys keys', { timeout: 120_000 }, async ({ memoryMb, keys, shortMs }) => {
    const layout = layoutOf(memoryMb * MIB)
    const region = createRegion(layout.totalBytes, kind)
    Store.format(region, layout, Uint32Array.of(seed, 2, 3, 4))
    console.log(`store threads: ${kind}, ${memoryMb} MB, seed ${seed}`)
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
      expect(report.contended).toBeGreaterThan(0)
    }
    expect(sum(StoreCounter.evictions)).toBeGreaterThan(memoryMb === 8 ? 1000 : -1)
  })
})
