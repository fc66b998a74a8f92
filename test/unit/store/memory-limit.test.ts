import { closeSync, openSync, readSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Eviction } from '../../../src/store/eviction.ts'
import { layoutOf, segmentsWithin, SuperWord } from '../../../src/store/layout.ts'
import { LimitOutcome, MemoryLimit } from '../../../src/store/memory-limit.ts'
import { Outcome, StoreCounter } from '../../../src/store/put.ts'
import { createRegion, type Region } from '../../../src/store/region.ts'
import { SegmentState } from '../../../src/store/segments.ts'
import { Store } from '../../../src/store/store.ts'
import { makeStore, MIB, peek, putOf, read, SEED, setOf } from './support.ts'
import { type TestStore, type TestStoreOptions, valueOf } from './support.ts'

const PAGE_BYTES = 4096

type Limited = TestStore & {
  limit: MemoryLimit
  /** One slice of as many steps as its budget allows: each look at the clock takes 1 ms. */
  slice(budgetMs: number): boolean
  settle(): void
}

function makeLimited(options: TestStoreOptions = {}): Limited {
  const made = makeStore({ reserveBytes: 64 * MIB, kind: 'mapped', ...options })
  const other = made.another()
  const eviction = new Eviction(other, other.newHash(), { evict: options.evict ?? true })
  const limit = new MemoryLimit(other, made.region)
  let nowMs = 0
  const tick = (): number => {
    nowMs += 1
    return nowMs
  }
  const slice = (budgetMs: number): boolean => limit.slice(eviction, tick, budgetMs)
  const settle = (): void => {
    for (let i = 0; !slice(5); i += 1) expect(i).toBeLessThan(10_000)
  }
  return { ...made, limit, slice, settle }
}

/** Bytes of a region that are in memory: bit 63 of each page's word (the kernel's pagemap.rst). */
function residentBytes({ handle }: Region): number {
  if (handle.kind === 'shared') throw new Error('Cannot look at shared memory: expected a mapping')
  const words = Buffer.alloc((handle.sizeBytes / PAGE_BYTES) * 8)
  const file = openSync('/proc/self/pagemap', 'r')
  expect(readSync(file, words, 0, words.length, (handle.address / PAGE_BYTES) * 8)).toBe(
    words.length,
  )
  closeSync(file)
  let pages = 0
  for (let at = 7; at < words.length; at += 8) if (words[at]! >= 0x80) pages += 1
  return pages * PAGE_BYTES
}

/** Sets `key-0` … with values of 1000 bytes; how many. */
function fill(store: Store, bytes: number, from = 0): number {
  const count = Math.floor(bytes / 1040)
  for (let i = from; i < from + count; i += 1) setOf(store, `key-${i}`, valueOf(i, 1000))
  return count
}

/** Of those set by `fill`, how many are there; each must be whole. */
function countAlive(store: Store, count: number): number {
  let alive = 0
  for (let i = 0; i < count; i += 1) {
    const found = peek(store, `key-${i}`)
    if (found === undefined) continue
    alive += 1
    expect(found.value.equals(valueOf(i, 1000)), `key-${i}`).toBe(true)
  }
  return alive
}

function setWhileStored(store: Store): number {
  let count = 0
  while (store.put(putOf(`more-${count}`, valueOf(count, 900))) === Outcome.stored) count += 1
  return count
}

