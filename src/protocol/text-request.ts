/**
 * Reading a line of the text protocol: tokens as offsets, numbers as memcached 1.6.45 reads them:
 * flags and exptimes of storage commands as C's strto* (util.c), with any sign, all others as
 * digits of a limited length, with a minus sign where they may be negative (mcmc.c).
 */
import { TOKENS_MAX } from './limits.ts'

const SPACE = 0x20
const DIGIT_ZERO = 0x30
const PLUS = 0x2b
const MINUS = 0x2d
const U32 = 4294967296
const U64_MAX = 2n ** 64n - 1n
const I32_MAX = 2147483647
/** Longest text of a number: zeros in front are allowed, but not without end. */
const TEXT_32_MAX = 11
const TEXT_64_MAX = 22
const TEXT_MAX = 64
/** Digits that a number has room for without rounding. */
const SMALL_DIGITS = 15

/** The tokens of one line: offsets and sizes; only space separates. */
export class Tokens {
  /** Beyond 32 bits where a thread's input lies behind a large store. */
  readonly at = new Float64Array(TOKENS_MAX)
  readonly size = new Int32Array(TOKENS_MAX)
  count = 0

  /** Splits `[from, to)`; tokens beyond TOKENS_MAX are not kept. */
  split(bytes: Uint8Array, from: number, to: number): void {
    let count = 0
    let i = from
    while (count < TOKENS_MAX) {
      while (i < to && bytes[i] === SPACE) i += 1
      if (i === to) break
      const start = i
      while (i < to && bytes[i] !== SPACE) i += 1
      this.at[count] = start
      this.size[count] = i - start
      count += 1
    }
    this.count = count
  }
}

/**
 * The result of the last number read: `uint64` and friends return whether there was one. Numbers of
 * up to 15 digits, and so nearly all there are, are read without making any object.
 */
export class NumberReader {
  low = 0
  high = 0
  /** For 32-bit readers: the value, already truncated. */
  number = 0

  get value(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low)
  }

  /** Digits only, at most 22 of them and 2^64 - 1; sets low and high. */
  uint64(bytes: Uint8Array, at: number, size: number): boolean {
    return size <= TEXT_64_MAX && this.#digits(bytes, at, size)
  }

  #digits(bytes: Uint8Array, at: number, size: number): boolean {
    if (size === 0 || size > TEXT_MAX) return false
    let small = 0
    const smallEnd = at + Math.min(size, SMALL_DIGITS)
    for (let i = at; i < smallEnd; i += 1) {
      const digit = bytes[i]! - DIGIT_ZERO
      if (digit < 0 || digit > 9) return false
      small = small * 10 + digit
    }
    if (size > SMALL_DIGITS) return this.#large(BigInt(small), bytes, smallEnd, at + size)
    // Nearly all are this small, and a remainder of float64s takes a call.
    const isLow = small < U32
    this.low = isLow ? small : small % U32
    this.high = isLow ? 0 : Math.floor(small / U32)
    return true
  }

  /** At most 11 digits and `max`, below 2^32; sets number. */
  uint(bytes: Uint8Array, at: number, size: number, max: number): boolean {
    if (size > TEXT_32_MAX || !this.#digits(bytes, at, size)) return false
    this.number = this.high * U32 + this.low
    return this.number <= max
  }

  /** strtoul truncated to 32 bits: a sign `+` is allowed, `-` is not. */
  clientFlags(bytes: Uint8Array, at: number, size: number): boolean {
    const sign = bytes[at] === PLUS ? 1 : 0
    if (!this.#digits(bytes, at + sign, size - sign)) return false
    this.number = this.low
    return true
  }

  /** strtol truncated to a signed 32-bit number. */
  truncatedInt32(bytes: Uint8Array, at: number, size: number): boolean {
    const negative = bytes[at] === MINUS
    const sign = negative || bytes[at] === PLUS ? 1 : 0
    if (!this.#digits(bytes, at + sign, size - sign)) return false
    const isLowest = negative && this.high === I32_MAX + 1 && this.low === 0
    if (this.high > I32_MAX && !isLowest) return false
    this.number = (negative ? -this.low : this.low) | 0
    return true
  }

  /** A number of -2^31 … 2^31 - 1, in at most 11 characters. */
  int32(bytes: Uint8Array, at: number, size: number): boolean {
    const negative = bytes[at] === MINUS
    const sign = negative ? 1 : 0
    if (size > TEXT_32_MAX || !this.#digits(bytes, at + sign, size - sign)) return false
    if (this.high !== 0 || this.low > I32_MAX + (negative ? 1 : 0)) return false
    // A zero has no sign here.
    this.number = negative ? 0 - this.low : this.low
    return true
  }

  #large(start: bigint, bytes: Uint8Array, from: number, to: number): boolean {
    let value = start
    for (let i = from; i < to; i += 1) {
      const digit = bytes[i]! - DIGIT_ZERO
      if (digit < 0 || digit > 9) return false
      value = value * 10n + BigInt(digit)
    }
    if (value > U64_MAX) return false
    this.low = Number(value & 0xffffffffn)
    this.high = Number(value >> 32n)
    return true
  }
}
