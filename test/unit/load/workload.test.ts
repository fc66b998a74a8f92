import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import {
  checkWorkload,
  LimitedSource,
  PreloadSource,
  type RequestSource,
  RequestStream,
  type Workload,
  workloadDefaults,
} from '../../../src/load/workload.ts'

const place = { connection: 0, connectionCount: 4 }

function take(source: RequestSource, count: number): { isSet: boolean; key: number }[] {
  const taken: { isSet: boolean; key: number }[] = []
  while (taken.length < count && source.next()) taken.push({ isSet: source.isSet, key: source.key })
  return taken
}

function streamOf(options: Partial<Workload>, connection = 0): RequestStream {
  const stream = { ...place, connection }
  return new RequestStream(checkWorkload(options), new Prng(9), stream)
}

function walkedKeys(connection: number): number[] {
  const stream = streamOf({ keyCount: 8, keyPattern: 'sequential' }, connection)
  return take(stream, 10).map(({ key }) => key)
}

describe('checkWorkload', () => {
  test('fills in the documented defaults', () => {
    expect(checkWorkload({})).toEqual({
      setRatio: 1,
      getRatio: 10,
      keysPerGet: 1,
      keyCount: 10_000,
      keyPattern: 'uniform',
      zipfExponent: 0.99,
      valueSize: 100,
      keyPrefix: 'memring-',
      seed: 1,
    })
    expect(checkWorkload({ valueSize: 7 })).toEqual({ ...workloadDefaults, valueSize: 7 })
  })

  const limits: [keyof Workload, number, number][] = [
    ['setRatio', 0, 1_000_000],
    ['getRatio', 0, 1_000_000],
    ['keysPerGet', 1, 100],
    ['keyCount', 1, 100_000_000],
    ['valueSize', 0, 16_777_216],
    ['seed', 0, Number.MAX_SAFE_INTEGER],
  ]
  test.each(limits)('%s is taken from %d to %d and refused beyond', (name, least, greatest) => {
    for (const value of [least, greatest]) {
      expect(checkWorkload({ [name]: value })[name]).toBe(value)
    }
    for (const value of [least - 1, greatest + 1, greatest * 1000, least + 0.5, Number.NaN]) {
      const text = `Cannot use ${name} ${value}: expected ${least} to ${greatest}`
      expect(() => checkWorkload({ [name]: value })).toThrow(text)
    }
  })

  test('ratio 0:0, an unknown pattern and a bad exponent are refused', () => {
    expect(() => checkWorkload({ setRatio: 0, getRatio: 0 })).toThrow('Cannot use ratio 0:0')
    expect(() => checkWorkload({ keyPattern: 'gauss' as 'zipf' })).toThrow(
      'Cannot use keyPattern "gauss": expected uniform, zipf, sequential',
    )
    for (const zipfExponent of [0, -1, 10.1, Number.NaN]) {
      expect(() => checkWorkload({ zipfExponent })).toThrow(`zipfExponent ${zipfExponent}`)
    }
    expect(checkWorkload({ zipfExponent: 10 }).zipfExponent).toBe(10)
  })

  test('a prefix leaves a key of 250 bytes at most and has no spaces or control bytes', () => {
    expect(checkWorkload({ keyPrefix: 'p'.repeat(242) }).keyPrefix).toHaveLength(242)
    expect(checkWorkload({ keyPrefix: '' }).keyPrefix).toBe('')
    const bad = ['p'.repeat(243), 'p'.repeat(100_000), 'a b', 'a\r\n', 'é', '\u007f']
    for (const keyPrefix of bad) {
      expect(() => checkWorkload({ keyPrefix })).toThrow('Cannot use keyPrefix "')
    }
  })
})

describe('RequestStream', () => {
  test('sets and gets come in the ratio asked for, exactly in every cycle', () => {
    const taken = take(streamOf({ setRatio: 2, getRatio: 3 }), 5_000)
    expect(taken.filter(({ isSet }) => isSet)).toHaveLength(2_000)
    expect(take(streamOf({ setRatio: 0 }), 100).some(({ isSet }) => isSet)).toBe(false)
    expect(take(streamOf({ getRatio: 0 }), 100).every(({ isSet }) => isSet)).toBe(true)
  })

  test('connections do not all set at once', () => {
    const firsts = Array.from({ length: 11 }, (_, index) => take(streamOf({}, index), 1)[0]?.isSet)
    expect(firsts.filter(Boolean)).toHaveLength(1)
  })

  test('`uniform` reaches every key about as often', () => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (const { key } of take(streamOf({ keyCount: 10 }), 10_000)) counts[key]! += 1
    expect(counts).toHaveLength(10)
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  test('`zipf` prefers the first keys and stays in range', () => {
    const counts = Array.from({ length: 1_000 }, () => 0)
    const stream = streamOf({ keyCount: 1_000, keyPattern: 'zipf' })
    for (const { key } of take(stream, 20_000)) counts[key]! += 1
    expect(counts).toHaveLength(1_000)
    expect(counts[0]!).toBeGreaterThan(2_000)
    expect(counts[0]!).toBeGreaterThan(counts[9]! * 5)
  })

  test('`sequential` walks round the keys from a start of its own', () => {
    expect(walkedKeys(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 1])
    expect(walkedKeys(3)).toEqual([6, 7, 0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('the same seed draws the same requests', () => {
    expect(take(streamOf({}), 50)).toEqual(take(streamOf({}), 50))
  })
})

describe('PreloadSource and LimitedSource', () => {
  test('a preload sets every key once, in order, and ends', () => {
    const source = new PreloadSource(checkWorkload({ keyCount: 3 }))
    expect(take(source, 100)).toEqual([0, 1, 2].map(key => ({ isSet: true, key })))
    expect(source.next()).toBe(false)
  })

  test('a budget is shared, and what it refuses is not drawn from the source', () => {
    const budget = { left: 5 }
    const inner = streamOf({ keyCount: 8, keyPattern: 'sequential' })
    const first = new LimitedSource(inner, budget)
    const second = new LimitedSource(streamOf({}), budget)
    expect(take(first, 3).map(({ key }) => key)).toEqual([0, 1, 2])
    expect(take(second, 100)).toHaveLength(2)
    expect(first.next()).toBe(false)
    expect(take(inner, 1)[0]?.key).toBe(3)
  })
})
