/**
 * Goes round the whole hash index, a bucket at a time, while others use it and it grows: every item
 * that is there from beginning to end is met exactly once.
 *
 * Read backwards, the bits of a hash are a position on a line; a main bucket owns an interval of
 * it, and a split cuts one in two. Whatever is split meanwhile, the place reached stays a border:
 *
 *   0 ───────────────── position ───────────── 2^32        bucket of position: reversed bits
 *   │   met already    │  bucket  │  not yet   │
 */
import type { HashIndex } from './hash-index.ts'
import type { KeyHash } from './hash.ts'

const TWO_32 = 4294967296

export class IndexWalk {
  readonly #index: HashIndex
  /** Carries bits to the index; it hashes nothing. */
  readonly #bits: KeyHash
  #position = 0

  /** @param hash one that nobody else is using. */
  constructor(index: HashIndex, hash: KeyHash) {
    this.#index = index
    this.#bits = hash
  }

  get isOver(): boolean {
    return this.#position >= TWO_32
  }

  /** Of the whole, 0 to 1. */
  get progress(): number {
    return this.#position / TWO_32
  }

  /** Calls `visit` with every item of the next bucket, under its lock. */
  step(visit: (item: number) => void): void {
    const index = this.#index
    this.#bits.bucket = reversed(this.#position)
    const bucket = index.lockFor(this.#bits)
    try {
      // Nobody can split it now: what it owns stands until it is unlocked.
      this.#position += TWO_32 / 2 ** index.hashBits(this.#bits)
      index.forEach(bucket, visit)
    } finally {
      index.unlock(bucket)
    }
  }
}

/** The 32 bits in the other order. */
function reversed(position: number): number {
  let bits = position >>> 0
  bits = ((bits >>> 1) & 0x55555555) | ((bits & 0x55555555) << 1)
  bits = ((bits >>> 2) & 0x33333333) | ((bits & 0x33333333) << 2)
  bits = ((bits >>> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4)
  bits = ((bits >>> 8) & 0x00ff00ff) | ((bits & 0x00ff00ff) << 8)
  return ((bits >>> 16) | (bits << 16)) >>> 0
}
