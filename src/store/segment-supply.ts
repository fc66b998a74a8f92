/**
 * How many segments there are. Numbers go from 0 up: where the memory limit allows more and none is
 * free, segments that were never used follow; where it allows less, free ones are given back to the
 * kernel, wherever they lie, and are the first to come again.
 *
 *   never used ──grow──▶ free ──takeAway──▶ away (private) ──finishAway──▶ away (listed) ──grow──▶
 *
 * Counts and the list of those given back are under the segment lock; a listed one is linked to the
 * next by its metadata.
 */
import { type Layout, RESERVE_SEGMENTS, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import { MetaWord, NO_SEGMENT, type SegmentLists, SegmentState } from './segment-lists.ts'

export class SegmentSupply {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #layout: Layout
  readonly #lists: SegmentLists

  constructor(words: Uint32Array, locks: Locks, layout: Layout, lists: SegmentLists) {
    this.#words = words
    this.#locks = locks
    this.#layout = layout
    this.#lists = lists
  }

  /** The segments of the start; once, before any other thread starts. */
  format(): void {
    const { memoryBytes, segmentCount } = this.#layout
    this.#words[SuperWord.limitKib] = Math.floor(memoryBytes / 1024)
    this.#words[SuperWord.wantedCount] = segmentCount
    this.#words[SuperWord.knownCount] = segmentCount
    this.#words[SuperWord.inHandCount] = segmentCount
    for (let id = segmentCount - 1; id >= 0; id -= 1) this.#lists.pushFree(id)
  }

  /** Segments that hold something or may. */
  get inHand(): number {
    return this.#words[SuperWord.inHandCount]!
  }

  /** Segments that the memory limit allows. */
  get wanted(): number {
    return Atomics.load(this.#words, SuperWord.wantedCount)
  }

  /** The first of those given back, or NO_SEGMENT. */
  get awayHead(): number {
    return this.#words[SuperWord.awayHead]! - 1
  }

  /**
   * Adds free segments until there are `count`, as far as the limit allows more than are in hand.
   * Caller holds the segment lock.
   */
  growLocked(count: number): void {
    const words = this.#words
    while (words[SuperWord.freeCount]! < count && this.inHand < this.wanted) {
      let segment = this.awayHead
      if (segment !== NO_SEGMENT) {
        words[SuperWord.awayHead] = words[this.#lists.meta(segment) + MetaWord.next]!
      } else {
        segment = words[SuperWord.knownCount]!
        // Others are still with whoever is giving them back.
        if (segment === this.#layout.segmentCountMax) break
        words[SuperWord.knownCount] = segment + 1
      }
      words[SuperWord.inHandCount] = this.inHand + 1
      this.#lists.pushFree(segment)
    }
  }

  /**
   * A free segment that is one too many, for nobody's use from now on; or NO_SEGMENT. The caller
   * gives its memory back and calls `finishAway`.
   */
  takeAway(): number {
    const words = this.#words
    this.#locks.lock(SuperWord.segmentLock)
    const isFree = words[SuperWord.freeCount]! > RESERVE_SEGMENTS
    const may = isFree && this.inHand > this.wanted
    const segment = may ? this.#lists.popFree(SegmentState.away) : NO_SEGMENT
    if (may) words[SuperWord.inHandCount] = this.inHand - 1
    this.#locks.unlock(SuperWord.segmentLock)
    return segment
  }

  finishAway(segment: number): void {
    const words = this.#words
    this.#locks.lock(SuperWord.segmentLock)
    words[this.#lists.meta(segment) + MetaWord.next] = words[SuperWord.awayHead]!
    words[SuperWord.awayHead] = segment + 1
    this.#locks.unlock(SuperWord.segmentLock)
  }
}
