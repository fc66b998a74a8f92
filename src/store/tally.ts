/**
 * What one thread has linked, unlinked, evicted and reclaimed: float64s that only it writes, and
 * its share of the count of linked items that all threads see, told some at a time.
 */
import { SuperWord } from './layout.ts'
import { StoreCounter } from './put.ts'

/** Links and unlinks of a thread before the others hear of them. */
const LINKED_BATCH = 32

export class Tally {
  readonly #counters: Float64Array
  readonly #words: Uint32Array
  #untold = 0
  /** Items this thread has unlinked: room may have been made. */
  unlinks = 0

  constructor(counters: Float64Array, words: Uint32Array) {
    this.#counters = counters
    this.#words = words
  }

  /** Items linked by all threads, nearly. */
  get linkedItems(): number {
    return this.#words[SuperWord.linkedItems]! | 0
  }

  linked(bytes: number): void {
    this.#add(StoreCounter.totalItems, 1)
    this.#change(1, bytes)
  }

  unlinked(bytes: number): void {
    this.unlinks += 1
    this.#change(-1, -bytes)
  }

  evicted(isFetched: boolean): void {
    this.#add(StoreCounter.evictions, 1)
    if (!isFetched) this.#add(StoreCounter.evictedUnfetched, 1)
  }

  /** Expired or flushed, and now gone from memory. */
  reclaimed(isFetched: boolean): void {
    this.#add(StoreCounter.reclaimed, 1)
    if (!isFetched) this.#add(StoreCounter.expiredUnfetched, 1)
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
