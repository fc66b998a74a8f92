import { describe, expect, test } from 'vitest'
import { StoreCounter } from '../../../src/store/put.ts'
import { Reclaimer } from '../../../src/store/reclaimer.ts'
import { read, makeStore, MIB, NOW, peek, putOf, setOf } from './support.ts'
import { type TestStore, type TestStoreOptions, valueOf } from './support.ts'

type Made = TestStore & { reclaimer: Reclaimer; clock: { ms: number; perLook: number } }

/** Each look at the clock takes `perLook` milliseconds. */
function makeReclaimed(options: TestStoreOptions = {}): Made {
  const made = makeStore({ checked: true, ...options })
  const clock = { ms: 0, perLook: 0 }
  const nowMs = (): number => {
    clock.ms += clock.perLook
    return clock.ms
  }
  return { ...made, clock, reclaimer: new Reclaimer(made.another(), nowMs) }
}

/** Two rounds: what is open is sealed in the first. */
function goRound({ reclaimer }: Made, now: number): void {
  for (let round = 0; round < 2; round += 1) expect(reclaimer.slice(now, 1)).toBe(true)
}

const itemCount = (made: Made): number => made.counters[StoreCounter.currItems]!

/** `count` items, the i-th due `i % seconds` after the next second. */
function fill({ store }: Made, count: number, seconds: number): void {
  for (let i = 0; i < count; i += 1) {
    store.put(putOf(`key-${i}`, valueOf(i, 50), { exptime: NOW + 1 + (i % seconds) }))
  }
}

describe('Reclaimer.slice()', () => {
  test('takes what is due, second by second, and nothing else', () => {
    const made = makeReclaimed()
    fill(made, 10_000, 10)
    for (let i = 0; i < 50; i += 1) setOf(made.store, `for-ever-${i}`, 'x')
    for (let second = 0; second <= 10; second += 1) {
      goRound(made, NOW + second)
      expect(itemCount(made), `second ${second}`).toBe(50 + (10 - second) * 1000)
      made.verify()
    }
    expect(made.counters[StoreCounter.reclaimed]).toBe(10_000)
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    expect(made.store.segments.freeCount).toBeGreaterThan(made.layout.segmentCount - 8)
  })

  test('stops when its time is over, and goes on where it stopped', () => {
    const made = makeReclaimed()
    fill(made, 10_000, 1)
    made.clock.perLook = 1
    let slices = 0
    let before = itemCount(made)
    for (let rounds = 0; rounds < 2; slices += 1) {
      if (made.reclaimer.slice(NOW + 1, 2)) rounds += 1
      // Two strides of 64 at the most, and the rest of a segment's look.
      expect(before - itemCount(made)).toBeLessThanOrEqual(3 * 64)
      before = itemCount(made)
      expect(slices).toBeLessThan(5_000)
    }
    expect(slices).toBeGreaterThan(50)
    expect(itemCount(made)).toBe(0)
    made.verify()
  })

  test('spares what is touched before it comes by, and takes it at its new time', () => {
    const made = makeReclaimed()
    fill(made, 1_000, 1)
    for (let i = 0; i < 1_000; i += 10) {
      made.store.touch(Buffer.from(`key-${i}`), 0, `key-${i}`.length, NOW + 5)
    }
    goRound(made, NOW + 4)
    expect(itemCount(made)).toBe(100)
    expect(peek(made.store, 'key-990')!.value.equals(valueOf(990, 50))).toBe(true)
    goRound(made, NOW + 5)
    expect(itemCount(made)).toBe(0)
    made.verify()
  })

  test('takes what is touched to fall due earlier', () => {
    const made = makeReclaimed()
    for (let i = 0; i < 500; i += 1) setOf(made.store, `key-${i}`, 'x')
    for (let i = 0; i < 500; i += 2) {
      made.store.touch(Buffer.from(`key-${i}`), 0, `key-${i}`.length, NOW + 1)
    }
    goRound(made, NOW + 1)
    expect(itemCount(made)).toBe(250)
    made.verify()
  })

  test('takes large values, also one that is being read: that goes with its last reader', () => {
    const made = makeReclaimed({ memoryBytes: 16 * MIB })
    const { store } = made
    const free = store.segments.freeCount
    for (const key of ['one', 'two']) {
      store.put(putOf(key, valueOf(1, 500_000), { exptime: NOW + 1 }))
    }
    const head = store.find(Buffer.from('two'), 0, 3)
    expect(store.largeSegments.pin(head)).toBe(true)
    store.unlock()
    goRound(made, NOW + 1)
    expect(itemCount(made)).toBe(0)
    const copy = Buffer.alloc(500_000)
    store.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(valueOf(1, 500_000))).toBe(true)
    expect(store.segments.freeCount).toBeLessThan(free)
    store.largeSegments.unpin(head)
    expect(store.segments.freeCount).toBe(free)
    made.verify()
  })

  test('takes what was flushed, wherever it is, and nothing stored since', () => {
    const made = makeReclaimed({ memoryBytes: 16 * MIB, eviction: { probationShare: 0.1 } })
    const { store } = made
    const free = store.segments.freeCount
    // Far more than there is room for, half of it read: some of it moves to the main part.
    for (let i = 0; i < 60_000; i += 1) {
      setOf(store, `key-${i}`, valueOf(i, 500))
      if (i % 2 === 0) read(store, `key-${i - (i % 4)}`)
      if (i % 2000 === 0) setOf(store, `large-${i}`, valueOf(i, 100_000))
    }
    const { lists } = store.segments
    const { chainCount, ttlBucketCount } = made.layout
    const main = Array.from({ length: chainCount - ttlBucketCount }, (_, at) => {
      return lists.count(ttlBucketCount + at)
    })
    expect(Math.max(...main)).toBeGreaterThan(0)
    const indexed = store.index.sizeBytes
    store.segments.flush()
    setOf(store, 'after', 'x')
    setOf(store, 'after-large', valueOf(1, 100_000))
    goRound(made, NOW)
    expect(itemCount(made)).toBe(2)
    expect(peek(store, 'after-large')!.value.equals(valueOf(1, 100_000))).toBe(true)
    made.verify()
    // One that is open, four of the large value; what the index has grown by meanwhile stays.
    const ofLarge = Math.ceil(100_000 / made.layout.segmentBytes)
    const grown = free - store.segments.freeCount - ofLarge - 1
    expect(grown * made.layout.segmentBytes).toBeLessThanOrEqual(indexed)
  })

  test('gives a flushed large value that is being read to its last reader', () => {
    const made = makeReclaimed({ memoryBytes: 16 * MIB })
    const { store } = made
    const free = store.segments.freeCount
    setOf(store, 'key', valueOf(1, 500_000))
    const head = store.find(Buffer.from('key'), 0, 3)
    expect(store.largeSegments.pin(head)).toBe(true)
    store.unlock()
    store.segments.flush()
    for (let rounds = 0; rounds < 3; rounds += 1) goRound(made, NOW)
    expect(itemCount(made)).toBe(0)
    const copy = Buffer.alloc(500_000)
    store.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(valueOf(1, 500_000))).toBe(true)
    store.largeSegments.unpin(head)
    expect(store.segments.freeCount).toBe(free)
    made.verify()
  })

  test('of a store without anything due looks at no item', () => {
    const made = makeReclaimed()
    fill(made, 2_000, 1)
    made.clock.perLook = 1
    expect(made.reclaimer.slice(NOW, 100_000)).toBe(true)
    expect(made.clock.ms).toBeLessThanOrEqual(made.store.segments.count + 2)
    expect(itemCount(made)).toBe(2_000)
  })
})
