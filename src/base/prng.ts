/**
 * Seeded random numbers: xoshiro128** (Blackman, Vigna; prng.di.unimi.it/xoshiro128starstar.c).
 * Randomness is an argument: whatever needs it takes a `Prng`, so that a run can be repeated from
 * its seed. Fast and well spread, not secret: never for tokens, salts or hash keys that an
 * attacker must not guess.
 */
const UINT32_COUNT = 4294967296

export class Prng {
  readonly #state = new Uint32Array(4)

  /**
   * @param seed a whole number of 0 … 2^53 - 1; both 32-bit halves count.
   * @throws {RangeError} for anything else.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Cannot seed with ${seed}: expected a whole number of 0 to 2^53 - 1`)
    }
    const low = seed % UINT32_COUNT
    const high = Math.floor(seed / UINT32_COUNT)
    this.#state[0] = mix(low + 0x9e3779b9)
    this.#state[1] = mix(low + high * 0x85ebca6b + 0x3c6ef372)
    this.#state[2] = mix(high + 0xdaa66d2b)
    // Never zero, because the state of all zeros would stay there.
    this.#state[3] = mix(low ^ high) | 1
  }

  /** A generator in exactly this state, which must not be all zeros; for known sequences. */
  static fromState(s0: number, s1: number, s2: number, s3: number): Prng {
    if ((s0 | s1 | s2 | s3) === 0) throw new RangeError('Cannot start from a state of all zeros')
    const prng = new Prng(0)
    prng.#state.set([s0, s1, s2, s3])
    return prng
  }

  /** A whole number of 0 … 2^32 - 1. */
  uint32(): number {
    const state = this.#state
    const s1 = state[1]!
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    const s2 = state[2]! ^ state[0]!
    const s3 = state[3]! ^ s1
    state[1] = s1 ^ s2
    state[0] = state[0]! ^ s3
    state[2] = s2 ^ (s1 << 9)
    state[3] = rotate(s3, 11)
    return result
  }

  /**
   * A whole number of 0 … count - 1, every one equally likely.
   * @throws {RangeError} unless `count` is a whole number of 1 … 2^32.
   */
  below(count: number): number {
    if (!Number.isInteger(count) || count < 1 || count > UINT32_COUNT) {
      throw new RangeError(`Cannot draw below ${count}: expected a whole number of 1 to 2^32`)
    }
    // The first 2^32 mod count values would make small results likelier: draw again (never more
    // than every second time, and for small counts practically never).
    const refused = UINT32_COUNT % count
    let value = this.uint32()
    while (value < refused) value = this.uint32()
    return value % count
  }

  /** A number of 0 up to, not including, 1, with 53 random bits. */
  float(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** The finalizer of splitmix32: neighbouring seeds give states with nothing in common. */
function mix(value: number): number {
  let word = value | 0
  word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
  return (word ^ (word >>> 15)) >>> 0
}