describe('a higher memory limit', () => {
  test('is there at once: what does not fit without it is stored, and nothing is evicted', () => {
    const made = makeLimited()
    expect(made.limit.bytes).toBe(8 * MIB)
    expect(made.limit.set(20)).toBe(LimitOutcome.done)
    expect(made.limit.bytes).toBe(20 * MIB)
    const count = fill(made.store, 16 * MIB)
    expect(countAlive(made.store, count)).toBe(count)
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    const { supply } = made.store.segments
    expect(supply.wanted).toBe(layoutOf(20 * MIB).segmentCount)
    expect(supply.inHand).toBeGreaterThan((16 * MIB) / made.layout.segmentBytes)
    expect(supply.inHand).toBeLessThan(supply.wanted)
    made.verify()
  })

  test('gives -M room at once, and only as much as it says', () => {
    const made = makeLimited({ evict: false })
    const before = setWhileStored(made.store)
    made.limit.set(16)
    // What is there is set again, and as much beside it.
    const after = setWhileStored(made.store)
    expect(after / before).toBeGreaterThan(1.95)
    expect(after / before).toBeLessThan(2.1)
    made.verify()
  })

  test('adds segments as they are wanted, for items, large values and the index alike', () => {
    const made = makeLimited({ memoryBytes: 8 * MIB, itemSizeMax: 16 * MIB })
    const { supply } = made.store.segments
    fill(made.store, 9 * MIB)
    const before = supply.inHand
    made.limit.set(32)
    expect(supply.inHand).toBe(before)
    setOf(made.store, 'large', valueOf(1, 15 * MIB))
    // Some were free: what eviction keeps so.
    expect(supply.inHand).toBeGreaterThan(before + (14.5 * MIB) / made.layout.segmentBytes)
    expect(supply.inHand).toBeLessThan(before + (16 * MIB) / made.layout.segmentBytes)
    for (let i = 0; i < 150_000; i += 1) setOf(made.store, `i${i}`, '')
    expect(made.store.index.sizeBytes).toBeGreaterThan(1.4 * MIB)
    expect(countAlive(made.store, 8000)).toBeGreaterThan(6000)
    expect(read(made.store, 'large')).toBeDefined()
    made.verify()
    fill(made.store, 30 * MIB)
    expect(supply.inHand).toBe(supply.wanted)
    expect(made.counters[StoreCounter.evictions]).toBeGreaterThan(0)
    made.verify()
  })
})

