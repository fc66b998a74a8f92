/**
 * The hash index: where a key's item is. One bucket is one cache line of 16 words:
 *
 *   word 0,1  slot 0 … 12,13  slot 6     14  lock (of a main bucket)     15  chain
 *   slot      even word: tag (16 bits) · frequency (8) · location high (8)
 *             odd word:  location low
 *   chain     overflow bucket index + 1, 0 = none
 *
 * A location is an item's word (items.ts); location 0 is an empty slot. A bucket whose chain is
 * full gives up its first slot: the index is bounded, like everything else.
 */
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { KeyHash } from './hash.ts'
import type { Items } from './items.ts'
import { type Layout, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import type { Region } from './region.ts'

const BUCKET_WORDS = 16
const SLOTS = 7
const LOCK = 14
const CHAIN = 15
/** Overflow buckets that one main bucket may chain: more would make its lookups slow. */
const CHAIN_MAX = 4
const TWO_32 = 4294967296
const TAG_SHIFT = 16
const LOCATION_HIGH_MASK = 0xff

export const NO_SLOT = -1

export class HashIndex {
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #items: Items
  readonly #locks: Locks
  readonly #layout: Layout

  constructor(region: Region, items: Items, locks: Locks, layout: Layout) {
    this.#bytes = region.bytes
    this.#words = region.words
    this.#items = items
    this.#locks = locks
    this.#layout = layout
  }

  get bucketCount(): number {
    return this.#layout.bucketCount
  }

  /** The main bucket of a key, as a word. */
  bucketOf(hash: KeyHash): number {
    return this.#layout.bucketWord + (hash.bucket & (this.#layout.bucketCount - 1)) * BUCKET_WORDS
  }

  bucketAt(index: number): number {
    return this.#layout.bucketWord + index * BUCKET_WORDS
  }

  lock(bucket: number): void {
    this.#locks.lock(bucket + LOCK)
  }

  unlock(bucket: number): void {
    this.#locks.unlock(bucket + LOCK)
  }

  /** The slot (a word) that links a key, or NO_SLOT. Caller holds the bucket's lock. */
  find(bucket: number, hash: KeyHash, key: Uint8Array, keyAt: number, keySize: number): number {
    const words = this.#words
    const tag = hash.tag >>> TAG_SHIFT
    for (let at = bucket; at !== 0; at = this.#next(at)) {
      for (let slot = at; slot < at + SLOTS * 2; slot += 2) {
        if (words[slot]! >>> TAG_SHIFT !== tag) continue
        const item = this.location(slot)
        if (item === 0 || this.#items.keySize(item) !== keySize) continue
        if (equalBytes(this.#bytes, this.#items.keyAt(item), key, keyAt, keySize)) return slot
      }
    }
    return NO_SLOT
  }

  /** The slot that links exactly this item, or NO_SLOT. Caller holds the bucket's lock. */
  findItem(bucket: number, item: number): number {
    for (let at = bucket; at !== 0; at = this.#next(at)) {
      for (let slot = at; slot < at + SLOTS * 2; slot += 2) {
        if (this.location(slot) === item) return slot
      }
    }
    return NO_SLOT
  }

  /** The item a slot links; 0 when it is empty. */
  location(slot: number): number {
    return (this.#words[slot]! & LOCATION_HIGH_MASK) * TWO_32 + this.#words[slot + 1]!
  }

  /** An empty slot, from a new overflow bucket if need be, or NO_SLOT. Caller holds the lock. */
  emptySlot(bucket: number): number {
    let last = bucket
    let length = 0
    for (let at = bucket; at !== 0; at = this.#next(at)) {
      for (let slot = at; slot < at + SLOTS * 2; slot += 2) {
        if (this.location(slot) === 0) return slot
      }
      last = at
      length += 1
    }
    if (length > CHAIN_MAX) return NO_SLOT
    const overflow = this.#takeOverflow()
    if (overflow < 0) return NO_SLOT
    this.#words[last + CHAIN] = overflow + 1
    return this.#overflowWord(overflow)
  }

  /** Links an item. Caller holds the lock of the slot's bucket. */
  set(slot: number, hash: KeyHash, item: number): void {
    const high = Math.floor(item / TWO_32)
    this.#words[slot] = ((hash.tag >>> TAG_SHIFT) << TAG_SHIFT) | high
    this.#words[slot + 1] = item - high * TWO_32
  }

  /** Empties a slot. Caller holds the lock of its bucket. */
  clear(slot: number): void {
    this.#words[slot] = 0
    this.#words[slot + 1] = 0
  }

  /**
   * Gives overflow buckets at the end of a chain back once they are empty. Caller holds the lock.
   */
  trim(bucket: number): void {
    while (this.#words[bucket + CHAIN]! !== 0) {
      let previous = bucket
      let last = this.#next(bucket)
      while (this.#next(last) !== 0) {
        previous = last
        last = this.#next(last)
      }
      for (let slot = last; slot < last + SLOTS * 2; slot += 2) {
        if (this.location(slot) !== 0) return
      }
      this.#words[previous + CHAIN] = 0
      this.#giveOverflow(last)
    }
  }

  /** Calls `visit` with every linked item of a main bucket. Caller holds its lock. */
  forEach(bucket: number, visit: (item: number, slot: number) => void): void {
    for (let at = bucket; at !== 0; at = this.#next(at)) {
      for (let slot = at; slot < at + SLOTS * 2; slot += 2) {
        const item = this.location(slot)
        if (item !== 0) visit(item, slot)
      }
    }
  }

  #next(at: number): number {
    const chain = this.#words[at + CHAIN]!
    return chain === 0 ? 0 : this.#overflowWord(chain - 1)
  }

  #overflowWord(overflow: number): number {
    return this.#layout.bucketWord + (this.#layout.bucketCount + overflow) * BUCKET_WORDS
  }

  /** A free overflow bucket: a returned one first, then one never used. */
  #takeOverflow(): number {
    const words = this.#words
    this.#locks.lock(SuperWord.overflowLock)
    const returned = words[SuperWord.overflowFree]!
    let overflow = -1
    if (returned !== 0) {
      overflow = returned - 1
      const at = this.#overflowWord(overflow)
      words[SuperWord.overflowFree] = words[at + CHAIN]!
      words[at + CHAIN] = 0
    } else if (words[SuperWord.overflowNext]! < this.#layout.overflowCount) {
      overflow = words[SuperWord.overflowNext]!
      words[SuperWord.overflowNext] = overflow + 1
    }
    this.#locks.unlock(SuperWord.overflowLock)
    return overflow
  }

  #giveOverflow(at: number): void {
    const words = this.#words
    const overflow = (at - this.#overflowWord(0)) / BUCKET_WORDS
    this.#locks.lock(SuperWord.overflowLock)
    words[at + CHAIN] = words[SuperWord.overflowFree]!
    words[SuperWord.overflowFree] = overflow + 1
    this.#locks.unlock(SuperWord.overflowLock)
  }
}

// Invariants
assert(SLOTS * 2 === LOCK && CHAIN === BUCKET_WORDS - 1, 'slots, lock and chain tile a bucket')
