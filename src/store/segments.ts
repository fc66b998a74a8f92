/**
 * Segments of items: appended to in the order in which they come, and emptied together.
 *
 * The life of a segment, and who may move it on (all under the segment lock):
 *
 *   free ──open──▶ open ──seal──▶ queued ──take──▶ evicting ──▶ free       (evictor)
 *    │                              │ ▲──▶ reclaiming               (reclaimer; stays in place)
 *    │                              └──── last live item gone ──▶ free     (whoever unlinked it)
 *    ├──▶ large, body: segments of one large value (large-segments.ts)
 *    ├──▶ index: buckets of the hash index, for good
 *    └──▶ away ──▶ free: beyond the memory limit and back (segment-supply.ts)
 *
 * Only a sealed segment without writers is walked, and only up to `used`. A writer reserves with
 * one compare-and-swap (used += n, writers += 1), fills, links, and only then leaves, so no segment
 * is freed under a thread that is still writing into it.
 */
import { type Layout, RESERVE_SEGMENTS, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import {
  Live,
  MetaWord,
  NEVER,
  NO_SEGMENT,
  SegmentLists,
  SegmentState,
  Tail,
} from './segment-lists.ts'
import { SegmentSupply } from './segment-supply.ts'

// File-local copies: an imported constant costs three times as much in the paths of every put.
const { tail: TAIL, state: STATE, live: LIVE, pins: PINS, least: LEAST } = MetaWord
const { usedMask: USED_MASK, sealed: SEALED, writer: WRITER } = Tail
const { itemsMask: LIVE_ITEMS_MASK, word: LIVE_WORD } = Live

export { NO_SEGMENT, SegmentState }

export class Segments {
  readonly lists: SegmentLists
  readonly supply: SegmentSupply
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #layout: Layout

  constructor(words: Uint32Array, locks: Locks, layout: Layout) {
    this.#words = words
    this.#locks = locks
    this.#layout = layout
    this.lists = new SegmentLists(words, layout)
    this.supply = new SegmentSupply(words, locks, layout, this.lists)
  }

  /** Segments there have ever been: their numbers are below it. */
  get count(): number {
    return this.#words[SuperWord.knownCount]!
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
    return this.#words[this.lists.meta(segment) + TAIL]! & USED_MASK
  }

  state(segment: number): number {
    return this.#words[this.lists.meta(segment) + STATE]!
  }

  writers(segment: number): number {
    return Math.floor(this.#words[this.lists.meta(segment) + TAIL]! / WRITER)
  }

  liveItems(segment: number): number {
    return this.#words[this.lists.meta(segment) + LIVE]! & LIVE_ITEMS_MASK
  }

  liveWords(segment: number): number {
    return Math.floor(this.#words[this.lists.meta(segment) + LIVE]! / LIVE_WORD)
  }

  /** Earliest exptime in a segment, or NEVER. */
  leastExptime(segment: number): number {
    return this.#words[this.lists.meta(segment) + LEAST]!
  }

  /** Whether a segment out of its chain, or being reclaimed, is the head of a large value. */
  isLarge(segment: number): boolean {
    const isEmpty = this.usedWords(segment) === 0 && this.lists.runOf(segment) === NO_SEGMENT
    return isEmpty && this.liveItems(segment) > 0
  }

  /**
   * Room for `size` words in a chain's open segment: the first word, or 0 when that segment has to
   * be replaced first. Until `leave`, the segment is neither walked nor freed.
   */
  reserve(size: number, chain: number): number {
    const words = this.#words
    for (;;) {
      // Ordinary reads: the exchange fails if they are out of date.
      const segment = this.lists.open(chain)
      if (segment < 0) return 0
      const tailWord = this.lists.meta(segment) + TAIL
      const tail = words[tailWord]!
      const used = tail & USED_MASK
      if ((tail & SEALED) !== 0 || used + size > this.#layout.segmentWords) return 0
      const next = tail + size + WRITER
      if (Atomics.compareExchange(words, tailWord, tail, next) === tail) {
        return this.firstWord(segment) + used
      }
    }
  }

  leave(item: number): void {
    const segment = this.segmentOf(item)
    const before = Atomics.sub(this.#words, this.lists.meta(segment) + TAIL, WRITER)
    if ((before & SEALED) !== 0) this.freeIfDead(segment)
  }

  /**
   * Seals a chain's open segment if it is still the one without room for `size` words, and opens a
   * free one. False when there is none to be had.
   * @param spare how many free segments are left to others.
   */
  openNext(size: number, chain: number, spare: number): boolean {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      return this.#openNextLocked(size, chain, spare)
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /**
   * Seals a chain's open segment although it may have room, so that it can be emptied.
   * @param deadOnly leaves it alone while it has a live item.
   */
  sealOpen(chain: number, deadOnly = false): void {
    this.#locks.lock(SuperWord.segmentLock)
    const current = this.#words[this.lists.openWord(chain)]! - 1
    if (!deadOnly || (current >= 0 && this.lists.isDead(current))) this.#sealOpenLocked(chain)
    if (!deadOnly) this.lists.sealRun(chain)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /**
   * Everything in segments taken until now is gone at once; what is stored from now on is in
   * others. A copy keeps its fate: made before, it lies in a segment that goes too.
   */
  flush(): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.lists.flushedUpTo = this.lists.lastSequence
    for (let chain = 0; chain < this.#layout.chainCount; chain += 1) {
      this.#sealOpenLocked(chain)
      this.lists.sealRun(chain)
    }
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Whether a flush has made everything in an item's segment invisible. */
  isFlushed(item: number): boolean {
    return this.lists.flushedUpTo !== 0 && this.#isFlushed(this.segmentOf(item))
  }

  /**
   * Takes the oldest segment that can be emptied out of some chains, or NO_SEGMENT.
   * @param wanted which segments to look at.
   */
  takeOldest(from: number, to: number, wanted?: (segment: number) => boolean): number {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      let oldest = NO_SEGMENT
      for (let chain = from; chain < to; chain += 1) {
        const first = this.#firstTakeable(this.lists.head(chain), wanted)
        if (first === NO_SEGMENT) continue
        const isOlder =
          oldest === NO_SEGMENT || this.lists.sequence(first) < this.lists.sequence(oldest)
        if (isOlder) oldest = first
      }
      if (oldest !== NO_SEGMENT) this.#take(oldest)
      return oldest
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /**
   * Takes up to `count` segments of items, the oldest of a chain; none if there are not `least`.
   */
  takeMore(
    chain: number,
    count: number,
    least = 0,
    wanted?: (segment: number) => boolean,
  ): readonly number[] {
    const found: number[] = []
    this.#locks.lock(SuperWord.segmentLock)
    const inline = (segment: number) =>
      !this.isLarge(segment) && (wanted === undefined || wanted(segment))
    let segment = this.#firstTakeable(this.lists.head(chain), inline)
    while (segment !== NO_SEGMENT && found.length < count) {
      found.push(segment)
      segment = this.#firstTakeable(this.lists.next(segment), inline)
    }
    const taken = found.length < least ? [] : found
    for (const one of taken) this.#take(one)
    this.#locks.unlock(SuperWord.segmentLock)
    return taken
  }

  /** The evictor has emptied a segment of inline items. */
  finishEvicting(segment: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.lists.release(segment)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** The evictor leaves what is in a segment where it is. */
  putBack(segment: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.lists.enqueue(segment)
    this.lists.freeIfDead(segment)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** Frees every queued segment without a live item; whether there was one. */
  freeDead(): boolean {
    const before = this.freeCount
    this.#locks.lock(SuperWord.segmentLock)
    for (let chain = 0; chain < this.#layout.chainCount; chain += 1) {
      for (let segment = this.lists.head(chain); segment !== NO_SEGMENT; ) {
        const next = this.lists.next(segment)
        this.lists.freeIfDead(segment)
        segment = next
      }
    }
    this.#locks.unlock(SuperWord.segmentLock)
    return this.freeCount > before
  }

  /** One more live item in a segment, or run. Caller holds the item's bucket lock. */
  addLive(item: number, size: number): void {
    this.addLiveOf(this.segmentOf(item), size)
  }

  addLiveOf(segment: number, size: number): void {
    Atomics.add(this.#words, this.lists.meta(segment) + LIVE, size * LIVE_WORD + 1)
  }

  /**
   * An inline item is no longer linked; the last one frees its segment. Caller holds its bucket
   * lock.
   */
  removeLive(item: number, size: number): void {
    this.removeLiveOf(this.segmentOf(item), size)
  }

  removeLiveOf(segment: number, size: number): void {
    const meta = this.lists.meta(segment)
    const before = Atomics.sub(this.#words, meta + LIVE, size * LIVE_WORD + 1)
    if ((before & LIVE_ITEMS_MASK) === 1) this.freeIfDead(segment)
  }

  /** Whoever was the last to live or to write in a segment, or a run, frees it. */
  freeIfDead(segment: number): void {
    this.#locks.lock(SuperWord.segmentLock)
    this.lists.freeIfDead(segment)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** The reclaimer must look at the item's segment by then. Caller holds its bucket lock. */
  noteExptime(item: number, exptime: number): void {
    if (exptime === 0) return
    const word = this.lists.meta(this.segmentOf(item)) + LEAST
    this.#lower(word, exptime)
  }

  /**
   * Lets the reclaimer into a segment with something due or flushed: false if it may not be walked
   * now. An open one is sealed, and is let into next time.
   */
  startReclaiming(segment: number, now: number): boolean {
    const isFlushed = this.state(segment) === SegmentState.queued && this.#isFlushed(segment)
    if (this.leastExptime(segment) > now && !isFlushed) return false
    this.#locks.lock(SuperWord.segmentLock)
    const state = this.state(segment)
    const chain = this.lists.chainOf(segment)
    if (state === SegmentState.open && this.lists.runOf(segment) === segment) {
      this.lists.sealRun(chain)
    } else if (state === SegmentState.open) this.#sealOpenLocked(chain)
    const may = state === SegmentState.queued && this.writers(segment) === 0
    if (may) {
      const meta = this.lists.meta(segment)
      this.lists.setState(segment, SegmentState.reclaiming)
      // What is touched from now on lowers it again; what the walk finds is added behind it.
      Atomics.store(this.#words, meta + LEAST, NEVER)
    }
    this.#locks.unlock(SuperWord.segmentLock)
    return may
  }

  /** @param least earliest exptime that the walk has left in it, or NEVER. */
  finishReclaiming(segment: number, least: number): void {
    this.#lower(this.lists.meta(segment) + LEAST, least)
    this.#locks.lock(SuperWord.segmentLock)
    this.lists.setState(segment, SegmentState.queued)
    this.lists.freeIfDead(segment)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** A zeroed segment for the hash index, or NO_SEGMENT; it never comes back. */
  takeForIndex(): number {
    this.#locks.lock(SuperWord.segmentLock)
    this.supply.growLocked(RESERVE_SEGMENTS + 1)
    const may = this.freeCount > RESERVE_SEGMENTS
    const segment = may ? this.lists.popFree(SegmentState.index) : NO_SEGMENT
    this.#locks.unlock(SuperWord.segmentLock)
    if (segment !== NO_SEGMENT) {
      const first = this.firstWord(segment)
      this.#words.fill(0, first, first + this.#layout.segmentWords)
    }
    return segment
  }

  #openNextLocked(size: number, chain: number, spare: number): boolean {
    const words = this.#words
    const openWord = this.lists.openWord(chain)
    const current = words[openWord]! - 1
    if (current >= 0) {
      const tail = Atomics.load(words, this.lists.meta(current) + TAIL)
      const room = this.#layout.segmentWords - (tail & USED_MASK)
      if (room >= size && (tail & SEALED) === 0) return true
    }
    this.supply.growLocked(spare + 1)
    if (this.freeCount <= spare) return false
    const fresh = this.lists.popFree(SegmentState.open)
    this.lists.assign(fresh, chain)
    words[this.lists.meta(fresh) + TAIL] = 0
    Atomics.store(words, openWord, fresh + 1)
    if (current >= 0) this.#seal(current)
    return true
  }

  #firstTakeable(from: number, wanted?: (segment: number) => boolean): number {
    for (let segment = from; segment !== NO_SEGMENT; segment = this.lists.next(segment)) {
      const pins = Atomics.load(this.#words, this.lists.meta(segment) + PINS)
      // Of a run, what is being read is left to its readers.
      const isUnread = pins === 0 || this.lists.runOf(segment) !== NO_SEGMENT
      const isFree = this.writers(segment) === 0 && isUnread
      const isQueued = this.state(segment) === SegmentState.queued
      if (isFree && isQueued && (wanted === undefined || wanted(segment))) return segment
    }
    return NO_SEGMENT
  }

  #take(segment: number): void {
    this.lists.unqueue(segment)
    this.lists.setState(segment, SegmentState.evicting)
  }

  #lower(word: number, value: number): void {
    for (;;) {
      const before = Atomics.load(this.#words, word)
      if (before <= value) return
      if (Atomics.compareExchange(this.#words, word, before, value) === before) return
    }
  }

  #isFlushed(segment: number): boolean {
    const upTo = this.lists.flushedUpTo
    return upTo !== 0 && this.lists.sequence(segment) <= upTo
  }

  #sealOpenLocked(chain: number): void {
    const openWord = this.lists.openWord(chain)
    const current = this.#words[openWord]! - 1
    if (current < 0) return
    Atomics.store(this.#words, openWord, 0)
    this.#seal(current)
  }

  #seal(segment: number): void {
    Atomics.or(this.#words, this.lists.meta(segment) + TAIL, SEALED)
    this.lists.enqueue(segment)
    this.lists.freeIfDead(segment)
  }
}
