/**
 * Segments: where items are appended, in the order in which they came, and freed together.
 *
 * The life of a segment, and who may move it on (all under the segment lock):
 *
 *   free ──open──▶ open ──seal──▶ queued ──take──▶ evicting ──▶ free       (evictor)
 *    │                              └──── last live item gone ──▶ free     (whoever unlinked it)
 *    ├──▶ large (head of a chain, private) ──link──▶ queued / evicting ──▶ free
 *    └──▶ body (later segments of a chain): freed with their head
 *
 * Only a sealed segment without writers is walked, and only up to `used`. A writer reserves with
 * one compare-and-swap (used += n, writers += 1), fills, links, and only then leaves (writers -=
 * 1), so no segment is freed under a thread that is still writing into it.
 */
import { type Layout, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import { MetaWord, NO_SEGMENT, SegmentLists, SegmentState, Tail } from './segment-lists.ts'

// File-local copies: an imported constant costs three times as much in the paths of every put.
const {
  tail: TAIL,
  state: STATE,
  next: NEXT,
  liveItems: LIVE_ITEMS,
  liveWords: LIVE_WORDS,
  chain: CHAIN,
  pins: PINS,
} = MetaWord
const { usedMask: USED_MASK, sealed: SEALED, writer: WRITER } = Tail
const UNLINKED = 2 ** 31

export { NO_SEGMENT, SegmentState }

export class Segments {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #layout: Layout
  readonly #lists: SegmentLists

  constructor(words: Uint32Array, locks: Locks, layout: Layout) {
    this.#words = words
    this.#locks = locks
    this.#layout = layout
    this.#lists = new SegmentLists(words, layout)
  }

  /** Chains all segments into the free list; once, before any other thread starts. */
  format(): void {
    for (let id = this.#layout.segmentCount - 1; id >= 0; id -= 1) this.#lists.pushFree(id)
  }

  get count(): number {
    return this.#layout.segmentCount
  }

  get freeCount(): number {
    return this.#words[SuperWord.freeCount]!
  }

  firstWord(segment: number): number {
    return this.#layout.segmentsWord + segment * this.#layout.segmentWords
  }

  segmentOf(item: number): number {
    return Math.floor((item - this.#layout.segmentsWord) / this.#layout.segmentWords)
  }

  usedWords(segment: number): number {
    return this.#words[this.#lists.meta(segment) + TAIL]! & USED_MASK
  }

  state(segment: number): number {
    return this.#words[this.#lists.meta(segment) + STATE]!
  }

  writers(segment: number): number {
    return Math.floor(this.#words[this.#lists.meta(segment) + TAIL]! / WRITER)
  }

  liveItems(segment: number): number {
    return this.#words[this.#lists.meta(segment) + LIVE_ITEMS]!
  }

  liveWords(segment: number): number {
    return this.#words[this.#lists.meta(segment) + LIVE_WORDS]!
  }

  /** The next segment of a large value's chain, or NO_SEGMENT. */
  chainNext(segment: number): number {
    return this.#words[this.#lists.meta(segment) + CHAIN]! - 1
  }

  /**
   * Room for `size` words in the open segment: the first word, or 0 when it has to be replaced
   * first. Until `leave`, the segment is neither walked nor freed.
   */
  reserve(size: number): number {
    const words = this.#words
    for (;;) {
      const segment = Atomics.load(words, SuperWord.openSegment) - 1
      if (segment < 0) return 0
      const tailWord = this.#lists.meta(segment) + TAIL
      const tail = Atomics.load(words, tailWord)
      const used = tail & USED_MASK
      if ((tail & SEALED) !== 0 || used + size > this.#layout.segmentWords) return 0
      const next = tail + size + WRITER
      if (Atomics.compareExchange(words, tailWord, tail, next) === tail) {
        return this.firstWord(segment) + used
      }
    }
  }

  leave(item: number): void {
    Atomics.sub(this.#words, this.#lists.meta(this.segmentOf(item)) + TAIL, WRITER)
  }

  /**
   * Seals the open segment if it is still the one without room for `size` words, and opens a free
   * one. False when there is no free segment.
   */
  openNext(size: number): boolean {
    const words = this.#words
    this.#locks.lock(SuperWord.segmentLock)
    try {
      const current = words[SuperWord.openSegment]! - 1
      if (current >= 0) {
        const tail = Atomics.load(words, this.#lists.meta(current) + TAIL)
        const room = this.#layout.segmentWords - (tail & USED_MASK)
        if (room >= size && (tail & SEALED) === 0) return true
      }
      const fresh = this.#lists.popFree(SegmentState.open)
      if (fresh === NO_SEGMENT) return false
      this.#words[this.#lists.meta(fresh) + TAIL] = 0
      Atomics.store(words, SuperWord.openSegment, fresh + 1)
      if (current >= 0) this.#seal(current)
      return true
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /**
   * Seals the open segment although it may have room, so that it can be emptied.
   * @param deadOnly leaves it alone while it has a live item.
   */
  sealOpen(deadOnly = false): void {
    this.#locks.lock(SuperWord.segmentLock)
    const current = this.#words[SuperWord.openSegment]! - 1
    if (!deadOnly || (current >= 0 && this.#isDead(current))) this.#sealOpenLocked()
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * Everything in segments taken until now is gone at once; what is stored from now on is in
   * others. A copy keeps its fate: made before, it lies in a segment that goes too.
   */
  flush(): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#lists.flushedUpTo = this.#lists.lastSequence
    this.#sealOpenLocked()
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Whether a flush has made everything in an item's segment invisible. */
  isFlushed(item: number): boolean {
    const upTo = this.#lists.flushedUpTo
    return upTo !== 0 && this.#lists.sequence(this.segmentOf(item)) <= upTo
  }

  /**
   * Takes the oldest segment that can be emptied off the queue, or NO_SEGMENT.
   * @param flushedOnly leaves alone what still has something to serve.
   */
  takeOldest(flushedOnly = false): number {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      let segment = this.#words[SuperWord.queueHead]! - 1
      while (segment >= 0) {
        const meta = this.#lists.meta(segment)
        const pinned = (Atomics.load(this.#words, meta + PINS) & ~UNLINKED) !== 0
        const wanted = !flushedOnly || this.isFlushed(this.firstWord(segment))
        if (wanted && this.writers(segment) === 0 && !pinned) {
          this.#lists.unqueue(segment)
          this.#words[meta + STATE] = SegmentState.evicting
          return segment
        }
        segment = this.#words[meta + NEXT]! - 1
      }
      return NO_SEGMENT
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /** Whether a taken segment is the head of a large value's chain. */
  isChain(segment: number): boolean {
    return this.usedWords(segment) === 0 && this.liveItems(segment) > 0
  }

  /** The evictor has emptied a segment of inline items. */
  finishEvicting(segment: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#lists.pushFree(segment)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * The evictor has unlinked a large value, or found it unlinked. Exactly one thread sees the last
   * pin and the link go, and releases the chain: before this (then it is freed here) or after.
   */
  finishEvictingChain(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    if (this.state(head) === SegmentState.abandoned) this.#freeChain(head)
    else this.#words[this.#lists.meta(head) + STATE] = SegmentState.large
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Frees every queued segment without a live item; whether there was one. */
  freeDead(): boolean {
    const before = this.freeCount
    this.#locks.lock(SuperWord.segmentLock)
    for (let segment = this.#words[SuperWord.queueHead]! - 1; segment >= 0; ) {
      const next = this.#words[this.#lists.meta(segment) + NEXT]! - 1
      if (this.#isDead(segment)) {
        this.#lists.unqueue(segment)
        this.#lists.pushFree(segment)
      }
      segment = next
    }
    this.#locks.unlock(SuperWord.segmentLock)
    return this.freeCount > before
  }

  /** One more live item in a segment. Caller holds the item's bucket lock. */
  addLive(item: number, size: number): void {
    const meta = this.#lists.meta(this.segmentOf(item))
    Atomics.add(this.#words, meta + LIVE_ITEMS, 1)
    Atomics.add(this.#words, meta + LIVE_WORDS, size)
  }

  /**
   * An inline item is no longer linked; the last one frees its segment. Caller holds its bucket
   * lock.
   */
  removeLive(item: number, size: number): void {
    const segment = this.segmentOf(item)
    const meta = this.#lists.meta(segment)
    Atomics.sub(this.#words, meta + LIVE_WORDS, size)
    if (Atomics.sub(this.#words, meta + LIVE_ITEMS, 1) === 1) this.#freeIfDead(segment)
  }

  /** Whether private chains may take `count` segments more: half of all, or one alone any. */
  mayTakeChain(count: number): boolean {
    const taken = this.#words[SuperWord.privateCount]!
    return taken === 0 || taken + count <= this.#layout.segmentCount / 2
  }

  /**
   * A chain of `count` segments for a large value, private to the caller, or NO_SEGMENT.
   * The caller evicts and tries again, as long as `mayTakeChain`.
   */
  takeChain(count: number): number {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      if (this.freeCount < count || !this.mayTakeChain(count)) return NO_SEGMENT
      this.#words[SuperWord.privateCount] = this.#words[SuperWord.privateCount]! + count
      let head = NO_SEGMENT
      for (let i = count - 1; i >= 0; i -= 1) {
        const segment = this.#lists.popFree(i === 0 ? SegmentState.large : SegmentState.body)
        this.#words[this.#lists.meta(segment) + CHAIN] = head + 1
        head = segment
      }
      return head
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /** A chain becomes visible to eviction. Caller holds the item's bucket lock. */
  queueChain(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#leavePrivate(head)
    // One live item, so that no sweep of dead segments takes it: only its release frees it.
    this.#words[this.#lists.meta(head) + LIVE_ITEMS] = 1
    this.#lists.enqueue(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Frees a chain that was never linked. */
  dropChain(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.#leavePrivate(head)
    this.#freeChain(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * A reader keeps a large value's memory; false when that would make it more than a quarter of all
   * segments that readers hold (one reader alone may always). Caller holds the item's bucket lock,
   * and calls `unpin` later without it.
   */
  pin(head: number): boolean {
    const size = this.#chainLength(head)
    const before = Atomics.add(this.#words, SuperWord.pinnedCount, size)
    if (before > 0 && before + size > this.#layout.segmentCount / 4) {
      Atomics.sub(this.#words, SuperWord.pinnedCount, size)
      return false
    }
    Atomics.add(this.#words, this.#lists.meta(head) + PINS, 1)
    return true
  }

  unpin(head: number): void {
    Atomics.sub(this.#words, SuperWord.pinnedCount, this.#chainLength(head))
    const before = Atomics.sub(this.#words, this.#lists.meta(head) + PINS, 1)
    if (before === UNLINKED + 1) this.#releaseChain(head)
  }

  /** A large item is no longer linked: its last reader frees it. Caller holds its bucket lock. */
  unlinkChain(head: number): void {
    const before = Atomics.or(this.#words, this.#lists.meta(head) + PINS, UNLINKED)
    if (before === 0) this.#releaseChain(head)
  }

  #sealOpenLocked(): void {
    const current = this.#words[SuperWord.openSegment]! - 1
    if (current < 0) return
    Atomics.store(this.#words, SuperWord.openSegment, 0)
    this.#seal(current)
  }

  #releaseChain(head: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    const state = this.state(head)
    if (state === SegmentState.evicting) {
      this.#words[this.#lists.meta(head) + STATE] = SegmentState.abandoned
    } else {
      if (state === SegmentState.queued) this.#lists.unqueue(head)
      this.#freeChain(head)
    }
    this.#locks.unlock(SuperWord.segmentLock)
  }

  #chainLength(head: number): number {
    let length = 0
    for (let segment = head; segment >= 0; segment = this.chainNext(segment)) length += 1
    return length
  }

  #leavePrivate(head: number): void {
    const left = this.#words[SuperWord.privateCount]! - this.#chainLength(head)
    this.#words[SuperWord.privateCount] = left
  }

  #freeIfDead(segment: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    if (this.state(segment) === SegmentState.queued && this.#isDead(segment)) {
      this.#lists.unqueue(segment)
      this.#lists.pushFree(segment)
    }
    this.#locks.unlock(SuperWord.segmentLock)
  }

  #isDead(segment: number): boolean {
    return this.writers(segment) === 0 && this.liveItems(segment) === 0
  }

  #freeChain(head: number): void {
    for (let segment = head; segment >= 0; ) {
      const next = this.chainNext(segment)
      this.#lists.pushFree(segment)
      segment = next
    }
  }

  #seal(segment: number): void {
    Atomics.or(this.#words, this.#lists.meta(segment) + TAIL, SEALED)
    this.#lists.enqueue(segment)
  }
}
