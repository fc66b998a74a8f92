/**
 * Goes over the items of a segment that nobody writes into. Each is looked up in the index, and the
 * buckets lie anywhere in memory: they are read some at a time before, because memory answers many
 * reads in nearly the time of one (a quarter less CPU time for a segment: bench:store, aside).
 */
import type { KeyHash } from './hash.ts'
import type { Store } from './store.ts'

/** Items whose buckets are fetched at once. */
const GROUP = 16

export class SegmentWalk {
  readonly #store: Store
  readonly #hash: KeyHash
  readonly #buckets = new Float64Array(GROUP)

  /** @param hash one that nobody else uses while an item is sought. */
  constructor(store: Store, hash: KeyHash) {
    this.#store = store
    this.#hash = hash
  }

  /** Calls `visit` with every item, linked or not. Caller has taken the segment. */
  eachItem(segment: number, visit: (item: number) => void): void {
    const { items, segments } = this.#store
    let item = segments.firstWord(segment)
    const end = item + segments.usedWords(segment)
    while (item < end) {
      const groupEnd = this.#fetchBuckets(item, end)
      while (item < groupEnd) {
        const size = items.sizeWords(item)
        visit(item)
        item += size
      }
    }
  }

  /** Has the buckets of some items at hand before they are locked one by one; where they end. */
  #fetchBuckets(first: number, end: number): number {
    const { bytes, index, items } = this.#store
    let item = first
    let count = 0
    for (; count < GROUP && item < end; count += 1) {
      this.#hash.of(bytes, items.keyAt(item), items.keySize(item))
      this.#buckets[count] = index.bucketOf(this.#hash)
      item += items.sizeWords(item)
    }
    index.fetch(this.#buckets, count)
    return item
  }
}
