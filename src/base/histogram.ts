/**
 * A latency histogram of fixed memory (27 KB), log-linear like HdrHistogram.
 * Values are whole **microseconds**, 0 to 4,294,967,295 (71 minutes). Each power of two is cut into
 * 128 equal slots, so every value up to 255 µs has a slot of its own, and above that a slot is at
 * most 1/128 of its value wide:
 *
 *     value   0 … 127   128 … 255   256 … 511   512 … 1023    …    2^31 … 2^32-1
 *     slot    0 … 127   128 … 255   256 … 383   384 … 511     …    3200 … 3327
 *     width   1         1           2           4                  2^24
 *
 * A percentile is the greatest value of its slot: never below the true one, and above it by less
 * than 0.79 %. Count, mean and maximum are exact. Counts are doubles, exact up to 2^53.
 */
import { assert } from './assert.ts'

const SLOT_BITS = 7
const SLOTS_PER_POWER = 1 << SLOT_BITS
const VALUE_BITS = 32
const SLOT_COUNT = (VALUE_BITS - SLOT_BITS + 1) * SLOTS_PER_POWER

export const LATENCY_US_MAX = 2 ** VALUE_BITS - 1

export class Histogram {
  readonly #counts = new Float64Array(SLOT_COUNT)
  #count = 0
  #sum = 0
  #max = 0
  #overflowCount = 0

  get count(): number {
    return this.#count
  }

  /** The greatest value recorded, exactly; 0 when there is none. */
  get max(): number {
    return this.#max
  }

  /** How many values were above LATENCY_US_MAX: they are counted as that value. */
  get overflowCount(): number {
    return this.#overflowCount
  }

  /** The exact mean of the values as recorded; 0 when there is none. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count
  }

  /**
   * Counts one latency; fractions are rounded to the nearest microsecond.
   * @throws {RangeError} for a negative value or NaN: the caller's clock is broken.
   */
  record(latencyUs: number): void {
    if (!(latencyUs >= 0)) {
      throw new RangeError(`Cannot record latency ${latencyUs}: expected 0 or more microseconds`)
    }
    let value = Math.round(latencyUs)
    if (value > LATENCY_US_MAX) {
      value = LATENCY_US_MAX
      this.#overflowCount += 1
    }
    const slot = slotOf(value)
    this.#counts[slot] = this.#counts[slot]! + 1
    this.#count += 1
    this.#sum += value
    if (value > this.#max) this.#max = value
  }

  /**
   * The value that `percent` of all recorded values do not exceed, by nearest rank; 0 when empty.
   * @param percent above 0, at most 100, for example 99.9.
   */
  percentile(percent: number): number {
    if (!(percent > 0 && percent <= 100)) {
      throw new RangeError(`Cannot read percentile ${percent}: expected above 0 up to 100`)
    }
    if (this.#count === 0) return 0
    // Without the margin, 99.9 % of 1,000 would be rank 1000, because 0.999 is no exact double.
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count - 1e-6))
    let seen = 0
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      seen += this.#counts[slot]!
      if (seen >= rank) return Math.min(greatestOf(slot), this.#max)
    }
    return this.#max
  }

  /** Adds everything `other` has counted, as if it had been recorded here. */
  merge(other: Histogram): void {
    const counts = other.#counts
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      this.#counts[slot] = this.#counts[slot]! + counts[slot]!
    }
    this.#count += other.#count
    this.#sum += other.#sum
    this.#overflowCount += other.#overflowCount
    if (other.#max > this.#max) this.#max = other.#max
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sum = 0
    this.#max = 0
    this.#overflowCount = 0
  }
}

function slotOf(value: number): number {
  if (value < SLOTS_PER_POWER) return value
  const shift = VALUE_BITS - 1 - SLOT_BITS - Math.clz32(value)
  return shift * SLOTS_PER_POWER + (value >>> shift)
}

function greatestOf(slot: number): number {
  if (slot < SLOTS_PER_POWER) return slot
  const shift = Math.floor(slot / SLOTS_PER_POWER) - 1
  return (slot - shift * SLOTS_PER_POWER + 1) * 2 ** shift - 1
}

// Invariants: the slots tile 0 … 2^32-1, and the last one ends exactly at the limit.
assert(slotOf(LATENCY_US_MAX) === SLOT_COUNT - 1, 'the greatest value has the last slot')
assert(greatestOf(SLOT_COUNT - 1) === LATENCY_US_MAX, 'the last slot ends at the greatest value')
assert(SLOT_COUNT === 3328, 'the slot count is the one drawn above')
