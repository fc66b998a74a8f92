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
import type { Runs } from './runs.ts'
import { MetaWord, NO_SEGMENT, type SegmentLists, SegmentState, UNLINKED } from './segment-lists.ts'
import type { Segments } from './segments.ts'

const { live: LIVE, body: BODY, pins: PINS } = MetaWord

export class LargeSegments {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #segments: Segments
  readonly #lists: SegmentLists
  readonly #runs: Runs
  readonly #bucketsPerSegment: number

  constructor(
    words: Uint32Array,
    locks: Locks,
    { segments, runs }: { segments: Segments; runs: Runs },
    layout: Layout,
  ) {
    this.#runs = runs
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
   * Whether `count` segments more may be promised to a private value: half of all, or to one alone
   * whatever can be emptied. Nothing is evicted for what would not fit even then.
   */
  mayTake(count: number): boolean {
    const words = this.#words
    const promised = words[SuperWord.privateCount]!
    const all = words[SuperWord.wantedCount]!
    const ofIndex =
      Math.ceil(words[SuperWord.bucketCount]! / this.#bucketsPerSegment) +
      words[SuperWord.overflowSegments]!
    const kept = RESERVE_SEGMENTS + ofIndex + Atomics.load(words, SuperWord.pinnedCount)
    const total = promised + count
    return total <= all - kept && (promised === 0 || total <= all / 2)
  }

  /**
   * All that a value will need is promised before any of it is taken: two values that each hold a
   * part of memory and wait for the other's cannot come about. False: it may not have as much.
   */
  promise(count: number): boolean {
    this.#locks.lock(SuperWord.segmentLock)
    const may = this.mayTake(count)
    if (may) this.#addPromised(count)
    this.#locks.unlock(SuperWord.segmentLock)
    return may
  }

  /** Gives back a promise of which nothing was taken. */
  forget(count: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#addPromised(-count)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * The next segment of a private value, behind its `last` one (NO_SEGMENT: its head), or
   * NO_SEGMENT: the caller makes room and tries again.
   */
  take(last: number): number {
    this.#locks.lock(SuperWord.segmentLock)
    this.#segments.supply.growLocked(RESERVE_SEGMENTS + 1)
    const may = this.#segments.freeCount > RESERVE_SEGMENTS
    const state = last === NO_SEGMENT ? SegmentState.large : SegmentState.body
    const segment = may ? this.#lists.popFree(state) : NO_SEGMENT
    if (may && last !== NO_SEGMENT) this.#words[this.#lists.meta(last) + BODY] = segment + 1
    this.#locks.unlock(SuperWord.segmentLock)
    return segment
  }

  /**
   * A value becomes visible to eviction. Caller holds the item's bucket lock. `promised`: as was
   * told to `promise`, here and below.
   */
  queue(head: number, chain: number, promised: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#addPromised(-promised)
    // One live item, so that no sweep of dead segments takes it: only its release frees it.
    this.#words[this.#lists.meta(head) + LIVE] = 1
    this.#assignAll(head, chain)
    this.#lists.enqueue(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Frees a value that was never linked. */
  drop(head: number, promised: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#addPromised(-promised)
    this.#free(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * A reader keeps a value's memory; false when that would make it more than a quarter of all
   * segments that readers hold (one reader alone may always). Caller holds the item's bucket lock,
   * and calls `unpin` later without it.
   */
  pin(item: number): boolean {
    const size = this.#sizeOf(item)
    const before = Atomics.add(this.#words, SuperWord.pinnedCount, size)
    if (before > 0 && before + size > this.#words[SuperWord.inHandCount]! / 4) {
      Atomics.sub(this.#words, SuperWord.pinnedCount, size)
      return false
    }
    if (this.#runs.headOf(item) !== NO_SEGMENT) this.#runs.pin(item)
    else Atomics.add(this.#words, this.#lists.meta(this.#segments.segmentOf(item)) + PINS, 1)
    return true
  }

  unpin(item: number): void {
    Atomics.sub(this.#words, SuperWord.pinnedCount, this.#sizeOf(item))
    const head = this.#segments.segmentOf(item)
    if (this.#runs.headOf(item) !== NO_SEGMENT) this.#runs.unpin(item)
    else if (this.#lists.unpinOne(head)) this.#release(head)
  }

  /** The item is no longer linked: its last reader frees it. Caller holds its bucket lock. */
  unlink(item: number): void {
    if (this.#runs.headOf(item) !== NO_SEGMENT) {
      this.#runs.removeLive(item)
      return
    }
    const head = this.#segments.segmentOf(item)
    const before = Atomics.or(this.#words, this.#lists.meta(head) + PINS, UNLINKED)
    if (before === 0) this.#release(head)
  }

  /** As Segments.noteExptime, of any item: on the segment that stands in a chain. */
  noteExptime(item: number, exptime: number): void {
    const run = this.#runs.headOf(item)
    this.#segments.noteExptime(run === NO_SEGMENT ? item : this.#segments.firstWord(run), exptime)
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

  /** Segments that are kept while an item is read. */
  #sizeOf(item: number): number {
    if (this.#runs.headOf(item) !== NO_SEGMENT) return this.#runs.spanOf(item)
    return this.#length(this.#segments.segmentOf(item))
  }

  #length(head: number): number {
    let length = 0
    for (let segment = head; segment !== NO_SEGMENT; segment = this.next(segment)) length += 1
    return length
  }

  #addPromised(count: number): void {
    this.#words[SuperWord.privateCount] = this.#words[SuperWord.privateCount]! + count
  }
}
