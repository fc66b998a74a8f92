import { describe, expect, test } from 'vitest'
import { INLINE_VALUE_MAX, itemSize } from '../../../src/base/item-size.ts'
import { Outcome, StoreCounter } from '../../../src/store/put.ts'
import { SegmentState } from '../../../src/store/segments.ts'
import type { Upload } from '../../../src/store/uploads.ts'
import { makeStore, MIB, putOf, read, setOf, type TestStore, valueOf } from './support.ts'

const GIB = 1024 * MIB

/** Sets `count` keys, none of which may be refused, and remembers nothing: values tell their key. */
function fill(made: TestStore, count: number, sizeOf: (i: number) => number): void {
  for (let i = 0; i < count; i += 1) setOf(made.store, `key-${i}`, valueOf(i, sizeOf(i)))
}

function survivors(made: TestStore, count: number, sizeOf: (i: number) => number): number[] {
  const found: number[] = []
  for (let i = 0; i < count; i += 1) {
    const item = read(made.store, `key-${i}`)
    if (item === undefined) continue
    if (!item.value.equals(valueOf(i, sizeOf(i)))) expect.fail(`key-${i} has another value`)
    found.push(i)
  }
  return found
}

/** Segments that the index has not taken. */
function itemSegments({ layout, store }: TestStore): number {
  const ids = Array.from({ length: layout.segmentCount }, (_, id) => id)
  return ids.filter(id => store.segments.state(id) !== SegmentState.index).length
}

type Mix = { name: string; count: number; sizeOf: (i: number) => number }

const mixes: readonly Mix[] = [
  { name: 'empty values', count: 240_000, sizeOf: () => 0 },
  { name: 'small values', count: 140_000, sizeOf: i => 40 + (i % 50) },
  { name: 'the largest inline values', count: 2_000, sizeOf: () => INLINE_VALUE_MAX },
  { name: 'all large, one segment', count: 1_000, sizeOf: i => INLINE_VALUE_MAX + 1 + i },
  { name: 'all large, up to 1 MiB', count: 120, sizeOf: i => 100_000 + ((i * 37_777) % 900_000) },
  {
    name: 'mixed sizes',
    count: 6_000,
    sizeOf: i => [0, 10, 100, 5_000, INLINE_VALUE_MAX, 20_000, 70_000][i % 7]! + (i % 13),
  },
]

describe.each(mixes)('filled far past memory: $name', ({ count, sizeOf }) => {
  test('every set is taken, the newest survive, and the parts agree', () => {
    const made = makeStore()
    fill(made, count, sizeOf)
    made.verify()
    const alive = survivors(made, count, sizeOf)
    expect(alive.length).toBe(made.counters[StoreCounter.currItems])
    expect(alive.length + made.counters[StoreCounter.evictions]!).toBe(count)
    expect(made.counters[StoreCounter.evictedUnfetched]).toBe(count - alive.length)
    expect(made.counters[StoreCounter.totalItems]).toBe(count)
    expect(made.counters[StoreCounter.bytes]).toBeLessThan(8 * MIB)
    expect(alive.at(-1)).toBe(count - 1)
    // First in, first out: what is gone was older than nearly all that is left.
    const newest = alive.slice(-Math.ceil(alive.length / 4))
    expect(newest[0]).toBeGreaterThanOrEqual(count - alive.length)
  })
})

test('overwriting one key for ever needs one segment, and evicts nobody else', () => {
  const made = makeStore()
  setOf(made.store, 'bystander', 'x')
  const other = 220 * 32
  for (let i = 0; i < other * 4; i += 1) setOf(made.store, 'hot', valueOf(i, 4000))
  expect(made.counters[StoreCounter.evictions]).toBeLessThanOrEqual(1)
  expect(read(made.store, 'hot')!.value).toEqual(valueOf(other * 4 - 1, 4000))
  made.verify()
})

