/** The generated workloads are what their texts say, and the same for the same seed. */
import { describe, expect, test } from 'vitest'
import { type CacheRequest, cacheWorkloads, VALUE_SIZE_MAX } from '../../../src/sim/workloads.ts'

const SCALE = 0.01
const KEYS = 10_000

function requestsOf(name: string, count: number, seed = 1): CacheRequest[] {
  const workload = cacheWorkloads.find(one => one.name === name)!
  const stream = workload.open(seed, SCALE)
  return Array.from({ length: count }, () => {
    const request: CacheRequest = { key: 0, valueSize: 0, lifetime: 0 }
    stream.next(request)
    return request
  })
}

function countsOf(requests: readonly CacheRequest[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { key } of requests) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

function shareOf(requests: readonly CacheRequest[], is: (one: CacheRequest) => boolean): number {
  return requests.filter(is).length / requests.length
}

describe.each(cacheWorkloads.map(({ name }) => name))('%s', name => {
  test('is the same for the same seed, another for another', () => {
    const requests = requestsOf(name, 1_000)
    expect(requestsOf(name, 1_000)).toEqual(requests)
    expect(requestsOf(name, 1_000, 2)).not.toEqual(requests)
  })

  test('gives a key one size, of a median of 150 bytes and bounded', () => {
    const requests = requestsOf(name, 50_000)
    const sizes = new Map<number, number>()
    for (const { key, valueSize } of requests) sizes.set(key, valueSize)
    expect(requests.every(({ key, valueSize }) => sizes.get(key) === valueSize)).toBe(true)
    const sorted = [...sizes.values()].toSorted((a, b) => a - b)
    expect(sorted[0]).toBeGreaterThanOrEqual(1)
    expect(sorted.at(-1)).toBeLessThanOrEqual(VALUE_SIZE_MAX)
    expect(sorted[sorted.length >> 1]).toBeGreaterThan(130)
    expect(sorted[sorted.length >> 1]).toBeLessThan(170)
  })
})

test('zipf: a fifth of the requests is for keys that never come again', () => {
  const requests = requestsOf('zipf', 100_000)
  const counts = countsOf(requests)
  const once = requests.filter(({ key }) => key >= KEYS)
  expect(once.length / requests.length).toBeCloseTo(0.2, 1)
  expect(once.every(({ key }) => counts.get(key) === 1)).toBe(true)
  // The rest by rank: 2 ** 0.9 between the first and the second, the least first.
  expect(counts.get(0)! / counts.get(1)!).toBeGreaterThan(1.7)
  expect(counts.get(0)! / counts.get(1)!).toBeLessThan(2.05)
})

test('ttl: two fifths of the keys live two seconds, of popular and of others alike', () => {
  const requests = requestsOf('ttl', 100_000)
  expect(shareOf(requests, one => one.lifetime === 2)).toBeCloseTo(0.4, 1)
  const popular = requests.filter(({ key }) => key < 100)
  expect(shareOf(popular, one => one.lifetime === 2)).toBeGreaterThan(0.2)
  const lives = new Map<number, number>()
  for (const { key, lifetime } of requests) lives.set(key, lifetime)
  expect(requests.every(({ key, lifetime }) => lives.get(key) === lifetime)).toBe(true)
})

test('scan: the same keys are scanned in order, again and again', () => {
  const requests = requestsOf('scan', 10_000)
  const first = requests.slice(0, 2_000).map(({ key }) => key)
  expect(first).toEqual(Array.from({ length: 2_000 }, (_, i) => first[0]! + i))
  expect(requests.slice(5_000, 7_000).map(({ key }) => key)).toEqual(first)
  expect(requests.slice(2_000, 5_000).every(({ key }) => key < KEYS)).toBe(true)
})

test('shift: every hundred requests another key is the most popular', () => {
  const requests = requestsOf('shift', 10_000)
  for (const from of [0, 5_000, 9_000]) {
    const newest = KEYS + (from + 100) / 100
    const keys = requests.slice(from + 99, from + 199).map(({ key }) => key)
    expect(Math.max(...keys)).toBe(newest)
  }
})
