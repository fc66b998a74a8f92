/** Bytes that a peer has not taken yet: copies, in the order they were written. */
import { copyBytes, copyOf, freeBytes } from '../base/bytes.ts'

export class Backlog {
  readonly #pieces: Uint8Array[] = []
  #firstAt = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(bytes: Uint8Array, at: number, length: number): void {
    if (length === 0) return
    this.#pieces.push(copyOf(bytes, at, length))
    this.#size += length
  }

  /** Copies what comes first, at most `size` bytes; how many. It stays until it is dropped. */
  peek(target: Uint8Array, targetAt: number, size: number): number {
    let copied = 0
    let from = this.#firstAt
    for (let i = 0; i < this.#pieces.length && copied < size; i += 1) {
      const piece = this.#pieces[i]!
      const length = Math.min(size - copied, piece.length - from)
      copyBytes(target, targetAt + copied, piece, from, length)
      copied += length
      from = 0
    }
    return copied
  }

  drop(length: number): void {
    this.#size -= length
    this.#firstAt += length
    while (this.#pieces.length > 0 && this.#firstAt >= this.#pieces[0]!.length) {
      const piece = this.#pieces.shift()!
      this.#firstAt -= piece.length
      freeBytes(piece)
    }
  }

  /** Nobody wants it any more. */
  clear(): void {
    this.drop(this.#size)
  }
}
