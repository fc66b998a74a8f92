/**
 * Metadata of segments, and the two lists they are in: free, and queued (oldest first, both ways).
 *
 * Metadata of a segment, 16 words:
 *   0 tail    used words (18 bits) · sealed (1) · writers (13)      any thread, compare-and-swap
 *   1 state   SegmentState                                         under the segment lock
 *   2 next    3 previous (id + 1, 0 none)                           under the segment lock
 *   4 live items   5 live words                                     atomically, under a bucket lock
 *   6 chain   next segment of a large value (id + 1)                while private, then read only
 *   7 pins    readers of a large value; bit 31: unlinked            atomically
 *   8 sequence   the how-manieth segment taken this is (f64, 8–9)  under the segment lock
 *
 * The lists are changed with the segment lock held.
 */
import { assert } from '../base/assert.ts'
import { type Layout, SuperWord } from './layout.ts'

export const MetaWord = {
  tail: 0,
  state: 1,
  next: 2,
  previous: 3,
  liveItems: 4,
  liveWords: 5,
  chain: 6,
  pins: 7,
  sequence: 8,
} as const
const META_WORDS = 16

export const Tail = { usedMask: 2 ** 18 - 1, sealed: 2 ** 18, writer: 2 ** 19 } as const

export const SegmentState = {
  free: 0,
  open: 1,
  /** Sealed and in the queue, oldest first. */
  queued: 2,
  /** Off the queue, being emptied by one thread. */
  evicting: 3,
  /** Emptied by somebody else while its evictor looked at it: the evictor frees it. */
  abandoned: 4,
  /** Head of a large value that is still private to its writer. */
  large: 5,
  /** A later segment of a large value. */
  body: 6,
} as const

export const NO_SEGMENT = -1

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

  enqueue(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    const tail = words[SuperWord.queueTail]!
    words[meta + MetaWord.state] = SegmentState.queued
    words[meta + MetaWord.next] = 0
    words[meta + MetaWord.previous] = tail
    if (tail === 0) words[SuperWord.queueHead] = segment + 1
    else words[this.meta(tail - 1) + MetaWord.next] = segment + 1
    words[SuperWord.queueTail] = segment + 1
  }

  unqueue(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    const next = words[meta + MetaWord.next]!
    const previous = words[meta + MetaWord.previous]!
    if (previous === 0) words[SuperWord.queueHead] = next
    else words[this.meta(previous - 1) + MetaWord.next] = next
    if (next === 0) words[SuperWord.queueTail] = previous
    else words[this.meta(next - 1) + MetaWord.previous] = previous
  }

  pushFree(segment: number): void {
    const words = this.#words
    const meta = this.meta(segment)
    // Sealed, so that a thread that still holds this segment's number from before reserves nothing.
    Atomics.store(words, meta + MetaWord.tail, Tail.sealed)
    words[meta + MetaWord.state] = SegmentState.free
    words[meta + MetaWord.liveItems] = 0
    words[meta + MetaWord.liveWords] = 0
    words[meta + MetaWord.chain] = 0
    words[meta + MetaWord.pins] = 0
    words[meta + MetaWord.next] = words[SuperWord.freeHead]!
    words[SuperWord.freeHead] = segment + 1
    words[SuperWord.freeCount] = words[SuperWord.freeCount]! + 1
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

  popFree(state: number): number {
    const words = this.#words
    const segment = words[SuperWord.freeHead]! - 1
    if (segment < 0) return NO_SEGMENT
    const meta = this.meta(segment)
    words[SuperWord.freeHead] = words[meta + MetaWord.next]!
    words[SuperWord.freeCount] = words[SuperWord.freeCount]! - 1
    words[meta + MetaWord.state] = state
    // What a flush spares is what was taken after it.
    const sequence = this.lastSequence + 1
    this.#doubles[SuperWord.sequence / 2] = sequence
    this.#doubles[(meta + MetaWord.sequence) / 2] = sequence
    words[meta + MetaWord.next] = 0
    words[meta + MetaWord.previous] = 0
    return segment
  }
}

// Invariants
assert(Tail.usedMask + 1 === Tail.sealed, 'used and sealed tile the tail word')
assert(Tail.sealed * 2 === Tail.writer, 'sealed and writers tile the tail word')
assert((256 * 1024) / 4 <= Tail.usedMask, 'the largest segment fits the used field')
