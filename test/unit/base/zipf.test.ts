import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Zipf } from '../../../src/base/zipf.ts'

const DRAWS = 200_000

function frequencies(count: number, exponent: number): number[] {
  const zipf = new Zipf(count, exponent)
  const prng = new Prng(5)
  const counts = Array.from({ length: count }, () => 0)
  for (let i = 0; i < DRAWS; i += 1) {
    const rank = zipf.next(prng)
    counts[rank] = (counts[rank] ?? 0) + 1
  }
  expect(counts).toHaveLength(count)
  return counts
}

describe('Zipf', () => {
  test.each([0.2, 0.99, 1, 1.5, 3])(
    'exponent %d: every rank as often as it should be',
    exponent => {
      const weights = Array.from({ length: 50 }, (_, rank) => (rank + 1) ** -exponent)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      const counts = frequencies(50, exponent)
      for (const [rank, weight] of weights.entries()) {
        const expected = (DRAWS * weight) / sum
        // Five standard deviations: a fixed seed, so this either always holds or never.
        expect(Math.abs(counts[rank]! - expected)).toBeLessThan(5 * Math.sqrt(expected) + 1)
      }
    },
  )

  test('one rank is always drawn, two in the right proportion', () => {
    expect(frequencies(1, 0.99)).toEqual([DRAWS])
    const [first = 0, second = 0] = frequencies(2, 1)
    expect(first / second).toBeCloseTo(2, 1)
  })

  test('4,294,967,296 ranks stay in range, and the first is the most frequent', () => {
    const zipf = new Zipf(2 ** 32, 0.99)
    const prng = new Prng(6)
    let firsts = 0
    let greatest = 0
    for (let i = 0; i < 20_000; i += 1) {
      const rank = zipf.next(prng)
      expect(Number.isInteger(rank) && rank >= 0 && rank < 2 ** 32).toBe(true)
      if (rank === 0) firsts += 1
      greatest = Math.max(greatest, rank)
    }
    expect(firsts).toBeGreaterThan(500)
    expect(greatest).toBeGreaterThan(2 ** 30)
  })

  test('counts and exponents out of range are refused', () => {
    for (const count of [0, -1, 1.5, 2 ** 32 + 1, 1e300, Number.NaN]) {
      expect(() => new Zipf(count, 1)).toThrow(`Cannot rank ${count} items: expected`)
    }
    for (const exponent of [0, -1, 10.001, 1e300, Number.NaN]) {
      expect(() => new Zipf(10, exponent)).toThrow(`Cannot use Zipf exponent ${exponent}: expected`)
    }
    expect(new Zipf(10, 10).next(new Prng(1))).toBeLessThan(10)
  })
})
