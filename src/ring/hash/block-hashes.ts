/**
 * Key hashes that take words: Hsieh's, MurmurHash2 and Jenkins' lookup3 as libhashkit and
 * twemproxy compute them, and MurmurHash3 (pymemcache). All words are little-endian.
 */

/** Hsieh's SuperFastHash. Of a last byte alone in its word, C makes a signed number. */
export function hsieh(bytes: Uint8Array, at: number, length: number): number {
  if (length === 0) return 0
  let hash = 0
  let i = at
  const end = at + length
  for (; end - i >= 4; i += 4) {
    hash = (hash + half(bytes, i)) | 0
    hash = (hash << 16) ^ (half(bytes, i + 2) << 11) ^ hash
    hash = (hash + (hash >>> 11)) | 0
  }
  switch (end - i) {
    case 3:
      hash = (hash + half(bytes, i)) | 0
      hash ^= hash << 16
      hash ^= ((bytes[i + 2]! << 24) >> 24) << 18
      hash = (hash + (hash >>> 11)) | 0
      break
    case 2:
      hash = (hash + half(bytes, i)) | 0
      hash ^= hash << 11
      hash = (hash + (hash >>> 17)) | 0
      break
    case 1:
      hash = (hash + bytes[i]!) | 0
      hash ^= hash << 10
      hash = (hash + (hash >>> 1)) | 0
      break
    default:
  }
  hash ^= hash << 3
  hash = (hash + (hash >>> 5)) | 0
  hash ^= hash << 4
  hash = (hash + (hash >>> 17)) | 0
  hash ^= hash << 25
  return (hash + (hash >>> 6)) >>> 0
}

const MURMUR2 = 0x5bd1e995

/** MurmurHash2; the seed comes from the length. */
export function murmur(bytes: Uint8Array, at: number, length: number): number {
  let hash = Math.imul(0xdeadbeef, length) ^ length
  let i = at
  const end = at + length
  for (; end - i >= 4; i += 4) {
    let k = Math.imul(word(bytes, i), MURMUR2)
    k = Math.imul(k ^ (k >>> 24), MURMUR2)
    hash = Math.imul(hash, MURMUR2) ^ k
  }
  if (i < end) hash = Math.imul(hash ^ tail(bytes, i, end), MURMUR2)
  hash = Math.imul(hash ^ (hash >>> 13), MURMUR2)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** Jenkins' lookup3 with 13 as its start value. */
export function jenkins(bytes: Uint8Array, at: number, length: number): number {
  let a = (0xdeadbeef + length + 13) | 0
  let b = a
  let c = a
  let i = at
  const end = at + length
  for (; end - i > 12; i += 12) {
    a = (a + word(bytes, i)) | 0
    b = (b + word(bytes, i + 4)) | 0
    c = (c + word(bytes, i + 8)) | 0
    a = ((a - c) ^ rotate(c, 4)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 6)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 8)) | 0
    b = (b + a) | 0
    a = ((a - c) ^ rotate(c, 16)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 19)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 4)) | 0
    b = (b + a) | 0
  }
  if (i === end) return c >>> 0
  a = (a + wordBefore(bytes, i, end)) | 0
  b = (b + wordBefore(bytes, i + 4, end)) | 0
  c = (c + wordBefore(bytes, i + 8, end)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  return ((c ^ b) - rotate(b, 24)) >>> 0
}

/** MurmurHash3 of 32 bits, seed 0. */
export function murmur3(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0
  let i = at
  const end = at + length
  for (; end - i >= 4; i += 4) {
    hash = Math.imul(rotate(hash ^ scatter(word(bytes, i)), 13), 5) + 0xe6546b64
  }
  if (i < end) hash ^= scatter(tail(bytes, i, end))
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scatter(k: number): number {
  return Math.imul(rotate(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

/** As much of a word as there is before the end. */
function wordBefore(bytes: Uint8Array, at: number, end: number): number {
  if (end - at >= 4) return word(bytes, at)
  return at < end ? tail(bytes, at, end) : 0
}

/** The last one to three bytes. */
function tail(bytes: Uint8Array, at: number, end: number): number {
  let value = bytes[at]!
  if (at + 1 < end) value |= bytes[at + 1]! << 8
  if (at + 2 < end) value |= bytes[at + 2]! << 16
  return value
}
