/**
 * What a load run asks for: which share of sets and gets, over which keys, in which order, with
 * values of which size. The options follow memtier_benchmark's; `Workload` is checked once, by
 * `checkWorkload`, and `RequestStream` then draws the requests of one connection from it.
 *
 * Two things differ from memtier on purpose: keys have a fixed width (prefix and eight digits), so
 * that every request of a kind has the same size, and each connection starts its cycle of sets and
 * gets at another place, so that they do not all set at once.
 */
import type { Prng } from '../base/prng.ts'
import { Zipf } from '../base/zipf.ts'

export const KeyPattern = { uniform: 'uniform', zipf: 'zipf', sequential: 'sequential' } as const
export type KeyPattern = (typeof KeyPattern)[keyof typeof KeyPattern]

export interface Workload {
  /** Sets and gets in each cycle of requests: memtier's `--ratio`. **Default:** 1 and 10. */
  readonly setRatio: number
  readonly getRatio: number
  /** Keys that each get asks for: 1 to 100. **Default:** 1. */
  readonly keysPerGet: number
  /** How many different keys: 1 to 100,000,000. **Default:** 10,000. */
  readonly keyCount: number
  /** `sequential` walks round, each connection from its own start. **Default:** `uniform`. */
  readonly keyPattern: KeyPattern
  /** For `zipf` only: above 0, at most 10. **Default:** 0.99. */
  readonly zipfExponent: number
  /** Bytes in a value: 0 to 16,777,216. **Default:** 100. */
  readonly valueSize: number
  /** Before a key's digits: 0 to 242 printable ASCII, no spaces. **Default:** `memring-`. */
  readonly keyPrefix: string
  /** Whole number; the same seed draws the same requests. **Default:** 1. */
  readonly seed: number
}

export const KEY_DIGITS = 8
const KEY_COUNT_MAX = 10 ** KEY_DIGITS
const KEY_SIZE_MAX = 250
const KEY_PREFIX_SIZE_MAX = KEY_SIZE_MAX - KEY_DIGITS
const VALUE_SIZE_MAX = 16 * 1024 * 1024
const KEYS_PER_GET_MAX = 100
const RATIO_MAX = 1_000_000
const ZIPF_EXPONENT_MAX = 10

export const workloadDefaults: Workload = {
  setRatio: 1,
  getRatio: 10,
  keysPerGet: 1,
  keyCount: 10_000,
  keyPattern: KeyPattern.uniform,
  zipfExponent: 0.99,
  valueSize: 100,
  keyPrefix: 'memring-',
  seed: 1,
}

/**
 * Fills in the defaults and checks every field.
 * @throws {RangeError} that names the field, its value and what was expected.
 */
export function checkWorkload(options: Partial<Workload>): Workload {
  const workload = { ...workloadDefaults, ...options }
  checkWhole('setRatio', workload.setRatio, 0, RATIO_MAX)
  checkWhole('getRatio', workload.getRatio, 0, RATIO_MAX)
  if (workload.setRatio + workload.getRatio === 0) {
    throw new RangeError('Cannot use ratio 0:0: expected at least one set or get')
  }
  checkWhole('keysPerGet', workload.keysPerGet, 1, KEYS_PER_GET_MAX)
  checkWhole('keyCount', workload.keyCount, 1, KEY_COUNT_MAX)
  checkWhole('valueSize', workload.valueSize, 0, VALUE_SIZE_MAX)
  checkWhole('seed', workload.seed, 0, Number.MAX_SAFE_INTEGER)
  if (!Object.values(KeyPattern).includes(workload.keyPattern)) {
    const known = Object.values(KeyPattern).join(', ')
    throw new RangeError(`Cannot use keyPattern "${workload.keyPattern}": expected ${known}`)
  }
  const { zipfExponent, keyPrefix } = workload
  if (!(zipfExponent > 0 && zipfExponent <= ZIPF_EXPONENT_MAX)) {
    const expected = `above 0 up to ${ZIPF_EXPONENT_MAX}`
    throw new RangeError(`Cannot use zipfExponent ${zipfExponent}: expected ${expected}`)
  }
  if (!/^[!-~]*$/.test(keyPrefix) || keyPrefix.length > KEY_PREFIX_SIZE_MAX) {
    const expected = `0 to ${KEY_PREFIX_SIZE_MAX} printable ASCII characters without spaces`
    throw new RangeError(`Cannot use keyPrefix "${keyPrefix.slice(0, 40)}": expected ${expected}`)
  }
  return workload
}

/** @throws {RangeError} unless `value` is a whole number of `least` … `greatest`. */
export function checkWhole(name: string, value: number, least: number, greatest: number): void {
  if (Number.isInteger(value) && value >= least && value <= greatest) return
  throw new RangeError(`Cannot use ${name} ${value}: expected ${least} to ${greatest}`)
}

/** A connection's requests: `next` sets `isSet` and `key`; false means that there are no more. */
export interface RequestSource {
  readonly isSet: boolean
  readonly key: number
  next(): boolean
}

export interface StreamPlace {
  /** Which of the connections this is, from 0. */
  readonly connection: number
  readonly connectionCount: number
}

/** The endless requests of one connection. */
export class RequestStream implements RequestSource {
  isSet = false
  key = 0
  readonly #prng: Prng
  readonly #keyCount: number
  readonly #sequential: boolean
  readonly #zipf: Zipf | null
  readonly #setRatio: number
  readonly #cycle: number
  #cycleAt: number
  #nextKey: number

  constructor(workload: Workload, prng: Prng, place: StreamPlace) {
    const { setRatio, getRatio, keyCount, keyPattern, zipfExponent } = workload
    this.#prng = prng
    this.#keyCount = keyCount
    this.#sequential = keyPattern === KeyPattern.sequential
    this.#zipf = keyPattern === KeyPattern.zipf ? new Zipf(keyCount, zipfExponent) : null
    this.#setRatio = setRatio
    this.#cycle = setRatio + getRatio
    this.#cycleAt = place.connection % this.#cycle
    this.#nextKey = Math.floor((place.connection * keyCount) / place.connectionCount) % keyCount
  }

  next(): boolean {
    this.isSet = this.#cycleAt < this.#setRatio
    this.#cycleAt = this.#cycleAt + 1 === this.#cycle ? 0 : this.#cycleAt + 1
    if (this.#sequential) {
      this.key = this.#nextKey
      this.#nextKey = this.#nextKey + 1 === this.#keyCount ? 0 : this.#nextKey + 1
    } else if (this.#zipf === null) {
      this.key = this.#prng.below(this.#keyCount)
    } else {
      this.key = this.#zipf.next(this.#prng)
    }
    return true
  }
}

/** Sets every key once; shared by all connections of a preload. */
export class PreloadSource implements RequestSource {
  readonly isSet = true
  key = -1
  readonly #keyCount: number

  constructor(workload: Workload) {
    this.#keyCount = workload.keyCount
  }

  next(): boolean {
    if (this.key + 1 >= this.#keyCount) return false
    this.key += 1
    return true
  }
}

/** The first requests of another source, counted over all sources that share the budget. */
export class LimitedSource implements RequestSource {
  readonly #source: RequestSource
  readonly #budget: { left: number }

  constructor(source: RequestSource, budget: { left: number }) {
    this.#source = source
    this.#budget = budget
  }

  get isSet(): boolean {
    return this.#source.isSet
  }

  get key(): number {
    return this.#source.key
  }

  next(): boolean {
    if (this.#budget.left <= 0) return false
    this.#budget.left -= 1
    return this.#source.next()
  }
}
