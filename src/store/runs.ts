/**
 * Runs: several segments one behind the other that hold large values as one segment holds small
 * items. Values of more than INLINE_VALUE_MAX would leave much of a segment empty, and of a chain
 * of their own too; in a run they go on from one segment to the next.
 *
 *   head:  [item ···· item ··] ──▶ [·· item ········] ──▶ [···· item ··· (still free)]
 *
 * The head stands in its chain, and has what a segment of items has: live items, writers, earliest
 * exptime, state. The others are bodies and name it (`run`). Header and key of an item never cross
 * from one segment to the next: none begins in the last HEAD_WORDS of one.
 *
 * Readers pin the segments that a value lies in, not the run: of a run that is given up, those are
 * left `abandoned` to their last reader.
 *
 * `reserve` and all that changes lists runs under the segment lock.
 */
import { assert } from '../base/assert.ts'
import { type Layout, SuperWord } from './layout.ts'
import type { Locks } from './locks.ts'
import { MetaWord, NO_SEGMENT, SegmentState, Tail } from './segment-lists.ts'
import type { Items } from './items.ts'
import type { Segments } from './segments.ts'

const {
  run: RUN,
  runUsed: RUN_USED,
  runLive: RUN_LIVE,
  body: BODY,
  tail: TAIL,
  pins: PINS,
} = MetaWord
/** Header, client flags, size and key of any item. */
const HEAD_WORDS = Math.ceil((7 * 4 + 250) / 4)

export class Runs {
  readonly #words: Uint32Array
  readonly #locks: Locks
  readonly #segments: Segments
  readonly #items: Items
  readonly #layout: Layout

  constructor(words: Uint32Array, locks: Locks, segments: Segments, items: Items, layout: Layout) {
    this.#words = words
    this.#locks = locks
    this.#segments = segments
    this.#items = items
    this.#layout = layout
  }

  /** Words of the largest item that belongs in a run: larger ones waste little by themselves. */
  get itemWordsMax(): number {
    const { runSegments, segmentWords } = this.#layout
    return Math.floor(runSegments / 4) * segmentWords
  }

  isRun(segment: number): boolean {
    return this.#segments.lists.runOf(segment) !== NO_SEGMENT
  }

  /** Head of the run that an item lies in, or NO_SEGMENT. */
  headOf(item: number): number {
    return this.#segments.lists.runOf(this.#segments.segmentOf(item))
  }

  /** Words from its beginning to the end of its last item. */
  usedWords(head: number): number {
    return this.#words[this.#segments.lists.meta(head) + RUN_USED]!
  }

  /** Segments of a run, so far. */
  segmentCount(head: number): number {
    let count = 0
    for (let id = head; id !== NO_SEGMENT; id = this.#next(id)) count += 1
    return count
  }

  /**
   * Room for an item in a chain's open run, which grows as needed, or is sealed and replaced: its
   * first word, or 0 when there are not enough free segments. Until `leave` nobody walks the run.
   * @param spare how many free segments are left to others.
   */
  reserve(size: number, chain: number, spare: number): number {
    this.#locks.lock(SuperWord.segmentLock)
    try {
      return this.#reserveLocked(size, chain, spare)
    } finally {
      this.#locks.unlock(SuperWord.segmentLock)
    }
  }

  /** One more live item. Caller holds its bucket lock. */
  addLive(item: number): void {
    const head = this.headOf(item)
    Atomics.add(this.#words, this.#segments.lists.meta(head) + RUN_LIVE, this.#items.allWords(item))
    this.#segments.addLiveOf(head, 0)
  }

  leave(item: number): void {
    const head = this.headOf(item)
    Atomics.sub(this.#words, this.#segments.lists.meta(head) + TAIL, Tail.writer)
    this.#segments.freeIfDead(head)
  }

  /** Calls `visit` with every item, linked or not. Caller has taken the run. */
  each(head: number, visit: (item: number) => void): void {
    this.#walk(head, visit, () => {})
  }

  /**
   * Hands every item over to be moved or dropped, then frees the run. What was walked past is free
   * before the rest is looked at: copies need no more room than they make.
   */
  empty(head: number, visit: (item: number) => void): void {
    const { lists } = this.#segments
    let kept = this.#next(head)
    this.#walk(head, visit, passed => {
      if (passed === head) return
      kept = this.#next(passed)
      this.#locks.lock(SuperWord.segmentLock)
      lists.releaseOne(passed)
      this.#locks.unlock(SuperWord.segmentLock)
    })
    this.#locks.lock(SuperWord.segmentLock)
    lists.release(kept)
    lists.releaseOne(head)
    this.#locks.unlock(SuperWord.segmentLock)
  }

  /** A reader keeps the segments that an item lies in. Caller holds the item's bucket lock. */
  pin(item: number): void {
    this.#eachSegment(item, segment => {
      Atomics.add(this.#words, this.#segments.lists.meta(segment) + PINS, 1)
    })
  }

