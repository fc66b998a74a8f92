// Hashes against their own libraries' results: libhashkit 1.1.4 (libmemcached), libxxhash 0.8.1,
// folly's tests of SpookyHash V2, node:crypto, memjs.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  type KeyHashName,
  hashMax,
  keyHashes,
  keyHashNames,
} from '../../../../src/ring/hash/key-hashes.ts'
import { sha384First, sha384Word } from '../../../../src/ring/hash/sha384.ts'
import { spooky32 } from '../../../../src/ring/hash/spooky.ts'
import { words } from '../../../../src/ring/hash/u64.ts'
import { xxh3 } from '../../../../src/ring/hash/xxh3.ts'

const encoder = new TextEncoder()

function hash(name: KeyHashName, key: string): number {
  const bytes = encoder.encode(`##${key}##`)
  return keyHashes[name](bytes, 2, bytes.length - 4)
}

describe('libhashkit’s numbers, signed bytes and all', () => {
  it.each([
    ['one_at_a_time', 1952532230, 835030547],
    ['fnv1_64', 3396394486, 2578203353],
    ['fnv1a_64', 1555932628, 1834105277],
    ['fnv1_32', 2215982742, 1234828985],
    ['fnv1a_32', 910846164, 2347579165],
    ['crc32', 23387, 26144],
    ['murmur', 2865567508, 2457278411],
    ['jenkins', 3220592519, 1301954949],
    ['md5', 4060279841, 3071847076],
  ] as const)('%s', (name, plain, beyond) => {
    expect([hash(name, 'key0'), hash(name, 'clé-ключ')]).toEqual([plain, beyond])
  })
})

describe('every hash', () => {
  it.each(keyHashNames)('%s stays within its bounds, and reads all of the key', name => {
    const seen = new Set<number>()
    for (let length = 0; length <= 300; length += 1) {
      const bytes = Uint8Array.from({ length: 320 }, (_, i) => (i * 167 + length) & 255)
      const value = keyHashes[name](bytes, 7, length)
      expect(Number.isInteger(value) && value >= 0 && value <= hashMax(name)).toBe(true)
      seen.add(value)
      for (const at of length > 0 ? [7, 7 + (length >> 1), 6 + length] : []) {
        bytes[at] = bytes[at]! ^ 1
        expect(keyHashes[name](bytes, 7, length)).not.toBe(value)
        bytes[at] = bytes[at]! ^ 1
      }
      bytes[6] = bytes[6]! ^ 1
      bytes[7 + length] = bytes[7 + length]! ^ 1
      expect(keyHashes[name](bytes, 7, length)).toBe(value)
    }
    expect(seen.size).toBeGreaterThan(295)
  })

  it('crc16 has CCITT’s remainder of the check string in its low half', () => {
    expect(hash('crc16', '123456789') & 0xffff).toBe(0x31c3)
    expect(hash('crc16', '123456789')).toBe(0x869031c3)
  })

  it.each([
    ['crc32a', 0xcbf43926],
    ['crc32_31', 0x4bf43926],
    ['murmur3', 0xb4fef382],
  ] as const)('%s of the check string 123456789', (name, value) => {
    expect(hash(name, '123456789')).toBe(value)
  })
})

describe('XXH3', () => {
  // SHA-256 over the little-endian results for 0 to 599 bytes and some beyond a block.
  const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * 167 + 13) & 255)
  const lengths = [...Array.from({ length: 600 }, (_, i) => i), 1023, 1024, 1025, 2048, 2900]
  it.each([
    [0, 0, '4f12e3c6a07ef4d0'],
    [0x90abcdef, 0x12345678, 'a1a481b0d6395905'],
    [1, 0, 'dfbef2046261f563'],
  ])('equals libxxhash with seed %i, %i', (low, high, golden) => {
    const results = new DataView(new ArrayBuffer(8 * lengths.length))
    lengths.forEach((length, i) => {
      xxh3(bytes, length % 7, length, low, high)
      results.setInt32(8 * i, words[0]!, true)
      results.setInt32(8 * i + 4, words[1]!, true)
    })
    const digest = createHash('sha256').update(results).digest('hex')
    expect(digest.slice(0, 16)).toBe(golden)
  })
})

describe('SpookyHash V2', () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, i) => (i + 128) & 255)
  it.each([
    [0, '6bf50919 70de1d26 a2b37298 35bc5fbf 8223b279 5bcb315e 53fe88a1 f9f1a233'],
    [8, 'ee193982 54f86f29 c8772d36 9ed60886 5f23d1da 1ed9f474 f2ef0c89 83ec01f9'],
    [16, 'f274736c 7e9ac0df c7aed250 b1015811 e23470f5 48ac20c4 e2ab3cd5 608f8363'],
    [24, 'd0639e68 c4e8e7ab 863c7c5b 4ea63579 99ae8622 170c658b 149ba493 027bca7c'],
    [128, '94e948ec d358d448'],
    [188, 'e715b13a 0394c3b2 11efbbae e13d9e19 77e012bd 2d05114c aecf2ddd b2a2b4aa'],
    [256, '38cebf03 0cbc2e72'],
    [508, '918fa7c9 af2e2cd9 82046f8e cc1c8250'],
  ])('has folly’s numbers from %i bytes on', (from, golden) => {
    const found = golden.split(' ').map((_, i) => spooky32(bytes, 0, from + i, 0))
    expect(found.map(value => value.toString(16).padStart(8, '0')).join(' ')).toBe(golden)
  })
})

describe('sha384First()', () => {
  it('equals node:crypto for every length around the block borders, at any offset', () => {
    const bytes = Uint8Array.from({ length: 320 }, (_, i) => (i * 167 + 13) & 255)
    for (let length = 0; length <= 300; length += 1) {
      const at = length % 17
      const digest = createHash('sha384')
        .update(bytes.subarray(at, at + length))
        .digest()
      const found = [sha384First(bytes, at, length), sha384Word(1), sha384Word(2), sha384Word(3)]
      expect(found).toEqual([0, 4, 8, 12].map(from => digest.readUInt32LE(from)))
    }
  })
})
