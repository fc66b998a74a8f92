/**
 * XXH3 of 64 bits with a seed, as memcached's proxy hashes keys (xxhash.h 0.8). The hash is left
 * in register 0 of `u64.ts`; `xxh3Low` is its lower half. One way for each span of lengths: 0, up
 * to 3, 8, 16, 128 and 240 bytes, and longer.
 */
import {
  add,
  addWords,
  copy,
  foldProduct,
  load,
  multiply,
  rotateLeft,
  set,
  subtract,
  word,
  words,
  xor,
  xorShiftRight,
} from './u64.ts'

/** xxhash.h `XXH3_kSecret`. */
const secret = Uint8Array.from(
  (
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e'
  ).match(/../g) ?? [],
  pair => Number.parseInt(pair, 16),
)
const SECRET_BYTES = 192
const STRIPE = 64
/** Bytes that the secret moves on from one stripe to the next. */
const SECRET_STEP = 8
const STRIPES_PER_BLOCK = (SECRET_BYTES - STRIPE) / SECRET_STEP
const BLOCK = STRIPE * STRIPES_PER_BLOCK
/** Where in the secret the last stripe and the merge of the lanes begin. */
const SECRET_LAST = SECRET_BYTES - STRIPE - 7
const SECRET_MERGE = 11
const SHORT_MAX = 16
const MIDDLE_MAX = 128
const LONG_MIN = 241

/** Registers: the hash, two operands, the seed, and eight lanes for long keys. */
const HASH = 0
const LEFT = 1
const RIGHT = 2
const SEED = 3
const SPARE = 4
const LANES = 8
/** A secret of its own for a seed that is not 0. */
const seeded = new Uint8Array(SECRET_BYTES)

export function xxh3Low(bytes: Uint8Array, at: number, length: number): number {
  xxh3(bytes, at, length, 0, 0)
  return words[2 * HASH]! >>> 0
}

export function xxh3(
  bytes: Uint8Array,
  at: number,
  length: number,
  seedLow: number,
  seedHigh: number,
): void {
  set(SEED, seedLow, seedHigh)
  if (length <= SHORT_MAX) hashShort(bytes, at, length)
  else if (length < LONG_MIN) hashMiddle(bytes, at, length)
  else hashLong(bytes, at, length)
}

function hashShort(bytes: Uint8Array, at: number, length: number): void {
  if (length > 8) hash9To16(bytes, at, length)
  else if (length > 3) hash4To8(bytes, at, length)
  else {
    copy(HASH, SEED)
    if (length === 0) {
      mixSecret(HASH, 56)
      mixSecret(HASH, 64)
    } else {
      addWords(HASH, word(secret, 0) ^ word(secret, 4), 0)
      const ends = (bytes[at]! << 16) | (bytes[at + (length >> 1)]! << 24)
      words[2 * HASH] = words[2 * HASH]! ^ (ends | bytes[at + length - 1]! | (length << 8))
    }
    xorShiftRight(HASH, 33)
    multiply(HASH, 0x27d4eb4f, 0xc2b2ae3d)
    xorShiftRight(HASH, 29)
    multiply(HASH, 0x9e3779f9, 0x165667b1)
    xorShiftRight(HASH, 32)
  }
}

function hash4To8(bytes: Uint8Array, at: number, length: number): void {
  set(SEED, words[2 * SEED]!, words[2 * SEED + 1]! ^ swap(words[2 * SEED]!))
  set(HASH, 0, 0)
  mixSecret(HASH, 8)
  mixSecret(HASH, 16)
  subtract(HASH, SEED)
  set(LEFT, word(bytes, at + length - 4), word(bytes, at))
  xor(HASH, LEFT)
  copy(LEFT, HASH)
  rotateLeft(LEFT, 49)
  copy(RIGHT, HASH)
  rotateLeft(RIGHT, 24)
  xor(HASH, LEFT)
  xor(HASH, RIGHT)
  multiply(HASH, 0x1e98df25, 0x9fb21c65)
  // h ^ ((h >> 35) + length)
  set(LEFT, words[2 * HASH + 1]! >>> 3, 0)
  addWords(LEFT, length, 0)
  xor(HASH, LEFT)
  multiply(HASH, 0x1e98df25, 0x9fb21c65)
  xorShiftRight(HASH, 28)
}

function hash9To16(bytes: Uint8Array, at: number, length: number): void {
  set(LEFT, 0, 0)
  mixSecret(LEFT, 24)
  mixSecret(LEFT, 32)
  add(LEFT, SEED)
  load(SPARE, bytes, at)
  xor(LEFT, SPARE)
  set(RIGHT, 0, 0)
  mixSecret(RIGHT, 40)
  mixSecret(RIGHT, 48)
  subtract(RIGHT, SEED)
  load(SPARE, bytes, at + length - 8)
  xor(RIGHT, SPARE)
  set(HASH, swap(words[2 * LEFT + 1]!), swap(words[2 * LEFT]!))
  addWords(HASH, length, 0)
  add(HASH, RIGHT)
  foldProduct(LEFT, LEFT, RIGHT)
  add(HASH, LEFT)
  avalanche()
}

