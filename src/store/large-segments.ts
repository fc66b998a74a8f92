/**
 * Segments of large values: a head, which stands in a chain like a segment of items, and bodies.
 *
 *   free ──▶ large (head, private), body ──link──▶ queued ──▶ evicting / reclaiming ──▶ free
 *
 * Exactly one thread sees the last pin and the link go, and releases them; if a thread is just
 * looking at the head (evicting, reclaiming), it is left `abandoned` for that thread to free.
 */
import { type Layout, RESERVE_SEGMENTS, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import { MetaWord, NO_SEGMENT, type SegmentLists, SegmentState } from './segment-lists.ts'
import type { Segments } from './segments.ts'

const { liveItems: LIVE_ITEMS, body: BODY, pins: PINS } = MetaWord
const UNLINKED = 2 ** 31

export class LargeSegments {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #segments: Segments
  readonly #lists: SegmentLists
  readonly #bucketsPerSegment: number

  constructor(words: Uint32Array, locks: Locks, segments: Segments, layout: Layout) {
    this.#words = words
    this.#bucketsPerSegment = layout.bucketsPerSegment
    this.#locks = locks
    this.#segments = segments
    this.#lists = segments.lists
  }

  /** The next segment of a large value, or NO_SEGMENT. */
  next(segment: number): number {
    return this.#words[this.#lists.meta(segment) + BODY]! - 1
  }

  /**
   * Whether private values may take `count` segments more: half of all, or one alone whatever can
   * be emptied. Nothing is evicted for what would not fit even then.
   */
  mayTake(count: number): boolean {
    const words = this.#words
    const taken = words[SuperWord.privateCount]!
    const all = words[SuperWord.wantedCount]!
    const ofIndex =
      Math.ceil(words[SuperWord.bucketCount]! / this.#bucketsPerSegment) +
      words[SuperWord.overflowSegments]!
    const kept = RESERVE_SEGMENTS + ofIndex + Atomics.load(words, SuperWord.pinnedCount)
    return taken + count <= all - kept && (taken === 0 || taken + count <= all / 2)
  }

  /**
   * `count` segments for one value, private to the caller: the head, or NO_SEGMENT. The caller
   * evicts and tries again, as long as `mayTake`.
   */
  take(count: number): number {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      if (!this.mayTake(count)) return NO_SEGMENT
      this.#segments.supply.growLocked(RESERVE_SEGMENTS + count)
      if (this.#segments.freeCount < RESERVE_SEGMENTS + count) return NO_SEGMENT
      this.#words[SuperWord.privateCount] = this.#words[SuperWord.privateCount]! + count
      let head = NO_SEGMENT
      for (let i = count - 1; i >= 0; i -= 1) {
        const segment = this.#lists.popFree(i === 0 ? SegmentState.large : SegmentState.body)
        this.#words[this.#lists.meta(segment) + BODY] = head + 1
        head = segment
      }
      return head
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /** A value becomes visible to eviction. Caller holds the item's bucket lock. */
  queue(head: number, chain: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#leavePrivate(head)
    // One live item, so that no sweep of dead segments takes it: only its release frees it.
    this.#words[this.#lists.meta(head) + LIVE_ITEMS] = 1
    this.#assignAll(head, chain)
    this.#lists.enqueue(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Frees a value that was never linked. */
  drop(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#leavePrivate(head)
    this.#free(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * A reader keeps a value's memory; false when that would make it more than a quarter of all
   * segments that readers hold (one reader alone may always). Caller holds the item's bucket lock,
   * and calls `unpin` later without it.
   */
  pin(head: number): boolean {
    const size = this.#length(head)
    const before = Atomics.add(this.#words, SuperWord.pinnedCount, size)
    if (before > 0 && before + size > this.#words[SuperWord.inHandCount]! / 4) {
      Atomics.sub(this.#words, SuperWord.pinnedCount, size)
      return false
    }
    Atomics.add(this.#words, this.#lists.meta(head) + PINS, 1)
    return true
  }

  unpin(head: number): void {
    Atomics.sub(this.#words, SuperWord.pinnedCount, this.#length(head))
    const before = Atomics.sub(this.#words, this.#lists.meta(head) + PINS, 1)
    if (before === UNLINKED + 1) this.#release(head)
  }

  /** The item is no longer linked: its last reader frees it. Caller holds its bucket lock. */
  unlink(head: number): void {
    const before = Atomics.or(this.#words, this.#lists.meta(head) + PINS, UNLINKED)
    if (before === 0) this.#release(head)
  }

  /** The evictor has unlinked a value, or found it unlinked: its last reader frees it. */
  finishEvicting(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    if (this.#segments.state(head) === SegmentState.abandoned) this.#free(head)
    else this.#lists.setState(head, SegmentState.large)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** The evictor lets a value live on, at the young end of a chain. */
  requeue(head: number, chain: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    if (this.#segments.state(head) === SegmentState.abandoned) {
      this.#free(head)
    } else {
      this.#assignAll(head, chain)
      this.#lists.enqueue(head)
    }
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** The reclaimer has looked at a value that stands in its chain. */
  finishReclaiming(head: number, exptime: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    if (this.#segments.state(head) === SegmentState.abandoned) {
      this.#lists.unqueue(head)
      this.#free(head)
      this.#locks.unlock(SuperWord.segmentLock)
      return
    }
    this.#lists.setState(head, SegmentState.queued)
    this.#locks.unlock(SuperWord.segmentLock)
    this.#segments.noteExptime(this.#segments.firstWord(head), exptime)
  }

  #release(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    const state = this.#segments.state(head)
    if (state === SegmentState.evicting || state === SegmentState.reclaiming) {
      this.#lists.setState(head, SegmentState.abandoned)
    } else {
      if (state === SegmentState.queued) this.#lists.unqueue(head)
      this.#free(head)
    }
    this.#locks.unlock(SuperWord.segmentLock)
  }

  #free(head: number): void {
    for (let segment = head; segment !== NO_SEGMENT; ) {
      const next = this.next(segment)
      this.#lists.pushFree(segment)
      segment = next
    }
  }

  #assignAll(head: number, chain: number): void {
    for (let segment = head; segment !== NO_SEGMENT; segment = this.next(segment)) {
      this.#lists.assign(segment, chain)
    }
  }

  #length(head: number): number {
    let length = 0
    for (let segment = head; segment !== NO_SEGMENT; segment = this.next(segment)) length += 1
    return length
  }

  #leavePrivate(head: number): void {
    const left = this.#words[SuperWord.privateCount]! - this.#length(head)
    this.#words[SuperWord.privateCount] = left
  }
}
