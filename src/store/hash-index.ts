/**
 * The hash index: where a key's item is. One bucket is one cache line of 16 words:
 *
 *   word 0,1  slot 0 … 12,13  slot 6     14  lock (of a main bucket)     15  chain
 *   slot      even word: tag (16 bits) · frequency (8) · location high (8)
 *             odd word:  location low
 *   chain     overflow bucket index + 1, 0 = none
 *
 * A location is an item's word (items.ts); location 0 is an empty slot. A bucket whose chain is
 * full gives up a slot: the index is bounded, like everything else.
 *
 * It grows by linear hashing (Litwin 1980), one bucket at a time, so nothing ever waits for it: of
 * N main buckets, with L the power of two at or below N, a key is in bucket h mod 2L if that is
 * below N, else in h mod L. Bucket N is made by moving what belongs there out of bucket N - L:
 *
 *   0 ……… N-L ……… L ……… N          split N-L ──▶ N-L and N, then N + 1
 *   split   │ not yet  │ new ones
 *
 * Whoever has locked the bucket of a key looks at N again: it may have been split meanwhile.
 */
import { assert } from '../base/assert.ts'
import type { KeyHash } from './hash.ts'
import type { Items } from './items.ts'
import { BUCKET_BYTES, type Layout, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import { OverflowBuckets } from './overflow-buckets.ts'
import type { Region } from './region.ts'

const BUCKET_WORDS = 16
/** Of the cache. */
const LINE_WORDS = 16
const SLOTS = 7
const LOCK = 14
const CHAIN = 15
/** Overflow buckets that one main bucket may chain: more would make its lookups slow. */
const CHAIN_MAX = 4
const TWO_32 = 4294967296
const TAG_SHIFT = 16
const LOCATION_HIGH_MASK = 0xff
const FREQUENCY_SHIFT = 8
export const FREQUENCY_MAX = 0xff
/**
 * Items a main bucket holds on average before the index grows. Of 7 slots that is a load of 0.93;
 * what does not fit goes to overflow buckets, some 13 bytes an item in all.
 */
const ITEMS_PER_BUCKET = 6.5

export const NO_SLOT = -1

export class HashIndex {
  readonly overflow: OverflowBuckets
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #items: Items
  readonly #locks: Locks
  readonly #layout: Layout
  readonly #perSegment: number
  readonly #perSegmentBits: number
  readonly #directoryWord: number
  readonly #segmentsWord: number
  readonly #segmentWords: number
  /** Of no use, but without it the compiler would leave such reads out. */
  fetched = 0
  /** Slots of a chain that is being split: two words each. */
  readonly #scratch = new Uint32Array((CHAIN_MAX + 1) * SLOTS * 2)

  constructor(region: Region, items: Items, locks: Locks, layout: Layout) {
    this.#bytes = region.bytes
    this.#words = region.words
    this.#items = items
    this.#locks = locks
    this.#layout = layout
    this.#perSegment = layout.bucketsPerSegment
    this.#perSegmentBits = Math.log2(layout.bucketsPerSegment)
    this.#directoryWord = layout.directoryWord
    this.#segmentsWord = layout.segmentsWord
    this.#segmentWords = layout.segmentWords
    this.overflow = new OverflowBuckets(region, locks, layout)
  }

  /**
   * Main buckets there are now. An ordinary read: what it says is looked at again under a lock,
   * which comes behind the one under which it was last changed.
   */
  get bucketCount(): number {
    return this.#words[SuperWord.bucketCount]!
  }

  /** What it takes of the store's memory, overflow buckets included. */
  get sizeBytes(): number {
    return (this.bucketCount + this.overflow.usedCount) * BUCKET_BYTES
  }

  /** Whether there are too many items for the buckets. */
  get wantsGrowth(): boolean {
    const items = this.#words[SuperWord.linkedItems]! | 0
    return items > this.#words[SuperWord.bucketCount]! * ITEMS_PER_BUCKET
  }

  /** The first buckets; once, before any other thread starts. `segment`: zeroed, of the index. */
  format(segment: number): void {
    this.#words[this.#layout.directoryWord] = segment + 1
    this.#words[SuperWord.bucketCount] = this.#perSegment
  }

  /** The main bucket of a key, as a word; without its lock, of this moment only. */
  bucketOf(hash: KeyHash): number {
    return this.bucketAt(this.#indexOf(hash.bucket, this.bucketCount))
  }

  bucketAt(index: number): number {
    const segment = this.#words[this.#directoryWord + (index >>> this.#perSegmentBits)]!
    const first = this.#segmentsWord + (segment - 1) * this.#segmentWords
    return first + (index & (this.#perSegment - 1)) * BUCKET_WORDS
  }

  /** Locks the main bucket of a key and returns it. */
  lockFor(hash: KeyHash): number {
    for (;;) {
      const count = this.bucketCount
      const index = this.#indexOf(hash.bucket, count)
      const bucket = this.bucketAt(index)
      this.lock(bucket)
      const now = this.bucketCount
      if (now === count || this.#indexOf(hash.bucket, now) === index) return bucket
      this.unlock(bucket)
    }
  }

  /** How many bits of a hash its main bucket is chosen by. Caller holds that bucket's lock. */
  hashBits(hash: KeyHash): number {
    const count = this.bucketCount
    const span = floorPowerOfTwo(count)
    const index = this.#indexOf(hash.bucket, count)
    const isSplit = index >= span || index + span < count
    return 31 - Math.clz32(span) + (isSplit ? 1 : 0)
  }

  lock(bucket: number): void {
    this.#locks.lock(bucket + LOCK)
  }

  unlock(bucket: number): void {
    this.#locks.unlock(bucket + LOCK)
  }

  lockWord(bucket: number): number {
    return bucket + LOCK
  }

  isLocked(bucket: number): boolean {
    return Atomics.load(this.#words, bucket + LOCK) !== 0
  }

  /** The slot (a word) that links the key hashed, or NO_SLOT. Caller holds the bucket's lock. */
  find(bucket: number, hash: KeyHash): number {
    const words = this.#words
    const tag = hash.tag >>> TAG_SHIFT
    for (let at = bucket; at !== 0; at = this.#next(at)) {
      for (let slot = at; slot < at + SLOTS * 2; slot += 2) {
        if (words[slot]! >>> TAG_SHIFT !== tag) continue
        const item = this.location(slot)
        if (item !== 0 && this.#items.hasKey(item, hash)) return slot
      }
    }
    return NO_SLOT
  }

  /**
   * Reads some buckets (as words) for no other end than to have them in the cache, all at once. No
   * lock is needed: what stands in them is not looked at.
   */
  fetch(buckets: Float64Array, count: number): void {
    let sum = 0
    for (let i = 0; i < count; i += 1) sum ^= this.#words[buckets[i]! + CHAIN]!
    for (let i = 0; i < count; i += 1) {
      const overflow = this.#next(buckets[i]!)
      if (overflow !== 0) sum ^= this.#words[overflow]!
    }
    this.fetched = sum
  }

  /** Reads a word of each of the next two lines for no other end than to have them in the cache. */
  touchBehind(item: number): void {
    const last = item + 2 * LINE_WORDS
    if (last < this.#words.length) {
      this.fetched = this.#words[item + LINE_WORDS]! ^ this.#words[last]!
    }
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
    // The last ones are for whoever splits a chain: what it has given back, others may take.
    return this.#emptySlot(bucket, CHAIN_MAX)
  }

  /** @param left how many overflow buckets are left to others. */
  #emptySlot(bucket: number, left: number): number {
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
    const overflow = this.overflow.take(left)
    if (overflow < 0) return NO_SLOT
    this.#words[last + CHAIN] = overflow + 1
    return this.overflow.wordOf(overflow)
  }

  /** Links an item. Caller holds the lock of the slot's bucket. */
  set(slot: number, hash: KeyHash, item: number): void {
    const high = Math.floor(item / TWO_32)
    this.#words[slot] = ((hash.tag >>> TAG_SHIFT) << TAG_SHIFT) | high
    this.#words[slot + 1] = item - high * TWO_32
  }

  /** How often an item was read, roughly: 0–255. */
  frequency(slot: number): number {
    return (this.#words[slot]! >>> FREQUENCY_SHIFT) & FREQUENCY_MAX
  }

  /** Caller holds the lock of the slot's bucket. */
  setFrequency(slot: number, frequency: number): void {
    const rest = this.#words[slot]! & ~(FREQUENCY_MAX << FREQUENCY_SHIFT)
    this.#words[slot] = rest | (frequency << FREQUENCY_SHIFT)
  }

  /** An item has moved: its slot keeps tag and frequency. Caller holds the bucket's lock. */
  move(slot: number, item: number): void {
    const high = Math.floor(item / TWO_32)
    this.#words[slot] = (this.#words[slot]! & ~LOCATION_HIGH_MASK) | high
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
      const overflow = this.#words[previous + CHAIN]! - 1
      this.#words[previous + CHAIN] = 0
      this.overflow.give(overflow)
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

  /**
   * Adds one main bucket, unless another thread is adding one. False: there is no segment for it.
   * Called with no lock held.
   * @param takeSegment a segment for the index, or NO_SEGMENT; may evict.
   * @param hash one that nobody else is using.
   */
  grow(takeSegment: () => number, hash: KeyHash): boolean {
    if (!this.#locks.tryLock(SuperWord.growLock)) return true
    try {
      const count = this.bucketCount
      const entry = this.#layout.directoryWord + Math.floor(count / this.#perSegment)
      if (this.#words[entry] === 0) {
        const segment = takeSegment()
        if (segment < 0) return false
        this.#words[entry] = segment + 1
      }
      if (this.overflow.spare < CHAIN_MAX) return false
      this.#split(count, hash)
      return true
    } finally {
      this.#locks.unlock(SuperWord.growLock)
    }
  }

  /** Caller holds the grow lock. */
  #split(count: number, hash: KeyHash): void {
    const span = floorPowerOfTwo(count)
    const source = this.bucketAt(count - span)
    const fresh = this.bucketAt(count)
    this.lock(source)
    // Nobody can come upon the new bucket before it is counted.
    this.#words[fresh + LOCK] = 1
    const slots = this.#takeSlots(source)
    for (let at = 0; at < slots * 2; at += 2) {
      const item = (this.#scratch[at]! & LOCATION_HIGH_MASK) * TWO_32 + this.#scratch[at + 1]!
      hash.of(this.#bytes, this.#items.keyAt(item), this.#items.keySize(item))
      const belongs = (hash.bucket & (span * 2 - 1)) >>> 0 === count
      const slot = this.#emptySlot(belongs ? fresh : source, 0)
      assert(slot !== NO_SLOT, 'both halves of a chain fit where the chain was')
      this.#words[slot] = this.#scratch[at]!
      this.#words[slot + 1] = this.#scratch[at + 1]!
    }
    Atomics.store(this.#words, SuperWord.bucketCount, count + 1)
    this.unlock(source)
    this.unlock(fresh)
  }

  /** Empties a chain into the scratch; its overflow buckets are free again. How many slots. */
  #takeSlots(bucket: number): number {
    let count = 0
    this.forEach(bucket, (_, slot) => {
      this.#scratch[count * 2] = this.#words[slot]!
      this.#scratch[count * 2 + 1] = this.#words[slot + 1]!
      this.clear(slot)
      count += 1
    })
    this.trim(bucket)
    return count
  }

  #indexOf(bucketHash: number, count: number): number {
    const span = floorPowerOfTwo(count)
    const index = (bucketHash & (span * 2 - 1)) >>> 0
    return index < count ? index : (bucketHash & (span - 1)) >>> 0
  }

  #next(at: number): number {
    const chain = this.#words[at + CHAIN]!
    return chain === 0 ? 0 : this.overflow.wordOf(chain - 1)
  }
}

function floorPowerOfTwo(value: number): number {
  return (1 << (31 - Math.clz32(value))) >>> 0
}

// Invariants
assert(SLOTS * 2 === LOCK && CHAIN === BUCKET_WORDS - 1, 'slots, lock and chain tile a bucket')
assert(BUCKET_WORDS * 4 === BUCKET_BYTES, 'a bucket is one cache line')
