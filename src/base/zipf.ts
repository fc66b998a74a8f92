/**
 * Zipf-distributed ranks: rank r (from 0) is drawn with a probability proportional to
 * 1 / (r + 1)^exponent. Rejection-inversion (Hörmann, Derflinger: "Rejection-inversion to generate
 * variates from monotone discrete distributions", 1996): no table, a few draws' worth of
 * arithmetic whatever the count, exact for every exponent above 0.
 *
 * H is the integral of the density h(x) = x^-exponent. A point drawn evenly under H is turned back
 * into x, rounded to the nearest rank, and kept if it lies under that rank's bar.
 */
import type { Prng } from './prng.ts'

const COUNT_MAX = 4294967296
const EXPONENT_MAX = 10

export class Zipf {
  readonly #count: number
  readonly #exponent: number
  readonly #low: number
  readonly #high: number
  readonly #shortcut: number

  /**
   * @param count how many ranks there are: 1 … 2^32.
   * @param exponent how skewed they are: above 0, at most 10 (YCSB uses 0.99).
   */
  constructor(count: number, exponent: number) {
    if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
      throw new RangeError(`Cannot rank ${count} items: expected a whole number of 1 to 2^32`)
    }
    if (!(exponent > 0 && exponent <= EXPONENT_MAX)) {
      throw new RangeError(
        `Cannot use Zipf exponent ${exponent}: expected above 0 up to ${EXPONENT_MAX}`,
      )
    }
    this.#count = count
    this.#exponent = exponent
    this.#low = this.#integral(1.5) - 1
    this.#high = this.#integral(count + 0.5)
    this.#shortcut = 2 - this.#inverse(this.#integral(2.5) - this.#density(2))
  }

  /** The next rank, 0 … count - 1; 0 is the most frequent. */
  next(prng: Prng): number {
    for (;;) {
      const area = this.#high + prng.float() * (this.#low - this.#high)
      const x = this.#inverse(area)
      const rank = Math.min(this.#count, Math.max(1, Math.round(x)))
      // The first test spares most draws the two powers of the second, which is the exact one.
      if (rank - x <= this.#shortcut) return rank - 1
      if (area >= this.#integral(rank + 0.5) - this.#density(rank)) return rank - 1
    }
  }

  #density(x: number): number {
    return Math.exp(-this.#exponent * Math.log(x))
  }

  /** (x^(1 - exponent) - 1) / (1 - exponent), which is log(x) where the exponent is 1. */
  #integral(x: number): number {
    const logX = Math.log(x)
    return expm1Ratio((1 - this.#exponent) * logX) * logX
  }

  #inverse(area: number): number {
    // Rounding can push the argument below -1, where the logarithm has no value.
    const scaled = Math.max(-1, area * (1 - this.#exponent))
    return Math.exp(log1pRatio(scaled) * area)
  }
}

/** (e^x - 1) / x, also where x is too small to divide by. */
function expm1Ratio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x * 0.5
}

/** log(1 + x) / x, also where x is too small to divide by. */
function log1pRatio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x * 0.5
}
