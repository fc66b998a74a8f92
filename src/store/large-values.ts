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
    parts: { items: Items; segments: Segments; largeSegments: LargeSegments },
    layout: Layout,
  ) {
    const { items, segments, largeSegments } = parts
    this.#large = largeSegments
    this.#bytes = bytes
    this.#items = items
    this.#segments = segments
    this.#segmentBytes = layout.segmentBytes
  }

  /** Segments that a value of this size takes. */
  segmentsFor(keySize: number, valueSize: number): number {
    return Math.ceil((PREFIX_BYTES_MAX + keySize + valueSize) / this.#segmentBytes)
  }

  /** Copies `length` bytes from `position` of an item's value. Caller has it pinned. */
  read(item: number, position: number, target: Uint8Array, at: number, length: number): void {
    this.#eachSpan(
      this.#items.valueAt(item) - item * 4 + position,
      item,
      length,
      (from, done, size) => {
        copyBytes(target, at + done, this.#bytes, from, size)
      },
    )
  }

  /** Puts a whole value behind its key. Only its writer, before it is linked. */
  write(item: number, source: Uint8Array, at: number, length: number): void {
    const offset = this.#items.valueAt(item) - item * 4
    this.#eachSpan(offset, item, length, (to, done, size) => {
      copyBytes(this.#bytes, to, source, at + done, size)
    })
  }

  /** Copies all of an item to another place: header, key and value. */
  copy(item: number, target: number): void {
    this.#eachSpan(0, item, this.#items.countedBytes(item), (from, done, length) => {
      this.#eachSpan(done, target, length, (to, more, size) => {
        copyBytes(this.#bytes, to, this.#bytes, from + more, size)
      })
    })
  }

  /** Goes along the segments that an item lies in, from `from` bytes behind its beginning on. */
  #eachSpan(
    from: number,
    item: number,
    length: number,
    visit: (spanAt: number, done: number, size: number) => void,
  ): void {
    let segment = this.#segments.segmentOf(item)
    let offset = (item - this.#segments.firstWord(segment)) * 4 + from
    while (offset >= this.#segmentBytes) {
      offset -= this.#segmentBytes
      segment = this.#large.next(segment)
    }
    for (let done = 0; done < length && segment !== NO_SEGMENT; ) {
      const size = Math.min(length - done, this.#segmentBytes - offset)
      visit(this.#segments.firstWord(segment) * 4 + offset, done, size)
      done += size
      offset = 0
      segment = this.#large.next(segment)
    }
  }
}
