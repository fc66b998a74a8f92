import { describe, expect, test } from 'vitest'
import { ladder, simulate, type SimulationOptions } from '../../../src/sim/simulation.ts'
import type { Survey } from '../../../src/sim/survey.ts'
import { fileWith } from './support.ts'

const MIB = 1024 * 1024

function optionsFor(text: string, more: Partial<SimulationOptions> = {}): SimulationOptions {
  const path = fileWith('t.csv', text)
  return {
    source: { kind: 'file', path, name: 't.csv', format: 'auto', skipBad: false },
    policies: ['store', 'lru', 'fifo', 'infinite'],
    variants: [],
    memoryBytes: [8 * MIB],
    fill: 'auto',
    overhead: 0,
    itemSizeMax: MIB,
    warmup: 0,
    seed: 1,
    threads: 2,
    memoryLimitBytes: 1024 * MIB,
    ...more,
  }
}

function surveyOf(keys: number, keyBytes: number, valueBytes: number): Survey {
  const rest = { requests: 0, gets: 0, fills: 0, ops: [], badLines: 0, seconds: 0 }
  return { ...rest, keys, keyBytes, valueBytes }
}

const GETS = 'ABCABCDA'
  .split('')
  .map(key => `0,${key},10,get,0\n`)
  .join('')

describe('simulate', () => {
  test('every policy at every size, in order, with the infinite one once', async () => {
    const variants = [{ label: 'store patience=3', settings: { patience: 3 } }]
    const memoryBytes = [8 * MIB, 16 * MIB]
    const { results } = await simulate(optionsFor(GETS, { variants, memoryBytes }))
    expect(results.map(({ label, memoryBytes }) => [label, memoryBytes])).toEqual([
      ...['store', 'store patience=3', 'lru', 'fifo'].flatMap(label => [
        [label, 8 * MIB],
        [label, 16 * MIB],
      ]),
      ['infinite', null],
    ])
    for (const result of results) {
      expect(result).toMatchObject({ gets: 8, misses: 4, missRatio: 0.5, items: 4, requests: 8 })
    }
  })

  test('a trace with sets of its own is not filled, unless that is asked for', async () => {
    const text = `0,A,1,get,0\n0,A,1,get,0\n0,B,1,set,0\n0,B,1,get,0\n`
    const policies = ['store', 'lru'] as const
    const own = await simulate(optionsFor(text, { policies }))
    expect(own.fill).toBe('trace')
    expect(own.results.map(({ misses }) => misses)).toEqual([2, 2])
    const filled = await simulate(optionsFor(text, { policies, fill: 'miss' }))
    expect(filled.results.map(({ misses }) => misses)).toEqual([1, 1])
    expect((await simulate(optionsFor(GETS, { policies }))).fill).toBe('miss')
  })

  test('warm-up is a share of the requests', async () => {
    const { warmupRequests, results } = await simulate(
      optionsFor(GETS, { policies: ['lru'], warmup: 0.5 }),
    )
    expect(warmupRequests).toBe(4)
    expect(results[0]).toMatchObject({ gets: 4, misses: 1, requests: 8 })
  })

  test('an empty trace has no misses', async () => {
    const { results } = await simulate(optionsFor(''))
    expect(results.map(({ missRatio }) => missRatio)).toEqual([0, 0, 0, 0])
  })

  test('what is wrong with a trace, or with memory, is said', async () => {
    await expect(simulate(optionsFor('0,A,1,get,0\n0,A,1,get\n'))).rejects.toThrow('t.csv:2:')
    const limit = { memoryBytes: [8 * MIB, 16 * MIB], memoryLimitBytes: 20 * MIB }
    await expect(simulate(optionsFor(GETS, limit))).rejects.toThrow('Cannot run 2 stores of')
    const single = await simulate(optionsFor(GETS, { ...limit, threads: 1 }))
    expect(single.results).toHaveLength(7)
  })
})

describe('ladder', () => {
  test('whole megabytes up to what all keys take, none below 8', () => {
    const sizes = ladder(surveyOf(1_000_000, 10 * MIB, 190 * MIB), 59)
    const all = Math.ceil((200 * MIB + 59_000_000) / MIB)
    expect(sizes[0]).toBe(9 * MIB)
    expect(sizes.at(-1)).toBe(all * MIB)
    expect(sizes).toEqual([...new Set(sizes)].sort((a, b) => a - b))
  })

  test('a small trace has one size, a huge one ends at 4 GiB', () => {
    expect(ladder(surveyOf(5, 10, 100), 59)).toEqual([8 * MIB])
    expect(ladder(surveyOf(1e8, 1e9, 1e12), 59)).toEqual([4096 * MIB])
  })
})
