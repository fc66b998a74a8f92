import { describe, expect, test } from 'vitest'
import { Histogram, LATENCY_US_MAX } from '../../../src/base/histogram.ts'
import { Prng } from '../../../src/base/prng.ts'

function histogramOf(values: Iterable<number>): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

/** Nearest rank: what the histogram approximates. */
function exactPercentile(sorted: readonly number[], perMille: number): number {
  return sorted[Math.max(1, Math.ceil((perMille * sorted.length) / 1000)) - 1] ?? 0
}

function* oneTo(last: number): Generator<number> {
  for (let value = 1; value <= last; value += 1) yield value
}

describe('Histogram', () => {
  test('an empty one answers zeros', () => {
    const histogram = new Histogram()
    expect([histogram.count, histogram.mean, histogram.max, histogram.percentile(50)]).toEqual([
      0, 0, 0, 0,
    ])
  })

  test('values up to 255 µs are exact', () => {
    for (let value = 0; value <= 255; value += 1) {
      const histogram = histogramOf([value, 4_000])
      expect(histogram.percentile(50)).toBe(value)
    }
  })

  test('a percentile is never below the true value and less than 0.79 % above it', () => {
    const prng = new Prng(11)
    const values: number[] = []
    // Spread over all magnitudes: each power of two is as likely as every other.
    for (let i = 0; i < 20_000; i += 1) values.push(Math.floor(2 ** (prng.float() * 32)))
    const histogram = histogramOf(values)
    values.sort((a, b) => a - b)
    for (let perMille = 1; perMille <= 1000; perMille += 1) {
      const exact = exactPercentile(values, perMille)
      const found = histogram.percentile(perMille / 10)
      expect(found).toBeGreaterThanOrEqual(exact)
      expect(found - exact).toBeLessThanOrEqual(exact / 128)
    }
  })

  test('each border of a power of two lands in its own slot', () => {
    for (let power = 7; power < 32; power += 1) {
      const border = 2 ** power
      const histogram = histogramOf([border - 1, border, LATENCY_US_MAX])
      expect(histogram.percentile(33)).toBe(border - 1)
      const found = histogram.percentile(66)
      expect(found).toBeGreaterThanOrEqual(border)
      expect(found).toBeLessThan(border + border / 128 + 1)
    }
  })

  test('nearest rank: 99.9 % of 1,000 is the 999th, 100 % the last, 0.1 % the first', () => {
    const histogram = histogramOf([...Array.from({ length: 999 }, () => 10), 200])
    expect(histogram.percentile(99.9)).toBe(10)
    expect(histogram.percentile(100)).toBe(200)
    expect(histogramOf(oneTo(200)).percentile(0.1)).toBe(1)
    expect(histogramOf(oneTo(200)).percentile(50)).toBe(100)
  })

  test('count, mean and maximum are exact, and no percentile exceeds the maximum', () => {
    const histogram = histogramOf([1_000, 1_000_001, 3])
    expect(histogram.count).toBe(3)
    expect(histogram.mean).toBeCloseTo(1_001_004 / 3, 9)
    expect(histogram.max).toBe(1_000_001)
    expect(histogram.percentile(100)).toBe(1_000_001)
  })

  test('fractions are rounded to the nearest microsecond', () => {
    expect(histogramOf([0.4]).max).toBe(0)
    expect(histogramOf([0.5]).max).toBe(1)
    expect(histogramOf([12.4]).max).toBe(12)
  })

  test('the limit is taken; above it, also far above, is counted as the limit', () => {
    const atLimit = histogramOf([LATENCY_US_MAX])
    expect([atLimit.max, atLimit.overflowCount]).toEqual([LATENCY_US_MAX, 0])
    const over = histogramOf([LATENCY_US_MAX + 1, 1e300, Infinity])
    expect([over.count, over.max, over.overflowCount]).toEqual([3, LATENCY_US_MAX, 3])
    expect(over.percentile(50)).toBe(LATENCY_US_MAX)
    expect(over.mean).toBe(LATENCY_US_MAX)
  })

  test('a negative value, NaN and a bad percent are refused', () => {
    const histogram = new Histogram()
    for (const value of [-1, -0.001, Number.NaN]) {
      expect(() => histogram.record(value)).toThrow(`Cannot record latency ${value}: expected`)
    }
    for (const percent of [0, -1, 100.001, Number.NaN]) {
      expect(() => histogram.percentile(percent)).toThrow(`Cannot read percentile ${percent}:`)
    }
    expect(histogram.count).toBe(0)
  })

  test('`merge()` equals recording everything in one; the other stays as it was', () => {
    const left = histogramOf([5, 300, 70_000])
    const right = histogramOf([6, LATENCY_US_MAX + 5, 300])
    const both = histogramOf([5, 300, 70_000, 6, LATENCY_US_MAX + 5, 300])
    left.merge(right)
    for (const percent of [10, 20, 40, 50, 70, 90, 100]) {
      expect(left.percentile(percent)).toBe(both.percentile(percent))
    }
    expect([left.count, left.mean, left.max]).toEqual([both.count, both.mean, both.max])
    expect(left.overflowCount).toBe(1)
    expect(right.count).toBe(3)
  })

  test('`reset()` forgets everything', () => {
    const histogram = histogramOf([1, 2, LATENCY_US_MAX + 1])
    histogram.reset()
    expect([histogram.count, histogram.max, histogram.overflowCount]).toEqual([0, 0, 0])
    histogram.record(9)
    expect(histogram.percentile(100)).toBe(9)
  })
})
