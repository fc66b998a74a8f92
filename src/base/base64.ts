/**
 * Base64 at an offset, as memcached reads and writes it (base64.c): standard alphabet with padding;
 * other bytes are skipped when reading, and what follows padding is not looked at.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const DIGITS = new Uint8Array(64)
const SKIPPED = 0x80
const VALUES = new Uint8Array(256).fill(SKIPPED)
const PAD = 0x3d
for (let i = 0; i < DIGITS.length; i += 1) {
  DIGITS[i] = ALPHABET.charCodeAt(i)
  VALUES[DIGITS[i]!] = i
}
VALUES[PAD] = 0

/** Writes the bytes that `size` bytes at `sourceAt` stand for; how many, 0 when it is no base64. */
export function decodeBase64(
  target: Uint8Array,
  targetAt: number,
  source: Uint8Array,
  sourceAt: number,
  size: number,
): number {
  let count = 0
  for (let i = sourceAt; i < sourceAt + size; i += 1) if (VALUES[source[i]!] !== SKIPPED) count += 1
  if (count === 0 || count % 4 !== 0) return 0
  let at = targetAt
  let block = 0
  let digits = 0
  let padding = 0
  for (let i = sourceAt; i < sourceAt + size && padding === 0; ) {
    for (digits = 0; digits < 4; i += 1) {
      const value = VALUES[source[i]!]!
      if (value === SKIPPED) continue
      if (source[i] === PAD) padding += 1
      block = block * 64 + value
      digits += 1
    }
    if (padding > 2) return 0
    target[at] = block >>> 16
    if (padding < 2) target[at + 1] = (block >>> 8) & 0xff
    if (padding < 1) target[at + 2] = block & 0xff
    at += 3 - padding
    block = 0
    while (i < sourceAt + size && VALUES[source[i]!] === SKIPPED) i += 1
  }
  return at - targetAt
}

/** Writes `size` bytes at `sourceAt` in base64; returns the offset behind them. */
export function encodeBase64(
  target: Uint8Array,
  targetAt: number,
  source: Uint8Array,
  sourceAt: number,
  size: number,
): number {
  let at = targetAt
  for (let i = 0; i < size; i += 3) {
    const left = size - i
    const first = source[sourceAt + i]!
    const second = left > 1 ? source[sourceAt + i + 1]! : 0
    const third = left > 2 ? source[sourceAt + i + 2]! : 0
    const block = first * 65536 + second * 256 + third
    target[at] = DIGITS[block >>> 18]!
    target[at + 1] = DIGITS[(block >>> 12) & 63]!
    target[at + 2] = left > 1 ? DIGITS[(block >>> 6) & 63]! : PAD
    target[at + 3] = left > 2 ? DIGITS[block & 63]! : PAD
    at += 4
  }
  return at
}