describe('a lower memory limit', () => {
  test.each([100, 900, 16_000])('evicts and stays: values of %i bytes', size => {
    const made = makeLimited({ memoryBytes: 14 * MIB })
    const count = Math.floor((18 * MIB) / (size + 40))
    for (let i = 0; i < count; i += 1) setOf(made.store, `k${i}`, valueOf(i, size))
    made.limit.set(10)
    expect(made.slice(2)).toBe(false)
    made.settle()
    expect(made.store.segments.supply.inHand).toBe(made.store.segments.supply.wanted)
    expect(made.counters[StoreCounter.bytes]).toBeLessThan(10 * MIB)
    expect(made.counters[StoreCounter.bytes]).toBeGreaterThan(3 * MIB)
    for (let i = 0; i < count; i += 1) {
      const found = peek(made.store, `k${i}`)
      if (found) expect(found.value.equals(valueOf(i, size))).toBe(true)
    }
    made.verify()
    for (let i = 0; i < count; i += 1) setOf(made.store, `k${i}`, valueOf(i, size))
    expect(made.store.segments.supply.inHand).toBe(made.store.segments.supply.wanted)
    made.verify()
  })

  test('gives memory back to the kernel, and takes it again when it is raised', () => {
    const made = makeLimited({ memoryBytes: 48 * MIB, reserveBytes: 48 * MIB })
    const resident = (): number => residentBytes(made.region) / MIB
    fill(made.store, 60 * MIB)
    expect(resident()).toBeGreaterThan(46)
    made.limit.set(16)
    made.settle()
    expect(resident()).toBeLessThan(16.2)
    made.limit.set(32)
    fill(made.store, 40 * MIB)
    expect(resident()).toBeGreaterThan(28)
    expect(resident()).toBeLessThan(32.2)
    made.verify()
  })

  test('keeps what is read, drops what is not', () => {
    const made = makeLimited({ memoryBytes: 32 * MIB })
    const count = fill(made.store, 24 * MIB)
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 2000; i += 1) read(made.store, `key-${i * 10}`)
    }
    made.limit.set(12)
    made.settle()
    let kept = 0
    for (let i = 0; i < 2000; i += 1) if (peek(made.store, `key-${i * 10}`)) kept += 1
    // Of 22,000 that nobody read, some 10,000 fit beside them.
    expect(kept).toBeGreaterThan(1500)
    expect(countAlive(made.store, count)).toBeLessThan(count * 0.6)
    made.verify()
  })

  test('with -M drops nothing: it is reached as items go', () => {
    const made = makeLimited({ memoryBytes: 16 * MIB, evict: false })
    const { supply } = made.store.segments
    const count = fill(made.store, 14 * MIB)
    made.limit.set(8)
    made.settle()
    expect(supply.inHand).toBeGreaterThan(supply.wanted)
    expect(countAlive(made.store, count)).toBe(count)
    // Into what room open segments have left.
    expect(setWhileStored(made.store)).toBeLessThan(2 * 35)
    for (let i = 0; i < count; i += 1) {
      if (i % 3 > 0) made.store.remove(Buffer.from(`key-${i}`), 0, `key-${i}`.length)
    }
    made.settle()
    expect(supply.inHand).toBe(supply.wanted)
    expect(countAlive(made.store, count)).toBe(Math.ceil(count / 3))
    made.verify()
  })

  test('works while another thread puts between its slices', () => {
    const made = makeLimited({ memoryBytes: 32 * MIB })
    let next = fill(made.store, 40 * MIB)
    made.limit.set(8)
    let slices = 0
    while (!made.slice(3)) {
      slices += 1
      expect(slices).toBeLessThan(5_000)
      next += fill(made.store, 50_000, next)
    }
    expect(slices).toBeGreaterThan(10)
    expect(countAlive(made.store, next)).toBeGreaterThan(1000)
    made.verify()
  })

  test('leaves private and pinned values whole, and gets their memory later', () => {
    const made = makeLimited({ memoryBytes: 16 * MIB })
    const { store } = made
    setOf(store, 'pinned', valueOf(1, 1_500_000))
    const head = store.find(Buffer.from('pinned'), 0, 6)
    expect(store.largeSegments.pin(head)).toBe(true)
    store.unlock()
    const put = putOf('private', valueOf(2, 1_000_000))
    const own = store.uploads.open(put)!
    expect(store.uploads.fill(own, put.value, 0, 400_000)).toBe(true)
    fill(store, 20 * MIB)
    made.limit.set(8)
    made.settle()
    const copy = Buffer.alloc(1_500_000)
    store.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(valueOf(1, 1_500_000))).toBe(true)
    store.largeSegments.unpin(head)
    expect(store.uploads.fill(own, put.value, 400_000, 600_000)).toBe(true)
    expect(store.uploads.link(put, own)).toBe(Outcome.stored)
    made.settle()
    expect(read(store, 'private')!.value.equals(valueOf(2, 1_000_000))).toBe(true)
    made.verify()
  })

  test('holds for a value that would need more than all of it', () => {
    const made = makeLimited({ memoryBytes: 32 * MIB, itemSizeMax: 16 * MIB })
    setOf(made.store, 'large', valueOf(1, 12 * MIB))
    made.limit.set(8)
    made.settle()
    expect(read(made.store, 'large')).toBeUndefined()
    setOf(made.store, 'small', 'x')
    expect(made.store.put(putOf('large', valueOf(1, 12 * MIB)))).toBe(Outcome.noMemory)
    // Nothing is evicted for what cannot be.
    expect(read(made.store, 'small')).toBeDefined()
    made.verify()
  })
})

