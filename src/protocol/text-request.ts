/**
 * Reading a line of the text protocol: tokens as offsets, numbers as C's strto* read them.
 * Source: memcached proto_parser.c and util.c (safe_strtol, safe_strtoul, safe_strtoull).
 */
import { TOKENS_MAX } from './limits.ts'

const SPACE = 0x20
const DIGIT_ZERO = 0x30
const PLUS = 0x2b
const MINUS = 0x2d
const U32 = 4294967296
const U64_MAX = 2n ** 64n - 1n
const I64_MAX = 2n ** 63n - 1n
/** Longest text of a number that can be valid: zeros in front are allowed, but not without end. */
const NUMBER_TEXT_MAX = 64

/** The tokens of one line: offsets and sizes; only space separates. */
export class Tokens {
  readonly at = new Int32Array(TOKENS_MAX)
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

/** The result of the last number read: `readUint64` and friends return whether there was one. */
export class NumberReader {
  value = 0n
  low = 0
  high = 0
  /** For 32-bit readers: the value, already truncated. */
  number = 0

  /** Digits only, at most 2^64 - 1; sets value, low and high. */
  uint64(bytes: Uint8Array, at: number, size: number): boolean {
    if (size === 0 || size > NUMBER_TEXT_MAX) return false
    let small = 0
    let value = 0n
    for (let i = 0; i < size; i += 1) {
      const digit = bytes[at + i]! - DIGIT_ZERO
      if (digit < 0 || digit > 9) return false
      if (i < 15) small = small * 10 + digit
      else value = (i === 15 ? BigInt(small) : value) * 10n + BigInt(digit)
    }
    if (size <= 15) {
      this.low = small % U32
      this.high = Math.floor(small / U32)
      this.value = BigInt(small)
      return true
    }
    if (value > U64_MAX) return false
    this.value = value
    this.low = Number(value & 0xffffffffn)
    this.high = Number(value >> 32n)
    return true
  }

  /** strtoul truncated to 32 bits: a sign `+` is allowed, `-` is not. */
  clientFlags(bytes: Uint8Array, at: number, size: number): boolean {
    const sign = bytes[at] === PLUS ? 1 : 0
    if (!this.uint64(bytes, at + sign, size - sign)) return false
    this.number = this.low
    return true
  }

  /** strtol truncated to a signed 32-bit number. */
  truncatedInt32(bytes: Uint8Array, at: number, size: number): boolean {
    if (!this.#signed(bytes, at, size)) return false
    this.number = Number(BigInt.asIntN(32, this.value))
    return true
  }

  /** A number of -2^31 … 2^31 - 1. */
  int32(bytes: Uint8Array, at: number, size: number): boolean {
    if (!this.#signed(bytes, at, size)) return false
    if (this.value < -2147483648n || this.value > 2147483647n) return false
    this.number = Number(this.value)
    return true
  }

  #signed(bytes: Uint8Array, at: number, size: number): boolean {
    const negative = bytes[at] === MINUS
    const sign = negative || bytes[at] === PLUS ? 1 : 0
    if (!this.uint64(bytes, at + sign, size - sign)) return false
    if (this.value > I64_MAX) return false
    if (negative) this.value = -this.value
    return true
  }
}
