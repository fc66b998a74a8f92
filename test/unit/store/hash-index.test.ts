/** Keys that all fall into one bucket: its chain is bounded, and nothing is mixed up in it. */
import { describe, expect, test } from 'vitest'
import { KeyHash } from '../../../src/store/hash.ts'
import { Outcome, StoreCounter } from '../../../src/store/put.ts'
import { makeStore, putOf, readText, SEED } from './support.ts'

const SLOTS = 7
/** One main bucket and four in its chain. */
const CHAIN_ITEMS = 5 * SLOTS

const hash = new KeyHash(SEED[0]!, SEED[1]!, SEED[2]!, SEED[3]!)

function keysOfOneBucket(bucketCount: number, count: number): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i += 1) {
    const key = Buffer.from(`same-${i}`)
    hash.of(key, 0, key.length)
    if ((hash.bucket & (bucketCount - 1)) === 5) keys.push(key.toString())
  }
  return keys
}

describe('one bucket', () => {
  const { bucketCount } = makeStore().store.index
  const keys = keysOfOneBucket(bucketCount, CHAIN_ITEMS + 10)

  test('holds as many as its chain has slots, then each new key costs an older one', () => {
    const made = makeStore()
    for (const key of keys) expect(made.store.put(putOf(key, `of ${key}`))).toBe(Outcome.stored)
    expect(made.counters[StoreCounter.currItems]).toBe(CHAIN_ITEMS)
    expect(made.counters[StoreCounter.evictions]).toBe(10)
    expect(readText(made.store, keys.at(-1)!)).toBe(`of ${keys.at(-1)!}`)
    const found = keys.filter(key => readText(made.store, key) === `of ${key}`)
    expect(found.length).toBe(CHAIN_ITEMS)
    made.verify()
  })

  test('under -M refuses the key too many, and takes it when another goes', () => {
    const made = makeStore({ evict: false })
    const fitting = keys.slice(0, CHAIN_ITEMS)
    const late = keys.at(-1)!
    for (const key of fitting) expect(made.store.put(putOf(key, 'x'))).toBe(Outcome.stored)
    expect(made.store.put(putOf(late, 'x'))).toBe(Outcome.noMemory)
    expect(made.store.put(putOf(fitting[0]!, 'again'))).toBe(Outcome.stored)
    expect(made.store.remove(Buffer.from(fitting[20]!), 0, fitting[20]!.length)).toBe(true)
    expect(made.store.put(putOf(late, 'y'))).toBe(Outcome.stored)
    expect(readText(made.store, late)).toBe('y')
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    made.verify()
  })

  test('gives its overflow buckets back, again and again', () => {
    const made = makeStore()
    const rounds = made.layout.bucketsPerSegment
    for (let round = 0; round < rounds; round += 1) {
      for (const key of keys.slice(0, SLOTS + 1)) made.store.put(putOf(key, `${round}`))
      for (const key of keys.slice(0, SLOTS + 1)) {
        expect(made.store.remove(Buffer.from(key), 0, key.length)).toBe(true)
      }
    }
    for (const key of keys.slice(0, CHAIN_ITEMS)) made.store.put(putOf(key, 'end'))
    expect(made.counters[StoreCounter.currItems]).toBe(CHAIN_ITEMS)
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    made.verify()
  })
})
