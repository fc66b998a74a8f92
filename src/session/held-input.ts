/**
 * Bytes received and not yet used: kept between the calls in which they arrive, in memory that has
 * a limit. Where there is none for them, all of them are forgotten.
 *
 *   bytes:  [ used ─── at ─── kept ─── end ─── room ]
 */
import { copyBytes } from '../base/bytes.ts'

const SIZE_MIN = 1024
/** What is long does not grow by its own length: a line of 1 MiB would take two. */
const GROWTH_MAX = 256 * 1024

/** Where the memory comes from. */
export interface InputMemory {
  /** At least that many bytes; undefined: there are none left. */
  take(size: number): Uint8Array | undefined
  give(buffer: Uint8Array): void
}

export class HeldInput {
  bytes: Uint8Array | undefined
  at = 0
  end = 0
  readonly #memory: InputMemory

  constructor(memory: InputMemory) {
    this.#memory = memory
  }

  get isEmpty(): boolean {
    return this.bytes === undefined
  }

  /** Keeps `[at, end)`; of its own bytes, only where they begin moves. False: no memory. */
  keep(bytes: Uint8Array, at: number, end: number): boolean {
    if (at === end) {
      this.clear()
      return true
    }
    if (bytes === this.bytes) {
      this.at = at
      return true
    }
    const taken = this.#memory.take(end - at)
    if (taken === undefined) return false
    copyBytes(taken, 0, bytes, at, end - at)
    this.bytes = taken
    this.at = 0
    this.end = end - at
    return true
  }

  clear(): void {
    if (this.bytes === undefined) return
    this.#memory.give(this.bytes)
    this.bytes = undefined
  }

  /**
   * Adds what has just arrived. `expected`: bytes of the whole unit, when that is known. False:
   * there is no memory for it, and nothing is held any more.
   */
  append(bytes: Uint8Array, at: number, length: number, expected = 0): boolean {
    const held = this.bytes!
    const kept = this.end - this.at
    if (this.end + length > held.length) {
      const needed = kept + length
      const size = Math.max(SIZE_MIN, needed + Math.min(needed, GROWTH_MAX), expected)
      const grown = this.#memory.take(size)
      if (grown !== undefined) copyBytes(grown, 0, held, this.at, kept)
      this.clear()
      if (grown === undefined) return false
      this.bytes = grown
      this.at = 0
      this.end = kept
    }
    copyBytes(this.bytes!, this.end, bytes, at, length)
    this.end += length
    return true
  }
}
