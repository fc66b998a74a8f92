/** What merging keeps of the main part, and that it always gains a segment. */
import { describe, expect, test } from 'vitest'
import { INLINE_VALUE_MAX } from '../../../src/base/item-size.ts'
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

test('memory that fills with items read once stops no put for long', () => {
  const made = makeStore({ memoryBytes: 16 * MIB })
  const { lists } = made.store.segments
  let most = 0
  for (let i = 0; i < 200_000; i += 1) {
    const before = lists.lastSequence
    setOf(made.store, `k${i}`, 'v'.repeat(100))
    get(made.store, `k${i}`)
    most = Math.max(most, lists.lastSequence - before)
  }
  // Segments that one put has filled with copies, and its own.
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThan(12)
})
