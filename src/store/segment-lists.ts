/**
 * Metadata of segments, and the lists they are in: free, or one of the chains (oldest first, linked
 * both ways). A chain is a lifetime (ttl-buckets.ts) in probation or in the main part.
 *
 * Metadata of a segment, 16 words:
 *   0 tail    used words (18 bits) · sealed (1) · writers (13)      any thread, compare-and-swap
 *   1 state   SegmentState                                         under the segment lock
 *   2 next    3 previous (id + 1, 0 none)                           under the segment lock
 *   4 live    live words (17 bits) · live items (15)               atomically, under a bucket lock
 *   6 body    next segment of a large value (id + 1)                while private, then read only
 *   7 pins    readers of a large value; bit 31: unlinked            atomically
 *   8 sequence   the how-manieth segment taken this is (f64, 8–9)  under the segment lock
 *   10 chain  chain it belongs to + 1, 0 none                       under the segment lock
 *   12 run    of a run: its head + 1   13 its used words (head)    under the segment lock
 *   14 live words of a run (head)                                  atomically, under a bucket lock
 *   11 least  earliest exptime in it; NEVER: none expires           atomically
 *
 * Chains, 4 words each from CHAINS in the superblock, under the segment lock (open: read by all):
 *   0 open segment (id + 1)   1 head   2 tail   3 segments, large values' later ones included
 */
import { assert } from '../base/assert.ts'
import { CHAIN_COUNT_MAX, type Layout, SuperWord } from './layout.ts'

export const MetaWord = {
  tail: 0,
  state: 1,
  next: 2,
  previous: 3,
  live: 4,
  body: 6,
  pins: 7,
  sequence: 8,
  chain: 10,
  least: 11,
  run: 12,
  runUsed: 13,
  runLive: 14,
} as const
const META_WORDS = 16
const CHAIN_WORDS = 4
const ChainWord = { open: 0, head: 1, tail: 2, count: 3 } as const

export const Tail = { usedMask: 2 ** 18 - 1, sealed: 2 ** 18, writer: 2 ** 19 } as const

export const Live = { itemsMask: 2 ** 15 - 1, word: 2 ** 15 } as const

export const SegmentState = {
  free: 0,
  open: 1,
  /** Sealed and in its chain. */
  queued: 2,
  /** Out of its chain, being emptied by one thread. */
  evicting: 3,
  /** Emptied while a thread looked at it or read in it: that thread frees it. */
  abandoned: 4,
  /** Head of a large value that is still private to its writer. */
  large: 5,
  /** A later segment of a large value, or of a run. */
  body: 6,
  /** Holds buckets of the hash index, for good. */
  index: 7,
  /** In its chain, and the reclaimer is taking expired items out of it. */
  reclaiming: 8,
  /** Beyond the memory limit: its memory is the kernel's. */
  away: 9,
} as const

export const NO_SEGMENT = -1
/** In the word of the pins: whoever takes the last one away frees what they are on. */
export const UNLINKED = 2 ** 31
/** No item of the segment expires. */
export const NEVER = 0xffffffff

export class SegmentLists {
  readonly #words: Uint32Array
  /** For sequences: 32 bits would wrap within days. */
  readonly #doubles: Float64Array
  readonly #layout: Layout

  constructor(words: Uint32Array, layout: Layout) {
    this.#words = words
    this.#doubles = new Float64Array(words.buffer)
    this.#layout = layout
  }

  /** The first word of a segment's metadata. */
  meta(segment: number): number {
    return this.#layout.metaWord + segment * META_WORDS
  }

  /** The word that names a chain's open run. */
  openRunWord(chain: number): number {
    return SuperWord.openRuns + chain
  }

  /** Head of the run that a segment is of, or NO_SEGMENT. */
  runOf(segment: number): number {
    return this.#words[this.meta(segment) + MetaWord.run]! - 1
  }

  /** The word that names a chain's open segment. */
  openWord(chain: number): number {
    return SuperWord.chains + chain * CHAIN_WORDS + ChainWord.open
  }

