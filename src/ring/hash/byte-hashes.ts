/**
 * Key hashes that take one byte at a time, as clients compute them: libhashkit (libmemcached),
 * twemproxy's hashkit, memjs.
 *
 * Where C reads `char` it is signed on x86: bytes from 0x80 up are extended with ones. What
 * clients on x86 store under a UTF-8 key is found only by doing the same.
 */

/** Jenkins' one_at_a_time: libmemcached's and PHP's default. */
export function oneAtATime(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0
  for (let i = at, end = at + length; i < end; i += 1) {
    hash = (hash + signed(bytes[i]!)) | 0
    hash = (hash + (hash << 10)) | 0
    hash ^= hash >>> 6
  }
  hash = (hash + (hash << 3)) | 0
  hash ^= hash >>> 11
  return (hash + (hash << 15)) >>> 0
}

const FNV_64_LOW = 0x84222325
const FNV_64_PRIME_LOW = 0x1b3
const FNV_32 = 0x811c9dc5
const FNV_32_PRIME = 0x01000193

/** The low 32 bits of FNV-1 of 64 bits, which need nothing of the high ones. */
export function fnv1Of64(bytes: Uint8Array, at: number, length: number): number {
  return fnv1(bytes, at, length, FNV_64_LOW, FNV_64_PRIME_LOW)
}

/** Called 64, but computed in 32 bits by libmemcached and twemproxy: its default key hash. */
export function fnv1aOf64(bytes: Uint8Array, at: number, length: number): number {
  return fnv1a(bytes, at, length, FNV_64_LOW, FNV_64_PRIME_LOW)
}

export function fnv1Of32(bytes: Uint8Array, at: number, length: number): number {
  return fnv1(bytes, at, length, FNV_32, FNV_32_PRIME)
}

export function fnv1aOf32(bytes: Uint8Array, at: number, length: number): number {
  return fnv1a(bytes, at, length, FNV_32, FNV_32_PRIME)
}

function fnv1(bytes: Uint8Array, at: number, length: number, start: number, prime: number): number {
  let hash = start | 0
  for (let i = at, end = at + length; i < end; i += 1) {
    hash = Math.imul(hash, prime) ^ signed(bytes[i]!)
  }
  return hash >>> 0
}

function fnv1a(
  bytes: Uint8Array,
  at: number,
  length: number,
  start: number,
  prime: number,
): number {
  let hash = start | 0
  for (let i = at, end = at + length; i < end; i += 1) {
    hash = Math.imul(hash ^ signed(bytes[i]!), prime)
  }
  return hash >>> 0
}

/** CRC-16 of CCITT, and, reflected, CRC-32 of IEEE 802.3. */
const crc16Table = Uint16Array.from({ length: 256 }, (_, byte) => ccittRemainder(byte))
const crc32Table = Int32Array.from({ length: 256 }, (_, byte) => ieeeRemainder(byte))

function ccittRemainder(byte: number): number {
  let value = byte << 8
  for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ ((value & 0x8000) > 0 ? 0x11021 : 0)
  return value
}

function ieeeRemainder(byte: number): number {
  let value = byte
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value >>> 1) ^ ((value & 1) === 1 ? 0xedb88320 : 0)
  }
  return value
}

/** twemproxy 0.5: what a CRC of 16 bits shifts out stays in the 32 bits of the number. */

export function crc16(bytes: Uint8Array, at: number, length: number): number {
  let crc = 0
  for (let i = at, end = at + length; i < end; i += 1) {
    crc = (crc << 8) ^ crc16Table[((crc >>> 8) ^ bytes[i]!) & 0xff]!
  }
  return crc >>> 0
}

/** The CRC-32 that everyone else has: gomemcache, dalli, mcrouter, twemproxy's `crc32a`. */
export function crc32a(bytes: Uint8Array, at: number, length: number): number {
  let crc = -1
  for (let i = at, end = at + length; i < end; i += 1) {
    crc = (crc >>> 8) ^ crc32Table[(crc ^ bytes[i]!) & 0xff]!
  }
  return ~crc >>> 0
}

/** What libmemcached and twemproxy call CRC-32: 15 bits out of the middle of it. */
export function crc32(bytes: Uint8Array, at: number, length: number): number {
  return (crc32a(bytes, at, length) >>> 16) & 0x7fff
}

/** What mcrouter's Crc32 and others take: without the bit that would be a sign. */
export function crc32Of31(bytes: Uint8Array, at: number, length: number): number {
  return crc32a(bytes, at, length) & 0x7fffffff
}

/**
 * memjs: Java's `31 × hash + unit` over the key as JavaScript holds it, its absolute value. Keys
 * arrive as UTF-8 and are taken apart into UTF-16 units here; what is no UTF-8 counts by the byte.
 */
export function java(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0
  const end = at + length
  for (let i = at; i < end; ) {
    const lead = bytes[i]!
    const size = lead < 0x80 ? 1 : sequenceSize(bytes, i, end)
    if (size === 1) hash = (Math.imul(31, hash) + lead) | 0
    else {
      const point = codePoint(bytes, i, size)
      if (point > 0xffff) {
        hash = (Math.imul(31, hash) + 0xd800 + ((point - 0x10000) >> 10)) | 0
        hash = (Math.imul(31, hash) + 0xdc00 + (point & 0x3ff)) | 0
      } else hash = (Math.imul(31, hash) + point) | 0
    }
    i += size
  }
  return Math.abs(hash)
}

/** Bytes of the UTF-8 sequence here; 1 where there is none. */
export function sequenceSize(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!
  if (lead < 0xc2 || lead > 0xf4) return 1
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (at + size > end) return 1
  for (let i = at + 1; i < at + size; i += 1) {
    if ((bytes[i]! & 0xc0) !== 0x80) return 1
  }
  return size
}

export function codePoint(bytes: Uint8Array, at: number, size: number): number {
  let point = bytes[at]! & (0x7f >> size)
  for (let i = at + 1; i < at + size; i += 1) point = (point << 6) | (bytes[i]! & 0x3f)
  return point
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}