describe('MemoryLimit.set()', () => {
  test('refuses what is too small, in bytes, or beyond what is reserved', () => {
    const made = makeLimited()
    expect(made.limit.set(0)).toBe(LimitOutcome.tooSmall)
    expect(made.limit.set(7)).toBe(LimitOutcome.tooSmall)
    expect(made.limit.set(8)).toBe(LimitOutcome.done)
    expect(made.limit.set(64)).toBe(LimitOutcome.done)
    expect(made.limit.set(65)).toBe(LimitOutcome.outOfBounds)
    expect(made.limit.set(1_000_000_000)).toBe(LimitOutcome.outOfBounds)
    expect(made.limit.set(1_000_000_001)).toBe(LimitOutcome.inBytes)
    expect(made.limit.set(2 ** 32 - 1)).toBe(LimitOutcome.inBytes)
    expect(made.limit.bytes).toBe(64 * MIB)
    made.settle()
    made.verify()
  })

  test('by two threads at once leaves what one of them said', () => {
    const made = makeLimited()
    const { words } = made.region
    const { layout } = made
    const limit = new MemoryLimit(made.store, made.region)
    const other = new MemoryLimit(made.another(), made.region)
    const { locks } = made.store
    const lock = locks.lock.bind(locks)
    const unlock = locks.unlock.bind(locks)
    let before = true
    locks.lock = word => {
      if (before) expect(other.set(32)).toBe(LimitOutcome.done)
      before = false
      lock(word)
    }
    let written = 0
    locks.unlock = word => {
      // Whoever comes now waits for this thread: both words are there before it lets go.
      written = words[SuperWord.wantedCount]!
      unlock(word)
    }
    expect(limit.set(16)).toBe(LimitOutcome.done)
    expect(before).toBe(false)
    expect(written).toBe(segmentsWithin(16 * MIB, layout.segmentBytes))
    expect(limit.bytes).toBe(16 * MIB)
  })

  test('without a reserve comes back to the start, and no further', () => {
    const made = makeLimited({ memoryBytes: 16 * MIB, reserveBytes: 16 * MIB, kind: 'shared' })
    const count = fill(made.store, 20 * MIB)
    expect(made.limit.set(17)).toBe(LimitOutcome.outOfBounds)
    for (const megabytes of [8, 16, 9, 16]) {
      expect(made.limit.set(megabytes)).toBe(LimitOutcome.done)
      made.settle()
      fill(made.store, 20 * MIB)
      expect(made.counters[StoreCounter.bytes]).toBeLessThan(megabytes * MIB)
      expect(countAlive(made.store, count)).toBeGreaterThan(megabytes * 500)
      made.verify()
    }
  })

  test('refuses what leaves too little beside the index', () => {
    // Segments of 256 KiB: 30 of them in 8 MB, the index takes more than ten.
    const made = makeLimited({ memoryBytes: 256 * MIB, reserveBytes: 256 * MIB })
    for (let i = 0; i < 300_000; i += 1) setOf(made.store, `i${i}`, '')
    expect(made.store.index.sizeBytes).toBeGreaterThan(2.5 * MIB)
    expect(made.limit.set(8)).toBe(LimitOutcome.outOfBounds)
    expect(made.limit.bytes).toBe(256 * MIB)
    expect(made.limit.set(10)).toBe(LimitOutcome.done)
    made.settle()
    made.verify()
  })
})

test('segments that are given back are nobody’s: their memory is zero', () => {
  const made = makeLimited({ memoryBytes: 32 * MIB })
  fill(made.store, 40 * MIB)
  made.limit.set(8)
  made.settle()
  const { segments } = made.store
  let away = 0
  for (let id = 0; id < segments.count; id += 1) {
    if (segments.state(id) !== SegmentState.away) continue
    away += 1
    const at = segments.firstWord(id)
    expect(made.region.words.subarray(at, at + made.layout.segmentWords).every(w => w === 0)).toBe(
      true,
    )
  }
  expect(away).toBe(segments.count - segments.supply.inHand)
  expect(away).toBeGreaterThan(500)
})

test('address space beyond the limit costs nothing until it is used', () => {
  const layout = layoutOf(8 * MIB, { reserveBytes: 4096 * MIB })
  const region = createRegion(layout.totalBytes, 'mapped')
  expect(layout.segmentCount).toBe(layoutOf(8 * MIB).segmentCount)
  Store.format(region, layout, SEED)
  // Superblock, metadata and the index's first buckets, each perhaps on a huge page.
  expect(residentBytes(region)).toBeLessThanOrEqual(6 * MIB)
})
