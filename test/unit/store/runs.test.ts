/** Large values that share segments: how densely they lie, and that readers keep what they read. */
import { describe, expect, test } from 'vitest'
import { INLINE_VALUE_MAX } from '../../../src/base/item-size.ts'
import { NO_SEGMENT, SegmentState } from '../../../src/store/segments.ts'
import { StoreCounter } from '../../../src/store/put.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  makeStore,
  MIB,
  NOW,
  peek,
  putOf,
  read,
  setOf,
  type TestStore,
  valueOf,
} from './support.ts'

const SIZE = 20_000

function makeRuns(megabytes = 64): TestStore {
  return makeStore({ memoryBytes: megabytes * MIB, checked: true })
}

/** The item of a key; its bucket is left unlocked. */
function itemOf(store: Store, key: string): number {
  const item = store.find(Buffer.from(key), 0, key.length)
  store.unlock()
  return item
}

function pin(store: Store, key: string): number {
  const item = store.find(Buffer.from(key), 0, key.length)
  expect(store.largeSegments.pin(item)).toBe(true)
  store.unlock()
  return item
}

function copyOf(store: Store, item: number): Buffer {
  const copy = Buffer.alloc(store.items.valueSize(item))
  store.large.read(item, 0, copy, 0, copy.length)
  return copy
}

/** Puts new values until those that were there before are gone. */
function flood(made: TestStore, size = SIZE): void {
  const count = Math.ceil((3 * made.layout.memoryBytes) / size)
  for (let i = 0; i < count; i += 1) setOf(made.store, `flood-${i}`, valueOf(i, size))
}

describe('values over 16 KiB', () => {
  /** memcached 1.6.45 -m 64 holds 3,840 of 16,385 bytes, 1,536 of 40,000 (bench:density). */
  test.each([16_385, 20_000, 40_000, 100_000, 190_000])('of %i bytes fill -m 64', size => {
    const made = makeStore({ memoryBytes: 64 * MIB })
    const value = Buffer.alloc(size, 1)
    for (let i = 0; i * size < 80 * MIB; i += 1) setOf(made.store, `key-${i}`, value)
    expect(made.counters[StoreCounter.evictions]).toBeGreaterThan(0)
    const bytes = made.counters[StoreCounter.currItems]! * size
    expect(bytes / (64 * MIB)).toBeGreaterThan(size > 100_000 ? 0.9 : 0.94)
    made.verify()
  })

  test.each([8, 64])('of -m %i, of any size, are read as they were stored', megabytes => {
    const made = makeRuns(megabytes)
    const { layout, store } = made
    const edges = [1, 2, 3, 4].flatMap(count => {
      const bytes = count * layout.segmentBytes
      return [-300, -48, -25, -1, 0, 1, 300].map(more => bytes + more)
    })
    const sizes = [...edges, INLINE_VALUE_MAX + 1, INLINE_VALUE_MAX + 2, SIZE]
    for (const [i, size] of sizes.entries()) setOf(store, `key-${i}`, valueOf(i, size))
    for (const [i, size] of sizes.entries()) {
      expect(read(store, `key-${i}`)!.value.equals(valueOf(i, size)), `${size}`).toBe(true)
    }
    made.verify()
  })

  test('keep the longest key and flags, wherever they begin in a segment', () => {
    const made = makeRuns()
    const keys = Array.from({ length: 400 }, (_, i) => `${i}-`.padEnd(250, 'k'))
    for (const [i, key] of keys.entries()) {
      made.store.put(putOf(key, valueOf(i, SIZE + 37 * i), { clientFlags: 7 }))
    }
    for (const [i, key] of keys.entries()) {
      const found = read(made.store, key)!
      expect(found.clientFlags).toBe(7)
      expect(found.value.equals(valueOf(i, SIZE + 37 * i))).toBe(true)
    }
    made.verify()
  })

  test('have segments of their own where nothing may be evicted', () => {
    const made = makeStore({ memoryBytes: 64 * MIB, evict: false })
    setOf(made.store, 'a', valueOf(1, SIZE))
    expect(made.store.runs.headOf(itemOf(made.store, 'a'))).toBe(NO_SEGMENT)
  })

  test('that are read stay while others go; so does what memory says', () => {
    const made = makeRuns()
    const { store } = made
    for (let i = 0; i < 200; i += 1) setOf(store, `kept-${i}`, valueOf(i, SIZE))
    for (let i = 0; i < 9_000; i += 1) {
      setOf(store, `flood-${i}`, valueOf(i, SIZE + (i % 1_000)))
      const reads = i % 10 === 0 ? 20 : 0
      for (let n = 0; n < reads; n += 1) read(store, `kept-${(i * 2 + n) % 200}`)
    }
    let kept = 0
    for (let i = 0; i < 200; i += 1) {
      const found = peek(store, `kept-${i}`)
      if (found === undefined) continue
      expect(found.value.equals(valueOf(i, SIZE))).toBe(true)
      kept += 1
    }
    expect(kept).toBeGreaterThan(190)
    made.verify()
  })

  test('deleted or replaced give their run back with the last of it', () => {
    const made = makeRuns()
    const { store } = made
    const free = store.segments.freeCount
    for (let i = 0; i < 500; i += 1) setOf(store, `key-${i}`, valueOf(i, SIZE))
    for (let i = 0; i < 500; i += 2) store.remove(Buffer.from(`key-${i}`), 0, `key-${i}`.length)
    for (let i = 1; i < 500; i += 2) setOf(store, `key-${i}`, 'small')
    // One run is open still, and one segment of small items.
    expect(free - store.segments.freeCount).toBeLessThanOrEqual(made.layout.runSegments + 1)
    made.verify()
  })

  test('flushed are gone, those stored after it stay', () => {
    const made = makeRuns()
    setOf(made.store, 'before', valueOf(1, SIZE))
    made.store.flush(0)
    setOf(made.store, 'after', valueOf(2, SIZE))
    expect(read(made.store, 'before')).toBeUndefined()
    expect(read(made.store, 'after')!.value.equals(valueOf(2, SIZE))).toBe(true)
    made.verify()
  })

  test('that are touched expire when they are told to, and not before', () => {
    const made = makeRuns()
    const { store } = made
    for (let i = 0; i < 100; i += 1) {
      store.put(putOf(`key-${i}`, valueOf(i, SIZE), { exptime: NOW + 100 }))
    }
    store.touch(Buffer.from('key-50'), 0, 6, NOW + 10)
    const head = store.runs.headOf(itemOf(store, 'key-50'))
    expect(store.segments.leastExptime(head)).toBe(NOW + 10)
    store.tick(NOW + 11)
    expect(read(store, 'key-50')).toBeUndefined()
    expect(read(store, 'key-51')).toBeDefined()
    made.verify()
  })
})

