/**
 * Numbers of 64 bits for hashes, without BigInt, which would make an object a step: a file of
 * registers, each a pair of 32-bit words. Register n is word 2n (low) and word 2n + 1 (high). It
 * belongs to one call of a hash at a time, which holds because a hash never yields.
 */
const REGISTERS = 20

export const words = new Int32Array(2 * REGISTERS)

export function set(to: number, low: number, high: number): void {
  words[2 * to] = low
  words[2 * to + 1] = high
}

export function copy(to: number, from: number): void {
  words[2 * to] = words[2 * from]!
  words[2 * to + 1] = words[2 * from + 1]!
}

/** Eight bytes, little-endian. */
export function load(to: number, bytes: Uint8Array, at: number): void {
  words[2 * to] = word(bytes, at)
  words[2 * to + 1] = word(bytes, at + 4)
}

export function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

export function add(to: number, from: number): void {
  addWords(to, words[2 * from]!, words[2 * from + 1]!)
}

export function addWords(to: number, low: number, high: number): void {
  const sum = (words[2 * to]! >>> 0) + (low >>> 0)
  words[2 * to] = sum
  words[2 * to + 1] = words[2 * to + 1]! + high + (sum > 0xffffffff ? 1 : 0)
}

export function subtract(to: number, from: number): void {
  const difference = (words[2 * to]! >>> 0) - (words[2 * from]! >>> 0)
  words[2 * to] = difference
  words[2 * to + 1] = words[2 * to + 1]! - words[2 * from + 1]! - (difference < 0 ? 1 : 0)
}

export function xor(to: number, from: number): void {
  words[2 * to] = words[2 * to]! ^ words[2 * from]!
  words[2 * to + 1] = words[2 * to + 1]! ^ words[2 * from + 1]!
}

/** The low 64 bits of the product. */
export function multiply(to: number, low: number, high: number): void {
  const ownLow = words[2 * to]!
  const cross = Math.imul(words[2 * to + 1]!, low) + Math.imul(ownLow, high)
  words[2 * to] = Math.imul(ownLow, low)
  words[2 * to + 1] = highOfProduct(ownLow, low) + (cross | 0)
}

/** The 128 bits of the product of two registers, its two halves one upon the other. */
export function foldProduct(to: number, one: number, other: number): void {
  const a = words[2 * one]!
  const b = words[2 * one + 1]!
  const c = words[2 * other]!
  const d = words[2 * other + 1]!
  const mid = highOfProduct(a, c) + (Math.imul(a, d) >>> 0) + (Math.imul(b, c) >>> 0)
  const carried = Math.floor(mid / 0x100000000)
  const top = highOfProduct(a, d) + highOfProduct(b, c) + (Math.imul(b, d) >>> 0) + carried
  words[2 * to] = Math.imul(a, c) ^ (top | 0)
  words[2 * to + 1] = (mid | 0) ^ ((highOfProduct(b, d) + Math.floor(top / 0x100000000)) | 0)
}

/** Bits 32 to 63 of the product of two unsigned words. */
export function highOfProduct(one: number, other: number): number {
  const a = one & 0xffff
  const b = one >>> 16
  const c = other & 0xffff
  const d = other >>> 16
  const lower = b * c + ((a * c) >>> 16)
  const upper = a * d + (lower & 0xffff)
  return b * d + (lower >>> 16) + (upper >>> 16)
}

export function rotateLeft(to: number, bits: number): void {
  const low = words[2 * to]!
  const high = words[2 * to + 1]!
  const near = bits < 32 ? low : high
  const far = bits < 32 ? high : low
  const by = bits & 31
  // A shift by 32 would be one by 0.
  words[2 * to] = by === 0 ? near : (near << by) | (far >>> (32 - by))
  words[2 * to + 1] = by === 0 ? far : (far << by) | (near >>> (32 - by))
}

/** `value ^= value >>> bits`. */
export function xorShiftRight(to: number, bits: number): void {
  const low = words[2 * to]!
  const high = words[2 * to + 1]!
  if (bits >= 32) words[2 * to] = low ^ (high >>> (bits - 32))
  else {
    words[2 * to] = low ^ ((low >>> bits) | (high << (32 - bits)))
    words[2 * to + 1] = high ^ (high >>> bits)
  }
}
