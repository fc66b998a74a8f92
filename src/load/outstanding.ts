/**
 * The requests of one connection that have been sent and not answered, oldest first: a ring of as
 * many places as the pipeline is deep.
 */
import { assert } from '../base/assert.ts'

export class Outstanding {
  readonly #sets: Uint8Array
  readonly #keys: Int32Array
  readonly #sentAtMs: Float64Array
  #first = 0
  #count = 0

  constructor(depth: number) {
    this.#sets = new Uint8Array(depth)
    this.#keys = new Int32Array(depth)
    this.#sentAtMs = new Float64Array(depth)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.#keys.length
  }

  /** Whether the oldest request is a set; meaningless when there is none. */
  get isSet(): boolean {
    return this.#sets[this.#first] === 1
  }

  get key(): number {
    return this.#keys[this.#first]!
  }

  get sentAtMs(): number {
    return this.#sentAtMs[this.#first]!
  }

  push(isSet: boolean, key: number, sentAtMs: number): void {
    assert(!this.isFull, 'a request is sent only where the pipeline has a place')
    let place = this.#first + this.#count
    if (place >= this.#keys.length) place -= this.#keys.length
    this.#sets[place] = isSet ? 1 : 0
    this.#keys[place] = key
    this.#sentAtMs[place] = sentAtMs
    this.#count += 1
  }

  shift(): void {
    assert(this.#count > 0, 'only a request that was sent can be answered')
    this.#first = this.#first + 1 === this.#keys.length ? 0 : this.#first + 1
    this.#count -= 1
  }

  clear(): void {
    this.#first = 0
    this.#count = 0
  }
}
