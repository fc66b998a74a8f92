/** Where room is short: what may not be given up for it, and what is not to be tried at all. */
import { expect, test } from 'vitest'
import { seededHash } from '../../../src/store/hash.ts'
import { type HashIndex, NO_SLOT } from '../../../src/store/hash-index.ts'
import { Outcome, StoreCounter } from '../../../src/store/put.ts'
import type { Store } from '../../../src/store/store.ts'
import { makeStore, MIB, peek, putOf, read, setOf, valueOf } from './support.ts'

function fillUp(store: Store, size: number): number {
  let count = 0
  while (store.put(putOf(`k${count}`, valueOf(count, size))) === Outcome.stored) count += 1
  return count
}

test('-M loses nothing where others who pack have taken the last free segments', () => {
  const made = makeStore({ evict: false, checked: true })
  const other = made.another()
  const count = fillUp(made.store, 900)
  const isLeft = (i: number): boolean => i % 3 === 0 || i >= count - 20
  for (let i = 0; i < count; i += 1) {
    if (!isLeft(i)) made.store.remove(Buffer.from(`k${i}`), 0, `k${i}`.length)
  }
  const { segments } = made.store
  const openNext = segments.openNext.bind(segments)
  let isTaken = false
  const hooked = (size: number, chain: number, spare: number): boolean => {
    if (spare === 0 && !isTaken) {
      isTaken = true
      // Each into a lifetime of its own, as copies would be.
      for (let at = 1; other.segments.freeCount > 0; at += 1) other.segments.openNext(1, at, 0)
    }
    return openNext(size, chain, spare)
  }
  Object.assign(segments, { openNext: hooked })
  for (let i = 0; i < 100; i += 1) {
    if (isTaken) break
    made.store.put(putOf(`new${i}`, valueOf(i, 900)))
  }
  expect(isTaken).toBe(true)
  for (let i = 0; i < count; i += 1) {
    if (isLeft(i)) expect(peek(other, `k${i}`)?.value.equals(valueOf(i, 900)), `k${i}`).toBe(true)
  }
  expect(made.counters[StoreCounter.evictions]).toBe(0)
  made.verify()
  // Who comes later finds room: nothing has been lost of it either.
  for (let i = 0; i < count / 3; i += 1) setOf(other, `later${i}`, valueOf(i, 900))
  made.verify()
})

test('nothing is evicted for a value that would not fit if all else went', () => {
  const made = makeStore({ itemSizeMax: 16 * MIB })
  const { supply } = made.store.segments
  for (let i = 0; i < 1000; i += 1) setOf(made.store, `k${i}`, 'x')
  const { segmentBytes } = made.layout
  const most = (supply.wanted - 4) * segmentBytes - 1000
  expect(made.store.put(putOf('large', Buffer.alloc(most)))).toBe(Outcome.noMemory)
  expect(made.counters[StoreCounter.evictions]).toBe(0)
  // Two segments are the index's: with so much less it fits, and all else goes.
  const fitting = Buffer.alloc(most - 2 * segmentBytes, 1)
  expect(made.store.put(putOf('large', fitting))).toBe(Outcome.stored)
  expect(read(made.store, 'large')!.value.equals(fitting)).toBe(true)
  made.verify()
})

test('nothing is evicted for a value that does not fit beside what is being read', () => {
  const made = makeStore({ itemSizeMax: 16 * MIB })
  const { store } = made
  setOf(store, 'read', Buffer.alloc(4 * MIB))
  const head = store.find(Buffer.from('read'), 0, 4)
  expect(store.largeSegments.pin(head)).toBe(true)
  store.unlock()
  for (let i = 0; i < 1000; i += 1) setOf(store, `k${i}`, 'x')
  expect(store.put(putOf('large', Buffer.alloc(4 * MIB)))).toBe(Outcome.noMemory)
  expect(made.counters[StoreCounter.evictions]).toBe(0)
  store.largeSegments.unpin(head)
  expect(store.put(putOf('large', Buffer.alloc(4 * MIB)))).toBe(Outcome.stored)
  made.verify()
})

test('unfetched is what was never read, however often it was moved', () => {
  const made = makeStore({ memoryBytes: 8 * MIB })
  const evictions = (): number => made.counters[StoreCounter.evictions]!
  for (let i = 0; i < 30_000; i += 1) {
    setOf(made.store, `k${i}`, 'v'.repeat(400))
    read(made.store, `k${i}`)
  }
  expect(evictions()).toBeGreaterThan(10_000)
  expect(made.counters[StoreCounter.evictedUnfetched]).toBe(0)
})

/** Takes all slots that a bucket's chain can have, for items that are not there. */
function fillChain(index: HashIndex, words: Uint32Array, bucket: number): void {
  index.lock(bucket)
  for (;;) {
    const slot = index.emptySlot(bucket)
    if (slot === NO_SLOT) break
    words[slot + 1] = 1
  }
  index.unlock(bucket)
}

test('a split finds its overflow buckets again, though others take all they can', () => {
  const made = makeStore({ checked: true })
  const { index } = made.store
  const hash = seededHash(made.region.words)
  const keys: string[] = []
  for (let i = 0; keys.length < 35; i += 1) {
    hash.of(Buffer.from(`same-${i}`), 0, `same-${i}`.length)
    if ((hash.bucket & (index.bucketCount - 1)) === 0) keys.push(`same-${i}`)
  }
  for (const key of keys) setOf(made.store, key, key)
  const other = made.another().index
  const crowds = [1, 2, 3].map(at => other.bucketAt(at))
  const give = index.overflow.give.bind(index.overflow)
  let given = 0
  const hooked = (overflow: number): void => {
    give(overflow)
    given += 1
    for (const crowd of crowds) fillChain(other, made.region.words, crowd)
  }
  Object.assign(index.overflow, { give: hooked })
  // As few as a split begins with.
  while (index.overflow.spare > 4) index.overflow.take()
  expect(index.grow(() => made.store.segments.takeForIndex(), hash)).toBe(true)
  expect(given).toBe(4)
  for (const key of keys) expect(peek(made.store, key)?.value.toString()).toBe(key)
})
