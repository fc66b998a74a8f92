/**
 * HalfSipHash-1-3 with a 128-bit key and two 32-bit outputs (Aumasson and Bernstein; the variant of
 * Linux' hsiphash): a keyed hash, so that nobody who does not know the seed can aim keys at a
 * bucket.
 */
import { SuperWord } from './layout.ts'

export class KeyHash {
  readonly #k0: number
  readonly #k1: number
  readonly #k2: number
  readonly #k3: number
  /** Chooses the bucket; unsigned 32 bits. */
  bucket = 0
  /** Chooses the tag; unsigned 32 bits, independent of `bucket`. */
  tag = 0

  constructor(k0: number, k1: number, k2: number, k3: number) {
    this.#k0 = k0 | 0
    this.#k1 = k1 | 0
    this.#k2 = k2 | 0
    this.#k3 = k3 | 0
  }

  /** Leaves its result in `bucket` and `tag`. */
  of(bytes: Uint8Array, at: number, length: number): void {
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = this.#k2 ^ 0x6c796765
    let v3 = this.#k3 ^ 0x74656462
    const whole = at + length - (length & 3)
    let i = at
    // One round a word, then the last word with the length, then three rounds.
    for (let rounds = (length >> 2) + 4; rounds > 0; rounds -= 1) {
      let m = 0
      if (i < whole) {
        m = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
        i += 4
      } else if (rounds === 4) {
        m = lastWord(bytes, whole, length)
      } else if (rounds === 3) {
        v2 ^= 0xee
      }
      v3 ^= m
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= m
    }
    this.bucket = (v1 ^ v3) >>> 0
    this.tag = (v0 ^ v2) >>> 0
  }
}

function lastWord(bytes: Uint8Array, at: number, length: number): number {
  let word = length << 24
  const rest = length & 3
  if (rest > 2) word |= bytes[at + 2]! << 16
  if (rest > 1) word |= bytes[at + 1]! << 8
  if (rest > 0) word |= bytes[at]!
  return word
}

/** The hash of a store: its seed stands in the superblock. */
export function seededHash(words: Uint32Array): KeyHash {
  const at = SuperWord.seed
  return new KeyHash(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)
}
