/**
 * Copies of output for sockets that keep what they are given until it is sent. Most take all of it
 * at once: their copy then serves the next write too, instead of being garbage outside V8's heap.
 *
 *   of ─▶ written ─┬─ all taken: nothing to do, the next `of` may use the bytes again
 *                  └─ not all: `keep`, the bytes are the socket's
 */
import { assert } from '../base/assert.ts'

const SIZE_MIN = 64
const SIZE_MAX = 64 * 1024

export class WriteCopies {
  /** By powers of two, so that what a slow peer keeps is at most twice what it was sent. */
  readonly #free: (Uint8Array | undefined)[] = []

  of(bytes: Uint8Array, at: number, length: number): Uint8Array {
    const room = length > SIZE_MAX ? new Uint8Array(length) : this.#roomFor(length)
    const copy = room.subarray(0, length)
    copy.set(bytes.subarray(at, at + length))
    return copy
  }

  /** The last copy, of that length, is in use from now on. */
  keep(length: number): void {
    if (length <= SIZE_MAX) this.#free[classOf(length)] = undefined
  }

  #roomFor(length: number): Uint8Array {
    const index = classOf(length)
    const free = this.#free[index]
    if (free !== undefined) return free
    const made = new Uint8Array(SIZE_MIN * 2 ** index)
    this.#free[index] = made
    return made
  }
}

function classOf(length: number): number {
  return Math.max(0, 26 - Math.clz32(Math.max(length, 1) - 1))
}

// Invariants
assert(classOf(0) === 0 && classOf(SIZE_MIN) === 0 && classOf(SIZE_MIN + 1) === 1, 'sizes are met')
assert(SIZE_MIN * 2 ** classOf(SIZE_MAX) === SIZE_MAX, 'the largest is one of the sizes')
