import { describe, expect, test } from 'vitest'
import { CasCounter } from '../../../src/store/cas-counter.ts'
import { SuperWord } from '../../../src/store/layout.ts'

const QUARTER = 2 ** 30

/** A counter that has given out `value`, which may be beyond 32 bits. */
function counterAt(value: bigint): { words: Uint32Array; counter: CasCounter } {
  const words = new Uint32Array(16)
  words[SuperWord.casLow] = Number(value & 0xffffffffn)
  words[SuperWord.casQuarters] = Number(value / BigInt(QUARTER))
  return { words, counter: new CasCounter(words) }
}

function next(counter: CasCounter): bigint {
  counter.take()
  return (BigInt(counter.high) << 32n) | BigInt(counter.low)
}

describe('CasCounter', () => {
  test('begins behind what it was formatted with', () => {
    const words = new Uint32Array(16)
    CasCounter.format(words, 1)
    const counter = new CasCounter(words)
    expect([next(counter), next(counter)]).toEqual([2n, 3n])
  })

  test.each([0n, 1n, 2n, 3n, 4n, 5n, 7n, 8n, 1_000_003n, 2n ** 32n - 2n])(
    'counts on over the end of quarter %s',
    quarter => {
      const from = (quarter + 1n) * BigInt(QUARTER) - 3n
      const { counter } = counterAt(from)
      for (let i = 1n; i < 7n; i += 1n) {
        expect(next(counter)).toBe(from + i)
      }
    },
  )

  test('counters of several threads never give out one twice', () => {
    const from = 2n ** 32n - 50n
    const { words, counter } = counterAt(from)
    const counters = [counter, new CasCounter(words), new CasCounter(words)]
    const taken = Array.from({ length: 300 }, (_, i) => next(counters[i % 3]!))
    expect(taken).toEqual(Array.from({ length: 300 }, (_, i) => from + BigInt(i) + 1n))
  })

  test('a thread that was held up since it took its own knows which quarter it was', () => {
    const { words, counter } = counterAt(2n ** 32n - 1n - 1n)
    // Between its addition and its look at the quarters, another thread enters the next one.
    words[SuperWord.casQuarters] = 4
    expect(next(counter)).toBe(2n ** 32n - 1n)
    expect(words[SuperWord.casQuarters]).toBe(4)
  })

  test('a thread that was held up for 2^30 writes is an error', () => {
    const { words, counter } = counterAt(5n)
    words[SuperWord.casQuarters] = 2
    expect(() => counter.take()).toThrow('no thread is held up')
  })
})