describe('a reader', () => {
  test('keeps what it reads, and little else, while its run is given up', () => {
    const made = makeRuns()
    const { store } = made
    for (let i = 0; i < 100; i += 1) setOf(store, `key-${i}`, valueOf(i, SIZE))
    const pinned = [0, 1, 3, 50].map(i => [i, pin(store, `key-${i}`)] as const)
    pinned.push([3, pin(store, 'key-3')])
    flood(made)
    for (const [i, item] of pinned) expect(copyOf(store, item).equals(valueOf(i, SIZE))).toBe(true)
    const left = Array.from({ length: made.layout.segmentCount }, (_, id) => id).filter(
      id => store.segments.state(id) === SegmentState.abandoned,
    )
    expect(left.length).toBeGreaterThan(0)
    expect(left.length).toBeLessThanOrEqual(8)
    for (const [i, item] of pinned) {
      expect(copyOf(store, item).equals(valueOf(i, SIZE))).toBe(true)
      store.largeSegments.unpin(item)
    }
    made.verify()
  })

  test('keeps a value that was deleted, the last of its run', () => {
    const made = makeRuns()
    const { store } = made
    const free = store.segments.freeCount
    setOf(store, 'a', valueOf(1, SIZE))
    const item = pin(store, 'a')
    store.flush(0)
    expect(store.remove(Buffer.from('a'), 0, 1)).toBe(false)
    flood(made)
    expect(copyOf(store, item).equals(valueOf(1, SIZE))).toBe(true)
    store.largeSegments.unpin(item)
    expect(free - store.segments.freeCount).toBeGreaterThan(0)
    made.verify()
  })
})

test('values that are replaced all the time leave those alone that are not', () => {
  const made = makeRuns()
  const { store } = made
  // One in many stays: each keeps a run, of which all else is given up by and by.
  for (let i = 0; i < 20_000; i += 1) {
    const isKept = i % 100 === 0
    setOf(store, isKept ? `kept-${i}` : `replaced-${i % 50}`, valueOf(i, SIZE))
  }
  expect(made.counters[StoreCounter.evictions]).toBe(0)
  for (let i = 0; i < 20_000; i += 100) {
    expect(peek(store, `kept-${i}`)!.value.equals(valueOf(i, SIZE))).toBe(true)
  }
  made.verify()
})