test('deleting everything gives all memory back', () => {
  const made = makeStore()
  fill(made, 200, i => [10, 3000, 50_000][i % 3]!)
  for (let i = 0; i < 200; i += 1) {
    const key = Buffer.from(`key-${i}`)
    expect(made.store.remove(key, 0, key.length)).toBe(true)
  }
  expect(made.counters[StoreCounter.currItems]).toBe(0)
  expect(made.counters[StoreCounter.bytes]).toBe(0)
  // The one that is open stays, and the index.
  expect(made.store.segments.freeCount).toBeGreaterThanOrEqual(itemSegments(made) - 1)
  made.verify()
})

describe('with -M', () => {
  const full: readonly Mix[] = mixes.filter(({ name }) => !name.startsWith('all large, up'))

  test.each(full)('a full store refuses and keeps what it has: $name', ({ count, sizeOf }) => {
    const made = makeStore({ evict: false })
    const stored: number[] = []
    let refusals = 0
    for (let i = 0; i < count && refusals < 20; i += 1) {
      const outcome = made.store.put(putOf(`key-${i}`, valueOf(i, sizeOf(i))))
      if (outcome === Outcome.stored) stored.push(i)
      else expect(outcome).toBe(Outcome.noMemory)
      if (outcome !== Outcome.stored) refusals += 1
    }
    expect(refusals).toBe(20)
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    expect(survivors(made, count, sizeOf)).toEqual(stored)
    made.verify()
  })

  test('a refused set leaves nothing behind, a refused append or add everything', () => {
    const made = makeStore({ evict: false })
    let filled = 0
    while (made.store.put(putOf(`key-${filled}`, valueOf(filled, 9_000))) === Outcome.stored) {
      filled += 1
    }
    setOf(made.store, 'key-0', '')
    expect(made.store.put(putOf('key-3', valueOf(1, 16_000)))).toBe(Outcome.noMemory)
    expect(read(made.store, 'key-3')).toBeUndefined()
    const append = putOf('key-5', valueOf(1, 7_000), { mode: 3 })
    expect(made.store.put(append)).toBe(Outcome.notStored)
    expect(read(made.store, 'key-5')!.value).toEqual(valueOf(5, 9_000))
    made.verify()
  })

  test('room that deletes have made is used again', () => {
    const made = makeStore({ evict: false })
    let filled = 0
    while (made.store.put(putOf(`key-${filled}`, valueOf(filled, 9_000))) === Outcome.stored) {
      filled += 1
    }
    for (let i = 0; i < filled; i += 1) {
      const key = Buffer.from(`key-${i}`)
      expect(made.store.remove(key, 0, key.length)).toBe(true)
    }
    const before = filled
    while (made.store.put(putOf(`key-${filled}`, valueOf(filled, 9_000))) === Outcome.stored) {
      filled += 1
    }
    expect(filled - before).toBeGreaterThan(before * 0.9)
    made.verify()
  })

  test('the newest items deleted make room, although their segment is still open', () => {
    const made = makeStore({ evict: false })
    let filled = 0
    while (made.store.put(putOf(`key-${filled}`, valueOf(filled, 9_000))) === Outcome.stored) {
      filled += 1
    }
    for (let i = filled - 3; i < filled; i += 1) made.store.remove(Buffer.from(`key-${i}`), 0, 7)
    for (let i = filled - 3; i < filled; i += 1) {
      expect(read(made.store, `key-${i}`)).toBeUndefined()
    }
    expect(made.store.put(putOf('again', valueOf(1, 9_000)))).toBe(Outcome.stored)
  })
})

