/**
 * What one thread has linked, unlinked, evicted and reclaimed: float64s that only it writes, and
 * its share of the count of linked items that all threads see, told some at a time.
 */
import { Cause, CLASS_COUNTERS, ClassTally } from './class-tally.ts'
import type { Items } from './items.ts'
import { SuperWord } from './layout.ts'
import { StoreCounter } from './put.ts'

/** Links and unlinks of a thread before the others hear of them. */
const LINKED_BATCH = 32

export class Tally {
  readonly #counters: Float64Array
  readonly #words: Uint32Array
  #untold = 0
  readonly classes: ClassTally
  #cause: Cause = Cause.removed
  /** Items this thread has unlinked: room may have been made. */
  unlinks = 0
  /** Told of every item that is evicted, while it can still be read. */
  onEvicted: ((item: number) => void) | undefined

  constructor(counters: Float64Array, words: Uint32Array, classes?: Float64Array) {
    this.#counters = counters
    this.#words = words
    this.classes = new ClassTally(classes ?? new Float64Array(CLASS_COUNTERS))
  }

  /** Items linked by all threads, nearly. */
  get linkedItems(): number {
    return this.#words[SuperWord.linkedItems]! | 0
  }

  linked(items: Items, item: number): void {
    this.#add(StoreCounter.totalItems, 1)
    this.#change(1, items.countedBytes(item))
    this.classes.linked(items, item)
  }

  /** An item in the place of another one of the same key. */
  replaced(items: Items, old: number, item: number): void {
    this.unlinks += 1
    this.#add(StoreCounter.totalItems, 1)
    this.#add(StoreCounter.bytes, items.countedBytes(item) - items.countedBytes(old))
    this.classes.replaced(items, old, item)
  }

  /** `evicted` or `reclaimed` say before why, if it is for one of these reasons. */
  unlinked(items: Items, item: number, now: number): void {
    this.unlinks += 1
    this.#change(-1, -items.countedBytes(item))
    this.classes.unlinked(items, item, this.#cause, now)
    if (this.#cause === Cause.evicted) this.onEvicted?.(item)
    this.#cause = Cause.removed
  }

  evicted(isRead: boolean): void {
    this.#cause = Cause.evicted
    this.#add(StoreCounter.evictions, 1)
    if (!isRead) this.#add(StoreCounter.evictedUnfetched, 1)
  }

  /** Expired or flushed, and now gone from memory. */
  reclaimed(isRead: boolean): void {
    this.#cause = Cause.reclaimed
    this.#add(StoreCounter.reclaimed, 1)
    if (!isRead) this.#add(StoreCounter.expiredUnfetched, 1)
  }

  #change(items: number, bytes: number): void {
    this.#add(StoreCounter.currItems, items)
    this.#add(StoreCounter.bytes, bytes)
    this.#untold += items
    if (this.#untold < LINKED_BATCH && this.#untold > -LINKED_BATCH) return
    Atomics.add(this.#words, SuperWord.linkedItems, this.#untold)
    this.#untold = 0
  }

  #add(counter: number, n: number): void {
    this.#counters[counter] = this.#counters[counter]! + n
  }
}