/** 17 to 240 bytes. */
function hashMiddle(bytes: Uint8Array, at: number, length: number): void {
  start(length)
  if (length <= MIDDLE_MAX) {
    // Pairs from both ends; shorter keys have fewer.
    for (let i = (length - 1) >> 5; i >= 0; i -= 1) {
      mix(bytes, at + 16 * i, 32 * i)
      mix(bytes, at + length - 16 * (i + 1), 32 * i + 16)
    }
  } else {
    const rounds = length >> 4
    for (let i = 0; i < 8; i += 1) mix(bytes, at + 16 * i, 16 * i)
    avalanche()
    for (let i = 8; i < rounds; i += 1) mix(bytes, at + 16 * i, 16 * (i - 8) + 3)
    mix(bytes, at + length - 16, 119)
  }
  avalanche()
}

function start(length: number): void {
  set(HASH, length, 0)
  multiply(HASH, 0x85ebca87, 0x9e3779b1)
}

/** Adds 16 bytes of the key, multiplied, to the hash. */
function mix(bytes: Uint8Array, at: number, secretAt: number): void {
  load(LEFT, secret, secretAt)
  add(LEFT, SEED)
  load(SPARE, bytes, at)
  xor(LEFT, SPARE)
  load(RIGHT, secret, secretAt + 8)
  subtract(RIGHT, SEED)
  load(SPARE, bytes, at + 8)
  xor(RIGHT, SPARE)
  foldProduct(LEFT, LEFT, RIGHT)
  add(HASH, LEFT)
}

function avalanche(): void {
  xorShiftRight(HASH, 37)
  multiply(HASH, 0x9e3779f9, 0x16566791)
  xorShiftRight(HASH, 32)
}

function hashLong(bytes: Uint8Array, at: number, length: number): void {
  const key = secretOfSeed()
  startLanes()
  const blocks = Math.floor((length - 1) / BLOCK)
  for (let block = 0; block < blocks; block += 1) {
    accumulate(bytes, at + block * BLOCK, STRIPES_PER_BLOCK, key)
    scramble(key)
  }
  const stripes = Math.floor((length - 1 - blocks * BLOCK) / STRIPE)
  accumulate(bytes, at + blocks * BLOCK, stripes, key)
  addStripe(bytes, at + length - STRIPE, key, SECRET_LAST)
  start(length)
  for (let i = 0; i < 4; i += 1) {
    load(LEFT, key, SECRET_MERGE + 16 * i)
    xor(LEFT, LANES + 2 * i)
    load(RIGHT, key, SECRET_MERGE + 16 * i + 8)
    xor(RIGHT, LANES + 2 * i + 1)
    foldProduct(LEFT, LEFT, RIGHT)
    add(HASH, LEFT)
  }
  avalanche()
}

function startLanes(): void {
  set(LANES, 0xc2b2ae3d, 0)
  set(LANES + 1, 0x85ebca87, 0x9e3779b1)
  set(LANES + 2, 0x27d4eb4f, 0xc2b2ae3d)
  set(LANES + 3, 0x9e3779f9, 0x165667b1)
  set(LANES + 4, 0xc2b2ae63, 0x85ebca77)
  set(LANES + 5, 0x85ebca77, 0)
  set(LANES + 6, 0x165667c5, 0x27d4eb2f)
  set(LANES + 7, 0x9e3779b1, 0)
}

function accumulate(bytes: Uint8Array, at: number, stripes: number, key: Uint8Array): void {
  for (let i = 0; i < stripes; i += 1) addStripe(bytes, at + i * STRIPE, key, i * SECRET_STEP)
}

function addStripe(bytes: Uint8Array, at: number, key: Uint8Array, keyAt: number): void {
  for (let lane = 0; lane < 8; lane += 1) {
    load(LEFT, bytes, at + 8 * lane)
    add(LANES + (lane ^ 1), LEFT)
    load(RIGHT, key, keyAt + 8 * lane)
    xor(LEFT, RIGHT)
    const high = words[2 * LEFT + 1]!
    set(LEFT, words[2 * LEFT]!, 0)
    multiply(LEFT, high, 0)
    add(LANES + lane, LEFT)
  }
}

function scramble(key: Uint8Array): void {
  for (let lane = 0; lane < 8; lane += 1) {
    xorShiftRight(LANES + lane, 47)
    load(LEFT, key, SECRET_BYTES - STRIPE + 8 * lane)
    xor(LANES + lane, LEFT)
    multiply(LANES + lane, 0x9e3779b1, 0)
  }
}

function secretOfSeed(): Uint8Array {
  if (words[2 * SEED] === 0 && words[2 * SEED + 1] === 0) return secret
  for (let at = 0; at < SECRET_BYTES; at += 16) {
    load(LEFT, secret, at)
    add(LEFT, SEED)
    load(RIGHT, secret, at + 8)
    subtract(RIGHT, SEED)
    for (let i = 0; i < 8; i += 1) {
      seeded[at + i] = words[2 * LEFT + (i >> 2)]! >>> (8 * (i & 3))
      seeded[at + 8 + i] = words[2 * RIGHT + (i >> 2)]! >>> (8 * (i & 3))
    }
  }
  return seeded
}

function mixSecret(to: number, at: number): void {
  words[2 * to] = words[2 * to]! ^ word(secret, at)
  words[2 * to + 1] = words[2 * to + 1]! ^ word(secret, at + 4)
}

/** The bytes of a word in reverse. */
function swap(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)
}
