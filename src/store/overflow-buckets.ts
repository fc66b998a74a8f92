/**
 * Buckets for what does not fit a main bucket, in segments of their own. A free one's chain word
 * links the next free one. All of it under the overflow lock, but for where a bucket is.
 */
import { BUCKET_BYTES, type Layout, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import type { Region } from './region.ts'

const BUCKET_WORDS = BUCKET_BYTES / 4
const CHAIN = BUCKET_WORDS - 1
/** Fewer than this many left, and the next segment is taken: a put must not run out half-way. */
const SPARE_MIN = 64

export class OverflowBuckets {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #layout: Layout

  constructor(region: Region, locks: Locks, layout: Layout) {
    this.#words = region.words
    this.#locks = locks
    this.#layout = layout
  }

  get spare(): number {
    const words = this.#words
    const capacity = words[SuperWord.overflowSegments]! * this.#layout.bucketsPerSegment
    return words[SuperWord.overflowFreeCount]! + capacity - words[SuperWord.overflowUsed]!
  }

  get usedCount(): number {
    return this.#words[SuperWord.overflowUsed]! - this.#words[SuperWord.overflowFreeCount]!
  }

  /** Overflow buckets that were ever in use. */
  get everUsed(): number {
    return this.#words[SuperWord.overflowUsed]!
  }

  /** The first of those that were given back, or -1. */
  get freeHead(): number {
    return this.#words[SuperWord.overflowFree]! - 1
  }

  get freeCount(): number {
    return this.#words[SuperWord.overflowFreeCount]!
  }

  /** The overflow bucket behind the bucket at this word, in a chain or in the free list, or -1. */
  nextOf(word: number): number {
    return this.#words[word + CHAIN]! - 1
  }

  get wantsSegment(): boolean {
    return this.spare < SPARE_MIN
  }

  /** Caller holds no lock. `segment`: zeroed, of the index. */
  addSegment(segment: number): void {
    const words = this.#words
    this.#locks.lock(SuperWord.overflowLock)
    const count = words[SuperWord.overflowSegments]!
    words[this.#layout.overflowWord + count] = segment + 1
    Atomics.store(words, SuperWord.overflowSegments, count + 1)
    this.#locks.unlock(SuperWord.overflowLock)
  }

  /** The first word of an overflow bucket. */
  wordOf(overflow: number): number {
    const { bucketsPerSegment, overflowWord, segmentsWord, segmentWords } = this.#layout
    const segment = this.#words[overflowWord + Math.floor(overflow / bucketsPerSegment)]! - 1
    const within = (overflow & (bucketsPerSegment - 1)) * BUCKET_WORDS
    return segmentsWord + segment * segmentWords + within
  }

  /**
   * A free overflow bucket, zeroed, or -1: a returned one first, then one never used.
   * @param left how many have to be left.
   */
  take(left = 0): number {
    const words = this.#words
    this.#locks.lock(SuperWord.overflowLock)
    const returned = words[SuperWord.overflowFree]!
    const may = this.spare > left
    let overflow = -1
    if (may && returned !== 0) {
      overflow = returned - 1
      const at = this.wordOf(overflow)
      words[SuperWord.overflowFree] = words[at + CHAIN]!
      words[SuperWord.overflowFreeCount] = words[SuperWord.overflowFreeCount]! - 1
      words[at + CHAIN] = 0
    } else if (may) {
      overflow = words[SuperWord.overflowUsed]!
      words[SuperWord.overflowUsed] = overflow + 1
    }
    this.#locks.unlock(SuperWord.overflowLock)
    return overflow
  }

  /** Gives an empty bucket back. */
  give(overflow: number): void {
    const words = this.#words
    this.#locks.lock(SuperWord.overflowLock)
    words[this.wordOf(overflow) + CHAIN] = words[SuperWord.overflowFree]!
    words[SuperWord.overflowFree] = overflow + 1
    words[SuperWord.overflowFreeCount] = words[SuperWord.overflowFreeCount]! + 1
    this.#locks.unlock(SuperWord.overflowLock)
  }
}
