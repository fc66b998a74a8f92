/**
 * Bytes received and not yet used: kept between the calls in which they arrive.
 *
 *   bytes:  [ used ─── at ─── kept ─── end ─── room ]
 */
import { copyBytes, copyOf } from '../base/bytes.ts'

const SIZE_MIN = 1024

export class HeldInput {
  bytes: Uint8Array | undefined
  at = 0
  end = 0

  get isEmpty(): boolean {
    return this.bytes === undefined
  }

  /** Keeps `[at, end)`; of its own bytes, only where they begin moves. */
  keep(bytes: Uint8Array, at: number, end: number): void {
    if (at === end) {
      this.bytes = undefined
    } else if (bytes === this.bytes) {
      this.at = at
    } else {
      this.bytes = copyOf(bytes, at, end - at)
      this.at = 0
      this.end = end - at
    }
  }

  clear(): void {
    this.bytes = undefined
  }

  /** Adds what has just arrived. `expected`: bytes of the whole unit, when that is known. */
  append(bytes: Uint8Array, at: number, length: number, expected = 0): void {
    const held = this.bytes!
    const kept = this.end - this.at
    if (this.end + length > held.length) {
      const size = Math.max(SIZE_MIN, (kept + length) * 2, expected)
      const grown = new Uint8Array(size)
      copyBytes(grown, 0, held, this.at, kept)
      this.bytes = grown
      this.at = 0
      this.end = kept
    }
    copyBytes(this.bytes!, this.end, bytes, at, length)
    this.end += length
  }
}
