/**
 * The first 32 bits of SpookyHash V2 (folly/hash/SpookyHashV2), which mcrouter's WeightedCh3
 * holds against a weight: the short form up to 191 bytes, the long one beyond.
 */
import { add, addWords, load, rotateLeft, set, word, words, xor } from './u64.ts'

const CONSTANT = 0xdeadbeef
const SHORT_END = 192
const BLOCK = 96
const VARIABLES = 12
/** A register beside the twelve. */
const SPARE = 12
const A = 0
const B = 1
const C = 2
const D = 3

/** Left rotations, in the order of the steps. */
const shortMix = Uint8Array.of(50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36)
const shortEnd = Uint8Array.of(15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63)
const longMix = Uint8Array.of(11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46)
const longEnd = Uint8Array.of(44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54)

const lastBlock = new Uint8Array(BLOCK)

export function spooky32(bytes: Uint8Array, at: number, length: number, seed: number): number {
  if (length < SHORT_END) hashShort(bytes, at, length, seed)
  else hashLong(bytes, at, length, seed)
  return words[2 * A]! >>> 0
}

function hashShort(bytes: Uint8Array, at: number, length: number, seed: number): void {
  set(A, seed, 0)
  set(B, seed, 0)
  set(C, CONSTANT, CONSTANT)
  set(D, CONSTANT, CONSTANT)
  let i = at
  let rest = length
  for (; rest >= 32; rest -= 32, i += 32) {
    addPair(bytes, i, C, D)
    mixShort()
    addPair(bytes, i + 16, A, B)
  }
  if (rest >= 16) {
    addPair(bytes, i, C, D)
    mixShort()
    i += 16
    rest -= 16
  }
  // The last 0 to 15 bytes, and the length above them.
  addWords(D, 0, length << 24)
  if (rest === 0) {
    addWords(C, CONSTANT, CONSTANT)
    addWords(D, CONSTANT, CONSTANT)
  } else {
    addWords(C, part(bytes, i, rest), part(bytes, i + 4, rest - 4))
    addWords(D, part(bytes, i + 8, rest - 8), part(bytes, i + 12, rest - 12))
  }
  endShort()
}

function addPair(bytes: Uint8Array, at: number, one: number, other: number): void {
  load(SPARE, bytes, at)
  add(one, SPARE)
  load(SPARE, bytes, at + 8)
  add(other, SPARE)
}

/** As much of a word as `count` bytes are. */
function part(bytes: Uint8Array, at: number, count: number): number {
  if (count >= 4) return word(bytes, at)
  let value = 0
  for (let i = 0; i < count; i += 1) value |= bytes[at + i]! << (8 * i)
  return value
}

function mixShort(): void {
  for (let step = 0; step < 12; step += 1) {
    const own = (step + 2) & 3
    rotateLeft(own, shortMix[step]!)
    add(own, (own + 1) & 3)
    xor((own + 2) & 3, own)
  }
}

function endShort(): void {
  for (let step = 0; step < 11; step += 1) {
    const own = (step + 3) & 3
    const before = (step + 2) & 3
    xor(own, before)
    rotateLeft(before, shortEnd[step]!)
    add(own, before)
  }
}

function hashLong(bytes: Uint8Array, at: number, length: number, seed: number): void {
  for (let i = 0; i < VARIABLES; i += 1) {
    if (i % 3 === 2) set(i, CONSTANT, CONSTANT)
    else set(i, seed, 0)
  }
  let i = at
  let rest = length
  for (; rest >= BLOCK; rest -= BLOCK, i += BLOCK) mixLong(bytes, i)
  lastBlock.fill(0)
  for (let k = 0; k < rest; k += 1) lastBlock[k] = bytes[i + k]!
  lastBlock[BLOCK - 1] = rest
  for (let k = 0; k < VARIABLES; k += 1) {
    load(SPARE, lastBlock, 8 * k)
    add(k, SPARE)
  }
  for (let round = 0; round < 3; round += 1) endLong()
}

function mixLong(bytes: Uint8Array, at: number): void {
  for (let own = 0; own < VARIABLES; own += 1) {
    const before = (own + 11) % VARIABLES
    load(SPARE, bytes, at + 8 * own)
    add(own, SPARE)
    xor((own + 2) % VARIABLES, (own + 10) % VARIABLES)
    xor(before, own)
    rotateLeft(own, longMix[own]!)
    add(before, (own + 1) % VARIABLES)
  }
}

function endLong(): void {
  for (let step = 0; step < VARIABLES; step += 1) {
    const own = (step + 11) % VARIABLES
    const next = (step + 1) % VARIABLES
    add(own, next)
    xor((step + 2) % VARIABLES, own)
    rotateLeft(next, longEnd[step]!)
  }
}
