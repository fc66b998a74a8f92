/**
 * What one thread holds and has lost, by memcached's slab class: float64s that only it writes.
 * `stats items` and `stats slabs` add them up; the store itself has no classes.
 */
import { SLAB_CLASS_MAX, slabClass } from '../base/slab-class.ts'
import type { Items } from './items.ts'

export const ClassCounter = {
  items: 0,
  bytes: 1,
  evicted: 2,
  evictedNonzero: 3,
  /** Seconds since the item evicted last was used. */
  evictedTime: 4,
  evictedUnfetched: 5,
  reclaimed: 6,
  expiredUnfetched: 7,
  outOfMemory: 8,
  getHits: 9,
  cmdSet: 10,
  deleteHits: 11,
  incrHits: 12,
  decrHits: 13,
  casHits: 14,
  casBadval: 15,
  touchHits: 16,
} as const
export type ClassCounter = (typeof ClassCounter)[keyof typeof ClassCounter]

/** Float64s a class: whole cache lines. */
export const CLASS_BLOCK = 24
/** Classes are numbered from 1. */
export const CLASS_COUNTERS = (SLAB_CLASS_MAX + 1) * CLASS_BLOCK

/** Why an item is unlinked. */
export const Cause = { removed: 0, evicted: 1, reclaimed: 2 } as const
export type Cause = (typeof Cause)[keyof typeof Cause]

export class ClassTally {
  readonly #counters: Float64Array

  constructor(counters: Float64Array) {
    this.#counters = counters
  }

  /** Something was done with an item of this size. */
  count(size: number, counter: ClassCounter): void {
    this.#add(slabClass(size), counter, 1)
  }

  /** … or with this very item. Caller holds its bucket lock. */
  countItem(items: Items, item: number, counter: ClassCounter): void {
    this.#add(slabClass(items.memcachedBytes(item)), counter, 1)
  }

  linked(items: Items, item: number): void {
    const size = items.memcachedBytes(item)
    const slab = slabClass(size)
    this.#add(slab, ClassCounter.items, 1)
    this.#add(slab, ClassCounter.bytes, size)
  }

  /** The same as linked and unlinked. */
  replaced(items: Items, old: number, item: number): void {
    const oldSize = items.memcachedBytes(old)
    const size = items.memcachedBytes(item)
    const oldSlab = slabClass(oldSize)
    const slab = slabClass(size)
    if (slab !== oldSlab) {
      this.#add(oldSlab, ClassCounter.items, -1)
      this.#add(slab, ClassCounter.items, 1)
      this.#add(oldSlab, ClassCounter.bytes, -oldSize)
      this.#add(slab, ClassCounter.bytes, size)
    } else if (size !== oldSize) {
      this.#add(slab, ClassCounter.bytes, size - oldSize)
    }
  }

  unlinked(items: Items, item: number, cause: Cause, now: number): void {
    const size = items.memcachedBytes(item)
    const slab = slabClass(size)
    this.#add(slab, ClassCounter.items, -1)
    this.#add(slab, ClassCounter.bytes, -size)
    if (cause === Cause.evicted) this.#evicted(items, item, slab, now)
    else if (cause === Cause.reclaimed) {
      this.#add(slab, ClassCounter.reclaimed, 1)
      if (!items.isRead(item)) this.#add(slab, ClassCounter.expiredUnfetched, 1)
    }
  }

  #evicted(items: Items, item: number, slab: number, now: number): void {
    this.#add(slab, ClassCounter.evicted, 1)
    if (items.exptime(item) !== 0) this.#add(slab, ClassCounter.evictedNonzero, 1)
    if (!items.isRead(item)) this.#add(slab, ClassCounter.evictedUnfetched, 1)
    const idle = Math.max(0, now - items.lastAccess(item))
    this.#counters[slab * CLASS_BLOCK + ClassCounter.evictedTime] = idle
  }

  #add(slab: number, counter: ClassCounter, n: number): void {
    const at = slab * CLASS_BLOCK + counter
    this.#counters[at] = this.#counters[at]! + n
  }
}
