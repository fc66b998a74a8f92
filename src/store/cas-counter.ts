/**
 * The count of cas uniques that all threads share: 62 bits, in two words, so that taking one makes
 * no BigInt. The low word is added to; the high one follows whenever the low one enters another
 * quarter of its range, and counts these quarters but for its two lowest bits, which the low word
 * has too:
 *
 *   quarters  high of the cas (30 bits) · q q      low word  q q · 30 bits
 *
 * Whoever takes one compares these two bits: the count of quarters is right, one behind (whoever
 * notices moves it on), or one ahead of a thread that was held up since it took its own. Two apart
 * would be a thread that was held up for 2^30 writes of others.
 */
import { assert } from '../base/assert.ts'
import { SuperWord } from './layout.ts'

const QUARTER_SHIFT = 30
const QUARTERS = 4

export class CasCounter {
  readonly #words: Uint32Array
  /** Halves of the cas that was taken last. */
  low = 0
  high = 0

  constructor(words: Uint32Array) {
    this.#words = words
  }

  /** Once, before any other thread starts: the first one is `value` + 1, of 32 bits. */
  static format(words: Uint32Array, value: number): void {
    words[SuperWord.casLow] = value
    words[SuperWord.casQuarters] = value >>> QUARTER_SHIFT
  }

  /** Takes the next one. */
  take(): void {
    const words = this.#words
    const low = (Atomics.add(words, SuperWord.casLow, 1) + 1) >>> 0
    const quarters = words[SuperWord.casQuarters]!
    this.low = low
    this.high = quarters >>> 2
    if ((quarters & (QUARTERS - 1)) !== low >>> QUARTER_SHIFT) this.#follow(quarters)
  }

  #follow(quarters: number): void {
    const ahead = ((this.low >>> QUARTER_SHIFT) - quarters) & (QUARTERS - 1)
    assert(ahead !== 2, 'no thread is held up for 2^30 writes')
    const own = (quarters + (ahead === 1 ? 1 : -1)) >>> 0
    if (ahead === 1) Atomics.compareExchange(this.#words, SuperWord.casQuarters, quarters, own)
    this.high = own >>> 2
  }
}
