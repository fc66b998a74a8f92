/**
 * A large value (over INLINE_VALUE_MAX) has segments of its own: its item stands at the first word
 * of the chain's head, the value begins behind the key and runs on through the chained segments.
 *
 *   head:  [header · size · key · value …]  ──▶  [value …]  ──▶  [value … (rest unused)]
 *
 * It is private to its writer until it is linked (uploads.ts), and immutable from then on; readers
 * pin it.
 */
import { copyBytes } from '../base/bytes.ts'
import type { Items } from './items.ts'
import type { Layout } from './layout.ts'
import type { LargeSegments } from './large-segments.ts'
import { NO_SEGMENT, type Segments } from './segments.ts'

/** Header, client flags and size words: what stands before the key of a large item. */
const PREFIX_BYTES_MAX = (5 + 2) * 4

export class LargeValues {
  readonly #bytes: Uint8Array
  readonly #items: Items
  readonly #segments: Segments
  readonly #large: LargeSegments
  readonly #segmentBytes: number

  constructor(
    bytes: Uint8Array,
    items: Items,
    segments: Segments,
    large: LargeSegments,
    layout: Layout,
  ) {
    this.#large = large
    this.#bytes = bytes
    this.#items = items
    this.#segments = segments
    this.#segmentBytes = layout.segmentBytes
  }

  /** Segments that a value of this size takes. */
  segmentsFor(keySize: number, valueSize: number): number {
    return Math.ceil((PREFIX_BYTES_MAX + keySize + valueSize) / this.#segmentBytes)
  }

  headOf(item: number): number {
    return this.#segments.segmentOf(item)
  }

  /** Copies `length` bytes from `position` of the value. Caller has it pinned. */
  read(head: number, position: number, target: Uint8Array, at: number, length: number): void {
    let segment = head
    const item = this.#segments.firstWord(head)
    let offset = this.#items.valueAt(item) - item * 4 + position
    while (offset >= this.#segmentBytes) {
      offset -= this.#segmentBytes
      segment = this.#large.next(segment)
    }
    for (let done = 0; done < length && segment !== NO_SEGMENT; ) {
      const size = Math.min(length - done, this.#segmentBytes - offset)
      copyBytes(
        target,
        at + done,
        this.#bytes,
        this.#segments.firstWord(segment) * 4 + offset,
        size,
      )
      done += size
      offset = 0
      segment = this.#large.next(segment)
    }
  }
}