  /** The segment that a chain is appended to, or NO_SEGMENT; without the lock, of this moment. */
  open(chain: number): number {
    return this.#words[SuperWord.chains + chain * CHAIN_WORDS + ChainWord.open]! - 1
  }

  /** Oldest segment of a chain, or NO_SEGMENT. */
  head(chain: number): number {
    return this.#words[SuperWord.chains + chain * CHAIN_WORDS + ChainWord.head]! - 1
  }

  next(segment: number): number {
    return this.#words[this.meta(segment) + MetaWord.next]! - 1
  }

  /** Youngest queued segment of a chain, or NO_SEGMENT. */
  tail(chain: number): number {
    return this.#words[SuperWord.chains + chain * CHAIN_WORDS + ChainWord.tail]! - 1
  }

  previous(segment: number): number {
    return this.#words[this.meta(segment) + MetaWord.previous]! - 1
  }

  /** Segments that a chain has, its open one and large values' later ones included. */
  count(chain: number): number {
    return this.#words[SuperWord.chains + chain * CHAIN_WORDS + ChainWord.count]!
  }

  /** The chain a segment belongs to, or -1. */
  chainOf(segment: number): number {
    return this.#words[this.meta(segment) + MetaWord.chain]! - 1
  }

  /** Counts a segment to a chain (-1: to none) from now on. */
  assign(segment: number, chain: number): void {
    const word = this.meta(segment) + MetaWord.chain
    const before = this.#words[word]! - 1
    if (before >= 0) this.#addCount(before, -1)
    if (chain >= 0) this.#addCount(chain, 1)
    this.#words[word] = chain + 1
  }

  /** Under the segment lock, as everything that follows here but for what only reads. */
  setState(segment: number, state: number): void {
    this.#words[this.meta(segment) + MetaWord.state] = state
  }

  /** Puts a segment at the young end of the chain it is assigned to. */
  enqueue(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    const at = SuperWord.chains + this.chainOf(segment) * CHAIN_WORDS
    const tail = words[at + ChainWord.tail]!
    this.setState(segment, SegmentState.queued)
    words[meta + MetaWord.next] = 0
    words[meta + MetaWord.previous] = tail
    if (tail === 0) words[at + ChainWord.head] = segment + 1
    else words[this.meta(tail - 1) + MetaWord.next] = segment + 1
    words[at + ChainWord.tail] = segment + 1
  }

  unqueue(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    const at = SuperWord.chains + this.chainOf(segment) * CHAIN_WORDS
    const next = words[meta + MetaWord.next]!
    const previous = words[meta + MetaWord.previous]!
    if (previous === 0) words[at + ChainWord.head] = next
    else words[this.meta(previous - 1) + MetaWord.next] = next
    if (next === 0) words[at + ChainWord.tail] = previous
    else words[this.meta(next - 1) + MetaWord.previous] = previous
  }

  pushFree(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    // Sealed, so that a thread that still holds this segment's number from before reserves nothing.
    Atomics.store(words, meta + MetaWord.tail, Tail.sealed)
    this.assign(segment, -1)
    this.setState(segment, SegmentState.free)
    words[meta + MetaWord.live] = 0
    words[meta + MetaWord.body] = 0
    words[meta + MetaWord.run] = 0
    words[meta + MetaWord.runUsed] = 0
    words[meta + MetaWord.runLive] = 0
    words[meta + MetaWord.pins] = 0
    words[meta + MetaWord.least] = NEVER
    words[meta + MetaWord.next] = words[SuperWord.freeHead]!
    words[SuperWord.freeHead] = segment + 1
    words[SuperWord.freeCount] = words[SuperWord.freeCount]! + 1
  }

  /** Nothing more goes into a chain's open run. */
  sealRun(chain: number): void {
    const head = this.#words[this.openRunWord(chain)]! - 1
    if (head < 0) return
    this.#words[this.openRunWord(chain)] = 0
    this.enqueue(head)
    this.freeIfDead(head)
  }

