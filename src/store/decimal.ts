/**
 * Numbers kept as text, for incr and decr: read as C's strtoull reads them (leading white space and
 * a sign allowed, ended by white space, a NUL or the end of the value), written as plain decimal.
 * Values are unsigned 64-bit bigints: a counter is not the hot path of a cache.
 */
const MAX = 2n ** 64n - 1n
/** White space, sign and more leading zeros than anybody writes. */
const TEXT_MAX = 64

/** A C string ends at its first NUL, and a number with it. */
function isEnd(byte: number): boolean {
  return byte === 0 || isSpace(byte)
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

/** The number at `at`, or -1n when there is none. */
export function readDecimal(bytes: Uint8Array, at: number, size: number): bigint {
  const end = at + Math.min(size, TEXT_MAX)
  let i = at
  while (i < end && isSpace(bytes[i]!)) i += 1
  const sign = bytes[i]
  if (i < end && (sign === 0x2b || sign === 0x2d)) i += 1
  const digitsAt = i
  let value = 0n
  let small = 0
  for (; i < end; i += 1) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) break
    if (i - digitsAt < 15) small = small * 10 + digit
    else value = (i - digitsAt === 15 ? BigInt(small) : value) * 10n + BigInt(digit)
  }
  const digits = i - digitsAt
  if (digits === 0) return -1n
  if (i < at + size && !isEnd(bytes[i]!)) return -1n
  const result = digits <= 15 ? BigInt(small) : value
  if (result > MAX || (sign === 0x2d && result !== 0n)) return -1n
  return result
}

/** memcached's rule: incr wraps at 2^64, decr stops at 0. */
export function addDelta(value: bigint, delta: bigint, up: boolean): bigint {
  if (up) return BigInt.asUintN(64, value + delta)
  return delta > value ? 0n : value - delta
}
