/** The count of cas uniques that all threads share: 64 bits, given out in halves. */
import { SuperWord } from './layout.ts'

export class CasCounter {
  readonly #longs: BigUint64Array
  readonly #scratch = new BigUint64Array(1)
  readonly #halves = new Uint32Array(this.#scratch.buffer)

  constructor(longs: BigUint64Array) {
    this.#longs = longs
  }

  /** Takes the next one; `low` and `high` are its halves until the one after it is taken. */
  take(): void {
    this.#scratch[0] = Atomics.add(this.#longs, SuperWord.cas / 2, 1n) + 1n
  }

  get low(): number {
    return this.#halves[0]!
  }

  get high(): number {
    return this.#halves[1]!
  }
}
