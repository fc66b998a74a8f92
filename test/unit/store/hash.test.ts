import { describe, expect, test } from 'vitest'
import { KeyHash } from '../../../src/store/hash.ts'

function rotate(x: number, bits: number): number {
  return ((x << bits) | (x >>> (32 - bits))) >>> 0
}

/**
 * HalfSipHash-c-d with 64 bits of output, after the paper and written apart from the code: returns
 * the state behind the finalization, and the two output words.
 */
function halfSipHash(
  key: readonly number[],
  input: Uint8Array,
  { c, d }: { c: number; d: number },
): { state: number[]; output: [number, number] } {
  const constants = [0, 0, 0x6c796765, 0x74656462]
  const v = constants.map((constant, i) => (constant ^ key[i]!) >>> 0)
  v[1] = (v[1]! ^ 0xee) >>> 0
  const mix = (a: number, b: number, bits: number) => {
    v[a] = (v[a]! + v[b]!) >>> 0
    v[b] = (rotate(v[b]!, bits) ^ v[a]!) >>> 0
  }
  const round = (): void => {
    mix(0, 1, 5)
    v[0] = rotate(v[0]!, 16)
    mix(2, 3, 8)
    mix(0, 3, 7)
    mix(2, 1, 13)
    v[2] = rotate(v[2]!, 16)
  }
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i += 1) round()
  }
  const padded = Buffer.alloc(Math.floor(input.length / 4) * 4 + 4)
  padded.set(input)
  padded[padded.length - 1] = input.length & 0xff
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.readUInt32LE(at)
    v[3] = (v[3]! ^ word) >>> 0
    rounds(c)
    v[0] = (v[0]! ^ word) >>> 0
  }
  v[2] = (v[2]! ^ 0xee) >>> 0
  rounds(d)
  const state = [...v]
  const first = (v[1]! ^ v[3]!) >>> 0
  v[1] = (v[1]! ^ 0xdd) >>> 0
  rounds(d)
  return { state, output: [first, (v[1]! ^ v[3]!) >>> 0] }
}

/** Of the reference implementation: key 00 … 07, input 00 01 02 … of these lengths (2-4, 64 bits). */
const published: readonly [length: number, hash: string][] = [
  [0, '218d1f59b9b83cc8'],
  [1, 'be552412f8387315'],
  [2, '064f39ef7c50eb57'],
  [3, 'ce0f1a45f7060679'],
  [4, 'd5e78a175be52ea1'],
  [5, 'cb9d7c3f2f3db580'],
  [6, 'ce3e91358aa2bc25'],
  [7, 'ff202728b07bc684'],
  [8, 'edfee820bce4858c'],
  [15, '217d0bcb4e81c902'],
  [16, '7336aad25f7bf3b5'],
  [31, '863c7f155c34117c'],
]

const counting = Uint8Array.from({ length: 250 }, (_, i) => i)

test('the other implementation gives the published vectors of HalfSipHash-2-4', () => {
  const key = [0x03020100, 0x07060504, 0x03020100, 0x07060504]
  for (const [length, hash] of published) {
    const { output } = halfSipHash(key, counting.subarray(0, length), { c: 2, d: 4 })
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(output[0])
    bytes.writeUInt32LE(output[1], 4)
    expect(bytes.toString('hex'), `${length} bytes`).toBe(hash)
  }
})

test('`of()` leaves the state of HalfSipHash-1-3 for every length of key, at any offset', () => {
  const seeds = [
    [0, 0, 0, 0],
    [1, 2, 3, 4],
    [0xffffffff, 0x80000000, 0x7fffffff, 0xdeadbeef],
  ]
  for (const seed of seeds) {
    const hash = new KeyHash(seed[0]!, seed[1]!, seed[2]!, seed[3]!)
    for (let length = 0; length <= 250; length += 1) {
      const key = counting.map(byte => byte * 7 + length)
      const at = length % 5
      const shifted = new Uint8Array(at + 260).fill(0xa5)
      shifted.set(key.subarray(0, length), at)
      hash.of(shifted, at, length)
      const { state } = halfSipHash(seed, key.subarray(0, length), { c: 1, d: 3 })
      expect([hash.bucket, hash.tag], `${length} bytes`).toEqual([
        (state[1]! ^ state[3]!) >>> 0,
        (state[0]! ^ state[2]!) >>> 0,
      ])
    }
  }
})

