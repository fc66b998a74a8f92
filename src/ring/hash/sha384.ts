/**
 * The start of SHA-384 (FIPS 180-4) without objects: AWS's Java client places nodes and keys by
 * it. Numbers of 64 bits are pairs of words, high before low. The first sixteen bytes of the
 * digest are read as four little-endian numbers, as ketama reads those of MD5.
 */
const BLOCK_SIZE = 128
const ROUNDS = 80

/** The fractions of the cube roots of the first 80 primes; of square roots of the 9th to 16th. */
const { constants, initial } = tables()
const schedule = new Int32Array(2 * ROUNDS)
const state = new Int32Array(16)
const block = new Uint8Array(BLOCK_SIZE)

/** The first four bytes of the digest as a little-endian number. */
export function sha384First(bytes: Uint8Array, at: number, length: number): number {
  digest(bytes, at, length)
  return sha384Word(0)
}

/** One of the first four little-endian numbers in the digest of the last `sha384First`. */
export function sha384Word(index: 0 | 1 | 2 | 3): number {
  const word = state[index]!
  const swapped = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
  return swapped >>> 0
}

function digest(bytes: Uint8Array, at: number, length: number): void {
  state.set(initial)
  let i = at
  let rest = length
  for (; rest >= BLOCK_SIZE; rest -= BLOCK_SIZE, i += BLOCK_SIZE) hashBlock(bytes, i)
  block.fill(0)
  for (let k = 0; k < rest; k += 1) block[k] = bytes[i + k]!
  block[rest] = 0x80
  if (rest >= BLOCK_SIZE - 16) {
    hashBlock(block, 0)
    block.fill(0)
  }
  // The length in bits; keys are far from needing more than 32 of them.
  const bitCount = length * 8
  for (let k = 0; k < 4; k += 1) block[BLOCK_SIZE - 1 - k] = bitCount >>> (8 * k)
  hashBlock(block, 0)
}

function hashBlock(bytes: Uint8Array, at: number): void {
  expand(bytes, at)
  let [aH, aL, bH, bL] = [state[0]!, state[1]!, state[2]!, state[3]!]
  let [cH, cL, dH, dL] = [state[4]!, state[5]!, state[6]!, state[7]!]
  let [eH, eL, fH, fL] = [state[8]!, state[9]!, state[10]!, state[11]!]
  let [gH, gL, hH, hL] = [state[12]!, state[13]!, state[14]!, state[15]!]
  for (let i = 0; i < 2 * ROUNDS; i += 2) {
    const sum1H =
      ((eH >>> 14) | (eL << 18)) ^ ((eH >>> 18) | (eL << 14)) ^ ((eL >>> 9) | (eH << 23))
    const sum1L =
      ((eL >>> 14) | (eH << 18)) ^ ((eL >>> 18) | (eH << 14)) ^ ((eH >>> 9) | (eL << 23))
    const oneLow =
      (hL >>> 0) +
      (sum1L >>> 0) +
      (((eL & fL) ^ (~eL & gL)) >>> 0) +
      (constants[i + 1]! >>> 0) +
      (schedule[i + 1]! >>> 0)
    const chooseH = (eH & fH) ^ (~eH & gH)
    const oneHigh = (hH + sum1H + chooseH + constants[i]! + schedule[i]! + carry(oneLow)) | 0
    const sum0H = ((aH >>> 28) | (aL << 4)) ^ ((aL >>> 2) | (aH << 30)) ^ ((aL >>> 7) | (aH << 25))
    const sum0L = ((aL >>> 28) | (aH << 4)) ^ ((aH >>> 2) | (aL << 30)) ^ ((aH >>> 7) | (aL << 25))
    const twoLow = (sum0L >>> 0) + (((aL & bL) ^ (aL & cL) ^ (bL & cL)) >>> 0)
    const majorityH = (aH & bH) ^ (aH & cH) ^ (bH & cH)
    const twoHigh = (sum0H + majorityH + carry(twoLow)) | 0
    hH = gH
    hL = gL
    gH = fH
    gL = fL
    fH = eH
    fL = eL
    const newE = (dL >>> 0) + ((oneLow | 0) >>> 0)
    eH = (dH + oneHigh + carry(newE)) | 0
    eL = newE | 0
    dH = cH
    dL = cL
    cH = bH
    cL = bL
    bH = aH
    bL = aL
    const newA = ((oneLow | 0) >>> 0) + ((twoLow | 0) >>> 0)
    aH = (oneHigh + twoHigh + carry(newA)) | 0
    aL = newA | 0
  }
  addState(0, aH, aL)
  addState(2, bH, bL)
  addState(4, cH, cL)
  addState(6, dH, dL)
  addState(8, eH, eL)
  addState(10, fH, fL)
  addState(12, gH, gL)
  addState(14, hH, hL)
}

/** Sixteen numbers of the block, big-endian, and those that follow from them. */
function expand(bytes: Uint8Array, at: number): void {
  for (let i = 0, from = at; i < 32; i += 1, from += 4) {
    schedule[i] =
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
  }
  for (let i = 32; i < 2 * ROUNDS; i += 2) {
    const xH = schedule[i - 30]!
    const xL = schedule[i - 29]!
    const yH = schedule[i - 4]!
    const yL = schedule[i - 3]!
    const lowX = ((xL >>> 1) | (xH << 31)) ^ ((xL >>> 8) | (xH << 24)) ^ ((xL >>> 7) | (xH << 25))
    const highX = ((xH >>> 1) | (xL << 31)) ^ ((xH >>> 8) | (xL << 24)) ^ (xH >>> 7)
    const lowY = ((yL >>> 19) | (yH << 13)) ^ ((yH >>> 29) | (yL << 3)) ^ ((yL >>> 6) | (yH << 26))
    const highY = ((yH >>> 19) | (yL << 13)) ^ ((yL >>> 29) | (yH << 3)) ^ (yH >>> 6)
    const low = (lowX >>> 0) + (lowY >>> 0) + (schedule[i - 31]! >>> 0) + (schedule[i - 13]! >>> 0)
    schedule[i + 1] = low
    schedule[i] = highX + highY + schedule[i - 32]! + schedule[i - 14]! + carry(low)
  }
}

function addState(at: number, high: number, low: number): void {
  const sum = (state[at + 1]! >>> 0) + (low >>> 0)
  state[at + 1] = sum
  state[at] = state[at]! + high + carry(sum)
}

/** What a sum of words has above its 32 bits. */
function carry(sum: number): number {
  return (sum / 0x100000000) | 0
}

/** FIPS 180-4, 4.2.3 and 5.3.4, worked out once instead of written down. */
function tables(): { constants: Int32Array; initial: Int32Array } {
  const primes: number[] = []
  for (let n = 2; primes.length < ROUNDS; n += 1) {
    if (primes.every(prime => n % prime !== 0)) primes.push(n)
  }
  const cubes = primes.flatMap(prime => fraction(prime, 3n))
  const squares = primes.slice(8, 16).flatMap(prime => fraction(prime, 2n))
  return { constants: Int32Array.from(cubes), initial: Int32Array.from(squares) }
}

/** The first 64 bits of the fraction of a root: the root of n × 2^(64 × degree), whole. */
function fraction(n: number, degree: bigint): [number, number] {
  const target = BigInt(n) << (64n * degree)
  let root = 0n
  // No root of these primes is beyond 2⁵.
  for (let step = 1n << 69n; step > 0n; step >>= 1n) {
    if ((root + step) ** degree <= target) root += step
  }
  return [Number((root >> 32n) & 0xffffffffn) | 0, Number(root & 0xffffffffn) | 0]
}
