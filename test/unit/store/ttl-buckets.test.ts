import { describe, expect, test } from 'vitest'
import { Part, TtlBuckets } from '../../../src/store/ttl-buckets.ts'
import { NOW } from './support.ts'

const DAY = 86_400
const counts = [3, 8, 31, 64]

describe.each(counts)('TtlBuckets of %i', count => {
  const buckets = new TtlBuckets(count)

  test('bucketOf() is 0 for what never expires, and only for that', () => {
    expect(buckets.bucketOf(0, NOW)).toBe(0)
    for (const exptime of [1, NOW - 1, NOW, NOW + 1, NOW + 400 * DAY]) {
      expect(buckets.bucketOf(exptime, NOW)).toBeGreaterThan(0)
    }
  })

  test('bucketOf() rises with the lifetime, from the first bucket to the last', () => {
    let before = 0
    for (let lifetime = 1; lifetime <= 31 * DAY; lifetime = Math.ceil(lifetime * 1.01)) {
      const bucket = buckets.bucketOf(NOW + lifetime, NOW)
      expect(bucket, `${lifetime} s`).toBeGreaterThanOrEqual(before)
      expect(bucket, `${lifetime} s`).toBeLessThan(count)
      before = bucket
    }
    expect(buckets.bucketOf(NOW + 1, NOW)).toBe(1)
    expect(before).toBe(count - 1)
  })

  test('bucketOf() puts the least and the most in the ends', () => {
    for (const lifetime of [1 - NOW, -1, 0, 1]) {
      expect(buckets.bucketOf(NOW + lifetime, NOW)).toBe(1)
    }
    for (const exptime of [NOW + 30 * DAY, NOW + 30 * DAY + 1, 2 ** 31 - 1, 2 ** 32 - 1]) {
      expect(buckets.bucketOf(exptime, NOW)).toBe(count - 1)
    }
  })

  test('lifetimes of one bucket are within one factor of each other', () => {
    const factor = (30 * DAY) ** (1 / (count - 2))
    const first: number[] = []
    for (let lifetime = 1; lifetime < 30 * DAY; lifetime = Math.ceil(lifetime * 1.001)) {
      const bucket = buckets.bucketOf(NOW + lifetime, NOW)
      first[bucket] ??= lifetime
      expect(lifetime / first[bucket]).toBeLessThanOrEqual(factor * 1.001)
    }
  })

  test('chainOf() keeps the parts apart', () => {
    const probation = new Set<number>()
    for (let lifetime = 0; lifetime <= 31 * DAY; lifetime += 997) {
      const exptime = lifetime === 0 ? 0 : NOW + lifetime
      const chain = buckets.chainOf(Part.probation, exptime, NOW)
      probation.add(chain)
      expect(chain).toBeLessThan(count)
      expect(buckets.chainOf(Part.main, exptime, NOW)).toBe(chain + count)
    }
    expect(probation.has(0)).toBe(true)
  })
})

test('TtlBuckets are at least three', () => {
  expect(() => new TtlBuckets(2)).toThrow('there is a bucket for items that never expire')
})