/** Chi squared of `count` draws over `cells`: within six standard deviations of its mean. */
function expectUniform(cells: Uint32Array, count: number, label: string): void {
  const expected = count / cells.length
  let chi = 0
  for (const found of cells) chi += (found - expected) ** 2 / expected
  const degrees = cells.length - 1
  const distance = Math.abs(chi - degrees) / Math.sqrt(2 * degrees)
  expect(distance, label).toBeLessThan(6)
}

describe('quality', () => {
  const hash = new KeyHash(0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321)
  const of = (key: string): { bucket: number; tag: number } => {
    const bytes = Buffer.from(key, 'latin1')
    hash.of(bytes, 0, bytes.length)
    return { bucket: hash.bucket, tag: hash.tag }
  }
  const families: readonly [string, (i: number) => string][] = [
    ['numbered keys', i => `key:${i}`],
    ['padded numbers', i => String(i).padStart(12, '0')],
    ['equal but for the first byte pair', i => `${String.fromCharCode(i & 255, i >> 8)}/session`],
    ['long keys', i => `${'x'.repeat(240)}${i}`],
  ]

  test.each(families)('%s: buckets, tags and both together are even', (_, keyOf) => {
    const count = 65536
    const buckets = new Uint32Array(4096)
    const tags = new Uint32Array(4096)
    const both = new Uint32Array(4096)
    for (let i = 0; i < count; i += 1) {
      const { bucket, tag } = of(keyOf(i))
      const cell = bucket & 4095
      buckets[cell] = buckets[cell]! + 1
      tags[tag >>> 20] = tags[tag >>> 20]! + 1
      const pair = (bucket & 63) * 64 + (tag >>> 26)
      both[pair] = both[pair]! + 1
    }
    expectUniform(buckets, count, 'buckets')
    expectUniform(tags, count, 'tags')
    expectUniform(both, count, 'tags within buckets')
  })

  test('one bit of the key changes every bit of bucket and tag half of the time', () => {
    const changed = new Uint32Array(64)
    const samples = 4000
    for (let i = 0; i < samples; i += 1) {
      const key = Buffer.from(`avalanche:${i}`)
      hash.of(key, 0, key.length)
      const { bucket, tag } = hash
      const bit = i % (key.length * 8)
      key[bit >> 3] = key[bit >> 3]! ^ (1 << (bit & 7))
      hash.of(key, 0, key.length)
      for (let b = 0; b < 32; b += 1) {
        changed[b] = changed[b]! + (((bucket ^ hash.bucket) >>> b) & 1)
        changed[32 + b] = changed[32 + b]! + (((tag ^ hash.tag) >>> b) & 1)
      }
    }
    for (const count of changed) expect(Math.abs(count / samples - 0.5)).toBeLessThan(0.05)
  })

  test('another seed places keys independently', () => {
    const other = new KeyHash(0x12345679, 0x9abcdef0, 0x0fedcba9, 0x87654321)
    let same = 0
    for (let i = 0; i < 10_000; i += 1) {
      const key = Buffer.from(`key:${i}`)
      hash.of(key, 0, key.length)
      other.of(key, 0, key.length)
      if ((hash.bucket & 1023) === (other.bucket & 1023)) same += 1
    }
    expect(same).toBeLessThan(40)
  })
})

test('a hash has its key in words, with nothing behind its end', () => {
  const hash = new KeyHash(1, 2, 3, 4)
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => 255 - (i % 200))
  for (const size of [250, 1, 2, 3, 4, 5, 16, 247, 248, 249, 250]) {
    for (const at of [0, 1, 7]) {
      hash.of(bytes, at, size)
      const padded = Buffer.alloc(Math.ceil(size / 4) * 4)
      padded.set(bytes.subarray(at, at + size))
      const words = Array.from({ length: padded.length / 4 }, (_, i) => padded.readUInt32LE(i * 4))
      expect(hash.keySize).toBe(size)
      expect([...hash.keyWords.subarray(0, words.length)]).toEqual(words)
    }
  }
})
