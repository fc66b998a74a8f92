/**
 * mcrouter's Ch3 (lib/fbi/hash.c `furc_hash`): a walk down a binary tree of places, led by bits
 * that MurmurHash64A makes of the key, and of its own result when more bits are wanted. It needs
 * no table at all; a place more takes its share from each of the others.
 */
import { load, multiply, set, words, xor, xorShiftRight } from './u64.ts'

const SEED = 4193360111
const TRIES = 32
/** Bits between two questions. */
const SHIFT = 23
/** furc.c has room for as many; 32 tries down a tree of 2²³ places need fewer. */
const HASHES_MAX = 1024
const HASH = 0
const DATA = 1
const LOW = 0x5bd1e995
const HIGH = 0xc6a4a793

/** Hashes of hashes, low and high words in turn. */
const bits = new Int32Array(2 * HASHES_MAX)
let hashCount = 0

export function furc(bytes: Uint8Array, at: number, length: number, places: number): number {
  if (places <= 1) return 0
  murmur64(bytes, at, length)
  keepHash(0)
  let depth = 32 - Math.clz32(places - 1)
  let next = depth
  for (let turn = 0; turn < TRIES; turn += 1) {
    while (bit(next) === 0) {
      depth -= 1
      if (depth === 0) return 0
      next = depth
    }
    next += SHIFT
    let place = 1
    for (let i = 0; i < depth - 1; i += 1) {
      place = (place << 1) | bit(next)
      next += SHIFT
    }
    if (place < places) return place
  }
  return 0
}

function bit(index: number): number {
  const hash = index >> 6
  while (hashCount <= hash) {
    set(DATA, bits[2 * hashCount - 2]!, bits[2 * hashCount - 1]!)
    begin(8)
    mixData()
    finish()
    keepHash(hashCount)
  }
  return (bits[2 * hash + ((index >> 5) & 1)]! >>> (index & 31)) & 1
}

function keepHash(at: number): void {
  bits[2 * at] = words[2 * HASH]!
  bits[2 * at + 1] = words[2 * HASH + 1]!
  hashCount = at + 1
}

function murmur64(bytes: Uint8Array, at: number, length: number): void {
  begin(length)
  let i = at
  for (const end = at + (length & ~7); i < end; i += 8) {
    load(DATA, bytes, i)
    mixData()
  }
  const rest = length & 7
  if (rest > 0) {
    set(DATA, 0, 0)
    for (let k = 0; k < rest; k += 1) {
      const half = 2 * DATA + (k >> 2)
      words[half] = words[half]! | (bytes[i + k]! << (8 * (k & 3)))
    }
    xor(HASH, DATA)
    multiply(HASH, LOW, HIGH)
  }
  finish()
}

function begin(length: number): void {
  set(HASH, length, 0)
  multiply(HASH, LOW, HIGH)
  words[2 * HASH] = words[2 * HASH]! ^ SEED
}

function mixData(): void {
  multiply(DATA, LOW, HIGH)
  xorShiftRight(DATA, 47)
  multiply(DATA, LOW, HIGH)
  xor(HASH, DATA)
  multiply(HASH, LOW, HIGH)
}

function finish(): void {
  xorShiftRight(HASH, 47)
  multiply(HASH, LOW, HIGH)
  xorShiftRight(HASH, 47)
}
