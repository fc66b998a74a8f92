/**
 * HalfSipHash-1-3 with a 128-bit key and two 32-bit outputs (Aumasson and Bernstein; the variant of
 * Linux' hsiphash): a keyed hash, so that nobody who does not know the seed can aim keys at a
 * bucket.
 */
import { SuperWord } from './layout.ts'

/** A key's size is eight bits of an item's header (items.ts). */
const KEY_WORDS_MAX = 256 / 4

export class KeyHash {
  readonly #k0: number
  readonly #k1: number
  readonly #k2: number
  readonly #k3: number
  /** Chooses the bucket; unsigned 32 bits. */
  bucket = 0
  /** Chooses the tag; unsigned 32 bits, independent of `bucket`. */
  tag = 0
  /** The key that was hashed last, as items have theirs: what is behind its end is 0. */
  readonly keyWords = new Uint32Array(KEY_WORDS_MAX)
  keySize = 0

  constructor(k0: number, k1: number, k2: number, k3: number) {
    this.#k0 = k0 | 0
    this.#k1 = k1 | 0
    this.#k2 = k2 | 0
    this.#k3 = k3 | 0
  }

  /** Leaves its result in `bucket` and `tag`, and the key itself in `keyWords`. */
  of(bytes: Uint8Array, at: number, length: number): void {
    const { keyWords } = this
    const whole = length >> 2
    for (let word = 0, i = at; word < whole; word += 1, i += 4) {
      keyWords[word] =
        bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    }
    const last = lastBytes(bytes, at + whole * 4, length & 3)
    keyWords[whole] = last
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = this.#k2 ^ 0x6c796765
    let v3 = this.#k3 ^ 0x74656462
    // One round a word, the last one with the length in it, then three.
    const rounds = whole + 4
    for (let word = 0; word < rounds; word += 1) {
      let m = 0
      if (word < whole) m = keyWords[word]!
      else if (word === whole) m = last | (length << 24)
      else if (word === whole + 1) v2 ^= 0xee
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
    this.keySize = length
    this.bucket = (v1 ^ v3) >>> 0
    this.tag = (v0 ^ v2) >>> 0
  }
}

function lastBytes(bytes: Uint8Array, at: number, count: number): number {
  let word = 0
  if (count > 2) word |= bytes[at + 2]! << 16
  if (count > 1) word |= bytes[at + 1]! << 8
  if (count > 0) word |= bytes[at]!
  return word
}

/** The hash of a store: its seed stands in the superblock. */
export function seededHash(words: Uint32Array): KeyHash {
  const at = SuperWord.seed
  return new KeyHash(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)
}
