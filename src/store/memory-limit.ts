/**
 * The memory limit while the store runs (`cache_memlimit`). Any thread sets it; of a higher one
 * every thread takes what it needs when it needs it. A lower one is carried out by one thread
 * beside the data threads, in slices: it frees segments, as a put would that finds memory full, and
 * gives their memory back to the kernel. Segments keep their size, and those of the index stay for
 * good.
 */
import type { Eviction } from './eviction.ts'
import {
  type Layout,
  MEMORY_MIN_BYTES,
  RESERVE_SEGMENTS,
  segmentsWithin,
  SuperWord,
} from './layout.ts'
import type { Region } from './region.ts'
import { NO_SEGMENT } from './segment-lists.ts'
import type { Store } from './store.ts'

const MIB = 1024 * 1024
/** More megabytes than this are bytes by mistake (memcached memory_limit). */
const MEGABYTES_MAX = 1_000_000_000
/** What is left for items beside the index, and for what eviction keeps free. */
const ITEM_SEGMENTS_MIN = 16

export const LimitOutcome = { done: 0, tooSmall: 1, inBytes: 2, outOfBounds: 3 } as const
export type LimitOutcome = (typeof LimitOutcome)[keyof typeof LimitOutcome]

export class MemoryLimit {
  readonly #store: Store
  readonly #region: Region
  readonly #layout: Layout

  constructor(store: Store, region: Region) {
    this.#store = store
    this.#region = region
    this.#layout = store.layout
  }

  /** What the limit was last set to. */
  get bytes(): number {
    return this.#region.words[SuperWord.limitKib]! * 1024
  }

  /** Sets the limit, in whole megabytes; what does not fit is evicted from now on. */
  set(megabytes: number): LimitOutcome {
    const { words } = this.#region
    const { locks } = this.#store
    const bytes = megabytes * MIB
    if (bytes < MEMORY_MIN_BYTES) return LimitOutcome.tooSmall
    if (megabytes > MEGABYTES_MAX) return LimitOutcome.inBytes
    const wanted = segmentsWithin(bytes, this.#layout.segmentBytes)
    const needed = this.#indexSegments() + RESERVE_SEGMENTS + ITEM_SEGMENTS_MIN
    if (wanted > this.#layout.segmentCountMax || wanted < needed) return LimitOutcome.outOfBounds
    // Both together: of two threads that set it at once, one says what it is.
    locks.lock(SuperWord.segmentLock)
    Atomics.store(words, SuperWord.limitKib, bytes / 1024)
    Atomics.store(words, SuperWord.wantedCount, wanted)
    locks.unlock(SuperWord.segmentLock)
    return LimitOutcome.done
  }

  /**
   * One slice of about `budgetMs`, by one thread only: true when there are no more segments than
   * the limit allows, or when no more can go for now (`-M` drops nothing that lives).
   */
  slice(eviction: Eviction, nowMs: () => number, budgetMs: number): boolean {
    const { supply } = this.#store.segments
    const until = nowMs() + budgetMs
    while (supply.inHand > supply.wanted) {
      const segment = supply.takeAway()
      if (segment !== NO_SEGMENT) {
        this.#region.giveBack(
          this.#store.segments.firstWord(segment) * 4,
          this.#layout.segmentBytes,
        )
        supply.finishAway(segment)
      } else if (!eviction.release()) {
        return true
      }
      if (nowMs() >= until) return false
    }
    return true
  }

  #indexSegments(): number {
    const { index } = this.#store
    const main = Math.ceil(index.bucketCount / this.#layout.bucketsPerSegment)
    return main + this.#region.words[SuperWord.overflowSegments]!
  }
}
