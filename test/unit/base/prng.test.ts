import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'

const draw = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next)

function sequence(seed: number): number[] {
  const prng = new Prng(seed)
  return draw(8, () => prng.uint32())
}

describe('Prng', () => {
  test('`uint32()` gives the sequence of the reference implementation in C', () => {
    const prng = Prng.fromState(1, 2, 3, 4)
    expect(draw(10, () => prng.uint32())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ])
    for (let i = 10; i < 999_999; i += 1) prng.uint32()
    expect(prng.uint32()).toBe(3457443141)
  })

  test('a seed repeats its sequence, and another seed gives another', () => {
    expect(sequence(7)).toEqual(sequence(7))
    const seeds = [0, 1, 2, 7, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]
    const sequences = new Set(seeds.map(seed => sequence(seed).join()))
    expect(sequences.size).toBe(seeds.length)
  })

  test('neighbouring seeds start differently in half of their bits', () => {
    let differing = 0
    for (let seed = 0; seed < 1000; seed += 1) {
      let bits = (new Prng(seed).uint32() ^ new Prng(seed + 1).uint32()) >>> 0
      for (; bits !== 0; bits = (bits & (bits - 1)) >>> 0) differing += 1
    }
    expect(differing / 1000).toBeGreaterThan(15)
    expect(differing / 1000).toBeLessThan(17)
  })

  test('`below()` reaches every number equally often and never the limit', () => {
    const prng = new Prng(1)
    const counts = Array.from({ length: 7 }, () => 0)
    for (let i = 0; i < 70_000; i += 1) {
      const value = prng.below(7)
      counts[value] = (counts[value] ?? 0) + 1
    }
    expect(counts).toHaveLength(7)
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  test('`below()` has no bias where a plain remainder has one', () => {
    // With 3 * 2^30, a remainder of 32 bits would hit the lower third half of the time.
    const prng = new Prng(2)
    let lower = 0
    for (let i = 0; i < 30_000; i += 1) if (prng.below(3 * 2 ** 30) < 2 ** 30) lower += 1
    expect(lower / 30_000).toBeGreaterThan(0.32)
    expect(lower / 30_000).toBeLessThan(0.347)
  })

  test('`below()` takes 1 and 2^32 and refuses what lies outside', () => {
    const prng = new Prng(3)
    expect(new Set(draw(100, () => prng.below(1)))).toEqual(new Set([0]))
    expect(draw(100, () => prng.below(2 ** 32)).some(value => value > 2 ** 31)).toBe(true)
    for (const count of [0, -1, 1.5, 2 ** 32 + 1, 1e30, Number.NaN]) {
      expect(() => prng.below(count)).toThrow(`Cannot draw below ${count}: expected`)
    }
  })

  test('`float()` stays in 0 … 1, spreads evenly and uses more than 32 bits', () => {
    const prng = new Prng(4)
    const values = draw(20_000, () => prng.float())
    expect(values.every(value => value >= 0 && value < 1)).toBe(true)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01)
    expect(values.some(value => (value * 2 ** 32) % 1 !== 0)).toBe(true)
  })

  test('a bad seed and a state of all zeros are refused', () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53, Infinity]) {
      expect(() => new Prng(seed)).toThrow(`Cannot seed with ${seed}: expected a whole number`)
    }
    expect(() => Prng.fromState(0, 0, 0, 0)).toThrow('Cannot start from a state of all zeros')
  })
})