  unpin(item: number): void {
    const { lists } = this.#segments
    this.#eachSegment(item, segment => {
      if (!lists.unpinOne(segment)) return
      this.#locks.lock(SuperWord.segmentLock)
      lists.pushFree(segment)
      this.#locks.unlock(SuperWord.segmentLock)
    })
  }

  /** One less; the last one frees the run. Caller holds its bucket lock. */
  removeLive(item: number): void {
    const head = this.headOf(item)
    Atomics.sub(this.#words, this.#segments.lists.meta(head) + RUN_LIVE, this.#items.allWords(item))
    this.#segments.removeLiveOf(head, 0)
  }

  /** Words of its items that are linked: more than the word that counts them in a segment takes. */
  liveWords(head: number): number {
    return this.#words[this.#segments.lists.meta(head) + RUN_LIVE]!
  }

  /** How many segments an item lies in. */
  spanOf(item: number): number {
    const { segmentWords } = this.#layout
    const first = this.#segments.firstWord(this.#segments.segmentOf(item))
    return Math.ceil((item - first + this.#items.allWords(item)) / segmentWords)
  }

  #reserveLocked(size: number, chain: number, spare: number): number {
    const { segmentWords, runSegments } = this.#layout
    const { lists } = this.#segments
    const word = lists.openRunWord(chain)
    let head = this.#words[word]! - 1
    let at = head < 0 ? 0 : this.#placeAt(this.#words[lists.meta(head) + RUN_USED]!)
    if (head >= 0 && at + size > runSegments * segmentWords) {
      lists.sealRun(chain)
      head = NO_SEGMENT
      at = 0
    }
    const count = head < 0 ? 0 : this.segmentCount(head)
    const wanted = Math.ceil((at + size) / segmentWords) - count
    this.#segments.supply.growLocked(spare + wanted)
    if (wanted > 0 && this.#segments.freeCount < spare + wanted) return 0
    if (head < 0) head = this.#open(chain)
    let last = head
    for (let next = this.#next(last); next !== NO_SEGMENT; next = this.#next(last)) last = next
    for (let i = head === last && count === 0 ? 1 : 0; i < wanted; i += 1) {
      last = this.#extend(head, last, chain)
    }
    const meta = lists.meta(head)
    this.#words[meta + RUN_USED] = at + size
    Atomics.add(this.#words, meta + TAIL, Tail.writer)
    let segment = head
    for (let i = Math.floor(at / segmentWords); i > 0; i -= 1) segment = this.#next(segment)
    return this.#segments.firstWord(segment) + (at % segmentWords)
  }

  #open(chain: number): number {
    const { lists } = this.#segments
    const head = lists.popFree(SegmentState.open)
    lists.assign(head, chain)
    const meta = lists.meta(head)
    this.#words[meta + RUN] = head + 1
    this.#words[meta + RUN_USED] = 0
    // Sealed to those who would put small items into it.
    Atomics.store(this.#words, meta + TAIL, Tail.sealed)
    this.#words[lists.openRunWord(chain)] = head + 1
    return head
  }

  #extend(head: number, last: number, chain: number): number {
    const { lists } = this.#segments
    const segment = lists.popFree(SegmentState.body)
    lists.assign(segment, chain)
    this.#words[lists.meta(segment) + RUN] = head + 1
    this.#words[lists.meta(last) + BODY] = segment + 1
    return segment
  }

  /** @param passed called with each segment in which nothing is left to be visited. */
  #walk(head: number, visit: (item: number) => void, passed: (segment: number) => void): void {
    const { segmentWords } = this.#layout
    const used = this.#words[this.#segments.lists.meta(head) + RUN_USED]!
    let segment = head
    let begin = 0
    for (let at = 0; at < used; ) {
      const item = this.#segments.firstWord(segment) + at - begin
      const size = this.#items.allWords(item)
      visit(item)
      at = this.#placeAt(at + size)
      const left = at < used ? Math.floor((at - begin) / segmentWords) : 0
      for (let i = 0; i < left; i += 1) {
        const next = this.#next(segment)
        passed(segment)
        segment = next
        begin += segmentWords
      }
    }
  }

  /** Where an item may begin, at or behind a place. */
  #placeAt(at: number): number {
    const { segmentWords } = this.#layout
    const left = segmentWords - (at % segmentWords)
    return left < HEAD_WORDS ? at + left : at
  }

  #eachSegment(item: number, visit: (segment: number) => void): void {
    let segment = this.#segments.segmentOf(item)
    for (let left = this.spanOf(item); left > 0; left -= 1) {
      // Read before the last pin goes, and the segment with it.
      const next = this.#next(segment)
      visit(segment)
      segment = next
    }
  }

  #next(segment: number): number {
    return this.#words[this.#segments.lists.meta(segment) + BODY]! - 1
  }
}

// Invariants
assert(HEAD_WORDS * 4 >= 28 + 250, 'the largest head of an item is kept in one segment')