  /** Whether nothing lives in a segment, or run, and nobody writes into it. */
  isDead(segment: number): boolean {
    const meta = this.meta(segment)
    const writers = Math.floor(this.#words[meta + MetaWord.tail]! / Tail.writer)
    return writers === 0 && (this.#words[meta + MetaWord.live]! & Live.itemsMask) === 0
  }

  /** Frees what is in its chain and dead. */
  freeIfDead(segment: number): void {
    const state = this.#words[this.meta(segment) + MetaWord.state]!
    if (state !== SegmentState.queued || !this.isDead(segment)) return
    this.unqueue(segment)
    this.release(segment)
  }

  /** Frees a segment and, if it is of a run, those behind it. */
  release(first: number): void {
    for (let segment = first; segment !== NO_SEGMENT; ) {
      const next = this.#words[this.meta(segment) + MetaWord.body]! - 1
      this.releaseOne(segment)
      segment = next
    }
  }

  /** Frees a segment in which nothing is linked, or leaves it to whoever reads in it last. */
  releaseOne(segment: number): void {
    const before = Atomics.or(this.#words, this.meta(segment) + MetaWord.pins, UNLINKED)
    if (before === 0) {
      this.pushFree(segment)
      return
    }
    this.assign(segment, -1)
    this.setState(segment, SegmentState.abandoned)
  }

  /** Takes a pin away; true when the caller is to free what was left to its last reader. */
  unpinOne(segment: number): boolean {
    const before = Atomics.sub(this.#words, this.meta(segment) + MetaWord.pins, 1)
    return before === UNLINKED + 1
  }

  popFree(state: number): number {
    const words = this.#words
    const segment = words[SuperWord.freeHead]! - 1
    if (segment < 0) return NO_SEGMENT
    const meta = this.meta(segment)
    words[SuperWord.freeHead] = words[meta + MetaWord.next]!
    words[SuperWord.freeCount] = words[SuperWord.freeCount]! - 1
    this.setState(segment, state)
    // What a flush spares is what was taken after it.
    const sequence = this.lastSequence + 1
    this.#doubles[SuperWord.sequence / 2] = sequence
    this.#doubles[(meta + MetaWord.sequence) / 2] = sequence
    words[meta + MetaWord.next] = 0
    words[meta + MetaWord.previous] = 0
    return segment
  }

  /** Sequence of the segment that was taken last. */
  get lastSequence(): number {
    return this.#doubles[SuperWord.sequence / 2]!
  }

  sequence(segment: number): number {
    return this.#doubles[(this.meta(segment) + MetaWord.sequence) / 2]!
  }

  /** Everything in segments up to this sequence is flushed; 0: nothing ever was. */
  get flushedUpTo(): number {
    return this.#doubles[SuperWord.flushedUpTo / 2]!
  }

  set flushedUpTo(sequence: number) {
    this.#doubles[SuperWord.flushedUpTo / 2] = sequence
  }

  #addCount(chain: number, n: number): void {
    const word = SuperWord.chains + chain * CHAIN_WORDS + ChainWord.count
    this.#words[word] = this.#words[word]! + n
  }
}

// Invariants
const WORDS_MAX = (256 * 1024) / 4
/** Header without cas, and a key. */
const ITEM_WORDS_MIN = 4
assert(Tail.usedMask + 1 === Tail.sealed, 'used and sealed tile the tail word')
assert(Tail.sealed * 2 === Tail.writer, 'sealed and writers tile the tail word')
assert(WORDS_MAX <= Tail.usedMask, 'the largest segment fits the used field')
assert(Live.itemsMask + 1 === Live.word, 'live items and words tile their word')
assert(Live.word * (WORDS_MAX + 1) <= 2 ** 32, 'live words fit their field')
assert(WORDS_MAX / ITEM_WORDS_MIN <= Live.itemsMask, 'live items fit their field')
assert(
  SuperWord.chains + CHAIN_COUNT_MAX * CHAIN_WORDS <= SuperWord.openRuns,
  'chains end before their open runs',
)
assert(SuperWord.openRuns + CHAIN_COUNT_MAX <= 1024, 'open runs fit the superblock')
assert(MetaWord.sequence % 2 === 0, 'sequences are aligned')
