/** What merging keeps of the main part, and that it always gains a segment. */
import { describe, expect, test } from 'vitest'
import { INLINE_VALUE_MAX } from '../../../src/base/item-size.ts'
import { MemoryLimit } from '../../../src/store/memory-limit.ts'
import { StoreCounter } from '../../../src/store/put.ts'
import type { Store } from '../../../src/store/store.ts'
import { MIB, makeStore, setOf, type TestStore } from './support.ts'

function get(store: Store, key: string): boolean {
  const bytes = Buffer.from(key, 'latin1')
  const item = store.find(bytes, 0, bytes.length)
  if (item !== 0) store.noteRead(item)
  store.unlock()
  return item !== 0
}

/** Stores and reads at once, so that everything outlives probation and the main part is merged. */
function fillRead(made: TestStore, name: string, count: number, valueSize: number): void {
  const value = Buffer.alloc(valueSize, 'v')
  for (let i = 0; i < count; i += 1) {
    setOf(made.store, `${name}${i}`, value)
    get(made.store, `${name}${i}`)
  }
}

describe('a main part of items that have all been read', () => {
  const sizes = [0, 100, 5_000, 9_000, INLINE_VALUE_MAX - 1, INLINE_VALUE_MAX]
  test.each(sizes)('is merged without end or loss of room: values of %i', valueSize => {
    const made = makeStore({ memoryBytes: 8 * MIB })
    const count = Math.min(300_000, Math.ceil((32 * MIB) / (valueSize + 40)))
    fillRead(made, 'k', count, valueSize)
    expect(get(made.store, `k${count - 1}`)).toBe(true)
    made.verify()
  })
})

test('what is read often outlives ten times the memory of items read once', () => {
  const made = makeStore({ memoryBytes: 8 * MIB })
  const popular = Array.from({ length: 1000 }, (_, i) => `popular${i}`)
  for (const key of popular) setOf(made.store, key, 'v'.repeat(100))
  for (let round = 0; round < 160; round += 1) {
    for (const key of popular) get(made.store, key)
    fillRead(made, `r${round}-`, 4000, 100)
  }
  const kept = popular.filter(key => get(made.store, key)).length
  // They fill whole segments, of which some go while the measure is still being found.
  expect(kept).toBeGreaterThan(700)
  made.verify()
})

test('of items read as often, small ones are kept rather than large ones', () => {
  const made = makeStore({ memoryBytes: 8 * MIB })
  const count = 1000
  for (let i = 0; i < count; i += 1) {
    setOf(made.store, `small${i}`, 'v'.repeat(50))
    setOf(made.store, `large${i}`, 'v'.repeat(2000))
    for (let read = 0; read < 3; read += 1) {
      get(made.store, `small${i}`)
      get(made.store, `large${i}`)
    }
  }
  // Read once each, and of a size between the two.
  fillRead(made, 'filler', 40_000, 400)
  const left = (name: string): number =>
    Array.from({ length: count }, (_, i) => `${name}${i}`).filter(key => get(made.store, key))
      .length
  expect(left('small')).toBeGreaterThan(left('large') + count / 4)
  made.verify()
})

/** Segments that one put has taken: those it filled with copies, and its own. */
function takenBy(made: TestStore, put: () => void): number {
  const { lists } = made.store.segments
  const before = lists.lastSequence
  put()
  return lists.lastSequence - before
}

test('memory that fills with items read once stops no put for long', () => {
  const made = makeStore({ memoryBytes: 16 * MIB })
  let most = 0
  for (let i = 0; i < 200_000; i += 1) {
    const taken = takenBy(made, () => setOf(made.store, `k${i}`, 'v'.repeat(100)))
    get(made.store, `k${i}`)
    most = Math.max(most, taken)
  }
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(2)
})

test('puts see to free segments before they run out, and not while there are enough', () => {
  const made = makeStore()
  const { segments } = made.store
  const evictions = (): number => made.counters[StoreCounter.evictions]!
  let filled = 0
  for (; segments.freeCount >= 8; filled += 1) setOf(made.store, `k${filled}`, 'v'.repeat(1000))
  expect(evictions()).toBe(0)
  let least = Infinity
  for (let i = 0; i < 3 * filled; i += 1) {
    setOf(made.store, `k${filled + i}`, 'v'.repeat(1000))
    least = Math.min(least, segments.freeCount)
  }
  // The reserve is never touched by what is only stored.
  expect(least).toBeGreaterThan(4)
  expect(evictions()).toBeGreaterThan(2 * filled)
  made.verify()
})

test('a higher memory limit is used before anything is evicted', () => {
  const made = makeStore({ reserveBytes: 16 * MIB })
  const value = 'v'.repeat(1000)
  let filled = 0
  const evictions = (): number => made.counters[StoreCounter.evictions]!
  for (; evictions() === 0; filled += 1) setOf(made.store, `k${filled}`, value)
  new MemoryLimit(made.store, made.region).set(16)
  const before = evictions()
  for (let i = 0; i < filled / 2; i += 1) setOf(made.store, `n${i}`, value)
  expect(evictions()).toBe(before)
})

test('a scan of ten times the memory drives out nothing that is read in between', () => {
  const made = makeStore()
  const popular = Array.from({ length: 2000 }, (_, i) => `popular${i}`)
  for (const key of popular) setOf(made.store, key, 'v'.repeat(100))
  let lost = 0
  for (let scanned = 0; scanned < 600_000; scanned += 1) {
    // Each is read every 20,000 stores; memory holds 50,000.
    if (scanned % 10 === 0 && !get(made.store, popular[(scanned / 10) % popular.length]!)) lost += 1
    setOf(made.store, `scan${scanned}`, 'v'.repeat(100))
  }
  expect(lost).toBeLessThan(60)
  made.verify()
})

test('what is in probation and not read goes first in, first out, whatever the main part holds', () => {
  const made = makeStore()
  fillRead(made, 'main', 20_000, 100)
  const count = 150_000
  for (let i = 0; i < count; i += 1) setOf(made.store, `once${i}`, 'v'.repeat(100))
  const left = Array.from({ length: count }, (_, i) => i).filter(i => get(made.store, `once${i}`))
  expect(left.length).toBeGreaterThan(10_000)
  expect(left[0]).toBe(count - left.length)
})
