import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { ReferenceCache } from '../../../src/sim/reference-cache.ts'
import { Replay } from '../../../src/sim/replay.ts'
import type { SimCache } from '../../../src/sim/sim-cache.ts'
import { StoreCache } from '../../../src/sim/store-cache.ts'
import { Op } from '../../../src/sim/trace-request.ts'
import { randomRequest, requestOf } from './support.ts'

const MIB = 1024 * 1024
const ITEM_SIZE_MAX = 50_000

function storeOf(memoryBytes: number, settings = {}): StoreCache {
  return new StoreCache({ memoryBytes, itemSizeMax: ITEM_SIZE_MAX, seed: 3, settings })
}

function infinite(): ReferenceCache {
  const policy = 'infinite'
  return new ReferenceCache({ policy, memoryBytes: 0, overhead: 0, itemSizeMax: ITEM_SIZE_MAX })
}

function replayOf(cache: SimCache, fill: 'miss' | 'trace' = 'trace', warmup = 0): Replay {
  return new Replay(cache, { fill, warmup, onProgress: () => {} })
}

function missesWith(settings: object): number {
  const prng = new Prng(1)
  const store = storeOf(8 * MIB, settings)
  const replay = replayOf(store, 'miss')
  for (let i = 0; i < 60_000; i += 1) {
    const key = prng.below(prng.below(20_000) + 1)
    replay.apply(requestOf(`k${key}`, { size: 1000 }))
  }
  store.close()
  return replay.counts.misses
}

describe('StoreCache', () => {
  test('with room for all of it the store answers as an infinite cache, for all ops', () => {
    const prng = new Prng(8)
    const store = storeOf(64 * MIB)
    const other = infinite()
    const [a, b] = [replayOf(store), replayOf(other)]
    for (let i = 0; i < 30_000; i += 1) {
      const request = randomRequest(prng, 50 + Math.floor(i / 30), 80)
      a.apply(request)
      b.apply(request)
      if (a.counts.misses !== b.counts.misses) expect.fail(`request ${i} was answered otherwise`)
    }
    expect(a.counts).toEqual(b.counts)
    expect(a.counts.misses).toBeGreaterThan(1000)
    expect(a.counts.gets - a.counts.misses).toBeGreaterThan(1000)
    expect(store.evictions).toBe(0)
    store.close()
  })

  test('expired items are gone a second of the trace later, without being asked for', () => {
    const store = storeOf(8 * MIB)
    store.setTime(100)
    for (let i = 0; i < 1000; i += 1) {
      store.put(requestOf(`k${i}`, { size: 10, lifetime: 1 + (i % 10) }), Op.set)
    }
    expect(store.items).toBe(1000)
    store.setTime(105)
    expect(store.items).toBe(500)
    store.setTime(200)
    expect([store.items, store.evictions]).toEqual([0, 0])
    store.close()
  })

  test('the same seed gives the same result, other settings another', () => {
    const first = missesWith({})
    expect(missesWith({})).toBe(first)
    expect(missesWith({ keptShare: 0.2 })).not.toBe(first)
  })

  test('values too large for an item take the old one with them', () => {
    const store = storeOf(8 * MIB)
    store.setTime(1)
    store.put(requestOf('a', { size: 10 }), Op.set)
    store.put(requestOf('a', { size: ITEM_SIZE_MAX }), Op.replace)
    expect(store.get(requestOf('a'))).toBe(true)
    store.put(requestOf('a', { size: ITEM_SIZE_MAX }), Op.set)
    expect(store.get(requestOf('a'))).toBe(false)
    store.close()
  })
})

describe('Replay', () => {
  const gets = [requestOf('a', { size: 30 }), requestOf('b', { size: 10 }), requestOf('a')]

  test('misses are set by the replay, or left to the trace', () => {
    const filled = replayOf(infinite(), 'miss')
    const bare = replayOf(infinite(), 'trace')
    for (const request of gets) {
      filled.apply(request)
      bare.apply(request)
    }
    expect(filled.counts).toEqual({ gets: 3, misses: 2, getBytes: 40, missBytes: 40 })
    expect(bare.counts).toEqual({ gets: 3, misses: 3, getBytes: 40, missBytes: 40 })
  })

  test('what comes before counting begins is carried out and not counted', () => {
    const replay = replayOf(infinite(), 'miss', 2)
    for (const request of gets) replay.apply(request)
    expect(replay.counts).toEqual({ gets: 1, misses: 0, getBytes: 0, missBytes: 0 })
    expect(replay.requests).toBe(3)
  })

  test('time begins with the first request, and never goes back', () => {
    const times: number[] = []
    const cache = infinite()
    cache.setTime = seconds => times.push(seconds)
    const replay = replayOf(cache)
    for (const time of [1_600_000_000, 1_600_000_007, 1_600_000_003, 1_600_000_008]) {
      replay.apply(requestOf('a', { time }))
    }
    expect(times.map(seconds => seconds - times[0]!)).toEqual([0, 7, 8])
    expect(times[0]).toBeGreaterThan(0)
  })
})
