/**
 * Making room: frees the oldest segment when nothing is free. (First in, first out; the policy is
 * one function, `#emptyOldest`.) Runs on the thread that needs the room, with no lock held on
 * entry.
 */
import type { HashIndex } from './hash-index.ts'
import { NO_SLOT } from './hash-index.ts'
import type { KeyHash } from './hash.ts'
import type { Items } from './items.ts'
import { NO_SEGMENT, type Segments } from './segments.ts'

export type EvictionParts = {
  bytes: Uint8Array
  index: HashIndex
  items: Items
  segments: Segments
  /** A hash of its own: the caller's holds the key that room is made for. */
  hash: KeyHash
  evict: boolean
  /** Unlinks and counts one item. Called with its bucket locked. */
  drop: (bucket: number, slot: number) => void
}

export class Eviction {
  readonly #parts: EvictionParts

  constructor(parts: EvictionParts) {
    this.#parts = parts
  }

  /** Opens a segment with room for `size` words; false when memory is full and stays so. */
  open(size: number): boolean {
    for (;;) {
      if (this.#parts.segments.openNext(size)) return true
      if (!this.#makeRoom()) return false
    }
  }

  /** A private chain of `count` segments, or NO_SEGMENT. */
  chain(count: number): number {
    for (;;) {
      const head = this.#parts.segments.takeChain(count)
      if (head !== NO_SEGMENT) return head
      if (!this.#parts.segments.mayTakeChain(count) || !this.#makeRoom()) return NO_SEGMENT
    }
  }

  #makeRoom(): boolean {
    if (this.#freeSome()) return true
    // Everything that is left may stand in the open segment.
    this.#parts.segments.sealOpen(!this.#parts.evict)
    return this.#freeSome()
  }

  /** Without eviction only what serves nobody may go: no live item, or all flushed. */
  #freeSome(): boolean {
    if (this.#parts.evict) return this.#emptyOldest(false)
    return this.#parts.segments.freeDead() || this.#emptyOldest(true)
  }

  #emptyOldest(flushedOnly: boolean): boolean {
    const { items, segments } = this.#parts
    const segment = segments.takeOldest(flushedOnly)
    if (segment === NO_SEGMENT) return false
    let item = segments.firstWord(segment)
    if (segments.isChain(segment)) {
      this.#drop(item)
      segments.finishEvictingChain(segment)
      return true
    }
    const end = item + segments.usedWords(segment)
    while (item < end) {
      this.#drop(item)
      item += items.sizeWords(item)
    }
    segments.finishEvicting(segment)
    return true
  }

  #drop(item: number): void {
    const { bytes, hash, index, items, drop } = this.#parts
    hash.of(bytes, items.keyAt(item), items.keySize(item))
    const bucket = index.bucketOf(hash)
    index.lock(bucket)
    const slot = index.findItem(bucket, item)
    if (slot !== NO_SLOT) drop(bucket, slot)
    index.unlock(bucket)
  }
}