describe('large values', () => {
  test('a pinned value survives any eviction, and is freed at its last unpin', () => {
    const made = makeStore()
    const { store } = made
    const value = valueOf(7, 300_000)
    setOf(store, 'pinned', value)
    const item = store.find(Buffer.from('pinned'), 0, 6)
    const head = item
    expect(store.largeSegments.pin(head)).toBe(true)
    expect(store.largeSegments.pin(head)).toBe(true)
    store.unlock()
    fill(made, 200, () => 200_000)
    const before = made.counters[StoreCounter.evictions]!
    expect(before).toBeGreaterThan(100)
    expect(store.remove(Buffer.from('pinned'), 0, 6)).toBe(true)
    fill(made, 200, () => 200_000)
    const copy = Buffer.alloc(value.length)
    store.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(value)).toBe(true)
    store.largeSegments.unpin(head)
    fill(made, 200, () => 200_000)
    store.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(value)).toBe(true)
    store.largeSegments.unpin(head)
    made.verify()
  })

  test('pins take at most a quarter of memory', () => {
    const made = makeStore()
    const { store, layout } = made
    const pinned: number[] = []
    let refused = 0
    for (let i = 0; i < 100; i += 1) {
      setOf(store, `key-${i}`, valueOf(i, 100_000))
      const key = Buffer.from(`key-${i}`)
      const head = store.find(key, 0, key.length)
      if (store.largeSegments.pin(head)) pinned.push(head)
      else refused += 1
      store.unlock()
    }
    const each = store.large.segmentsFor(6, 100_000)
    expect(pinned.length).toBe(Math.floor(layout.segmentCount / 4 / each))
    expect(refused).toBe(100 - pinned.length)
    for (const head of pinned) store.largeSegments.unpin(head)
    made.verify()
  })

  test('private chains take at most half of memory, whoever opens them', () => {
    const made = makeStore()
    const { store, layout } = made
    fill(made, 500, () => 20_000)
    const put = putOf('private', '')
    put.valueSize = 100_000
    const uploads: Upload[] = []
    for (let i = 0; i < 200; i += 1) {
      const upload = store.uploads.open(put)
      if (upload !== undefined) uploads.push(upload)
    }
    const each = store.large.segmentsFor(7, 100_000)
    expect(uploads.length).toBe(Math.floor(layout.segmentCount / 2 / each))
    for (const upload of uploads) store.uploads.abandon(upload)
    expect(store.uploads.open(put)).toBeDefined()
    expect(store.largeSegments.mayTake(layout.segmentCount / 2 - each)).toBe(true)
  })

  test('chains abandoned half filled give their memory back', () => {
    const made = makeStore()
    const put = putOf('half', '')
    put.valueSize = 500_000
    for (let i = 0; i < 1000; i += 1) {
      const upload = made.store.uploads.open(put)!
      expect(made.store.uploads.fill(upload, valueOf(i, 250_000), 0, 250_000)).toBe(true)
      made.store.uploads.abandon(upload)
    }
    expect(made.store.segments.freeCount).toBe(itemSegments(made))
    made.verify()
  })

  test('a refused link gives its chain back', () => {
    const made = makeStore()
    setOf(made.store, 'a', 'old')
    const put = putOf('a', valueOf(1, 100_000), { mode: 5, cas: 999n })
    expect(made.store.uploads.put(put)).toBe(Outcome.exists)
    expect(read(made.store, 'a')!.value.toString()).toBe('old')
    made.verify()
  })

  /** memcached takes -I up to half of -m: what fits must be stored, and what is stored read. */
  test.each([
    ['a third of -m', 8 / 3],
    ['half of -m', 4],
  ])('an item of %s can be stored and read', (_, megabytes) => {
    const itemSizeMax = Math.floor(megabytes * MIB)
    const made = makeStore({ itemSizeMax })
    const size = itemSizeMax - itemSize(3, 0, 0)
    const value = valueOf(3, size)
    expect(made.store.put(putOf('big', value))).toBe(Outcome.stored)
    expect(read(made.store, 'big')!.value.equals(value)).toBe(true)
  })

  test.each([1, 4, 17])('values run through segments at offset %i GiB', gigabytes => {
    const segmentsAt = gigabytes * GIB
    const made = makeStore({ kind: 'mapped', segmentsAt })
    fill(made, 300, i => 10_000 + i * 777)
    made.verify()
    const alive = survivors(made, 300, i => 10_000 + i * 777)
    expect(alive.length).toBeGreaterThan(20)
    const item = made.store.find(Buffer.from('key-299'), 0, 7)
    made.store.unlock()
    expect(item * 4).toBeGreaterThanOrEqual(segmentsAt)
  })
})
