/**
 * Which router a connection belongs to, and in which generation, for all threads of the process.
 * A router that has lost connections begins a new generation: nothing that still lies in those of
 * older ones is carried out any more, wherever it is, once `raise` has returned 0.
 *
 *   free ──join──▶ busy ◀──enter, leave──▶ idle ──raise──▶ condemned
 *     ▲              │ closed               │ closed          │ closed
 *     └──────────────┴──────────────────────┴─────────────────┘
 *
 * Only idle connections are condemned: who raises comes back for those that are busy, so a request
 * that has begun is finished before the answer to `fence` leaves. A condemned connection that has
 * something to say finds its door shut (`enter`) and is closed; one that says nothing (its router
 * is cut off) stays until it is closed like any other.
 *
 *   slot, 32 bytes: state i32 · – · router u64 · generation u64 · –
 */
import type { SessionGuard } from '../session/guard.ts'

const SLOT_WORDS = 8
const SLOT_LONGS = SLOT_WORDS / 2
const ROUTER = 1
const GENERATION = 2

const State = { free: 0, taken: 1, busy: 2, idle: 3, condemned: 4 } as const

export class Fences {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #longs: BigUint64Array
  readonly #count: number

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigUint64Array(buffer)
    this.#count = this.#words.length / SLOT_WORDS
  }

  /** Room for as many connections as there may be. */
  static create(connectionLimit: number): Fences {
    return new Fences(new SharedArrayBuffer(connectionLimit * SLOT_WORDS * 4))
  }

  /**
   * Names the connection that asks, which is busy with just that. Undefined: there is no room.
   * Then ask `isOutdated`.
   */
  join(router: bigint, generation: bigint): SessionGuard | undefined {
    const words = this.#words
    for (let slot = 0; slot < this.#count; slot += 1) {
      const at = slot * SLOT_WORDS
      if (Atomics.compareExchange(words, at, State.free, State.taken) !== State.free) continue
      this.#longs[slot * SLOT_LONGS + ROUTER] = router
      this.#longs[slot * SLOT_LONGS + GENERATION] = generation
      Atomics.store(words, at, State.busy)
      return this.#connection(slot)
    }
    return undefined
  }

  /** Whether the router has connections of a later generation: this one comes too late. */
  isOutdated(router: bigint, generation: bigint): boolean {
    for (let slot = 0; slot < this.#count; slot += 1) {
      const state = Atomics.load(this.#words, slot * SLOT_WORDS)
      if (state !== State.busy && state !== State.idle) continue
      if (this.#isOf(router, slot) && this.#generation(slot) > generation) return true
    }
    return false
  }

  /**
   * Condemns what the router has of earlier generations. Returns how many of them are busy at the
   * moment: call again until there are none.
   */
  raise(router: bigint, generation: bigint): number {
    let busy = 0
    for (let slot = 0; slot < this.#count; slot += 1) {
      const at = slot * SLOT_WORDS
      const state = Atomics.load(this.#words, at)
      if (state !== State.busy && state !== State.idle) continue
      if (!this.#isOf(router, slot) || this.#generation(slot) >= generation) continue
      const before = Atomics.compareExchange(this.#words, at, State.idle, State.condemned)
      if (before === State.busy) busy += 1
    }
    return busy
  }

  #isOf(router: bigint, slot: number): boolean {
    return this.#longs[slot * SLOT_LONGS + ROUTER] === router
  }

  #generation(slot: number): bigint {
    return this.#longs[slot * SLOT_LONGS + GENERATION]!
  }

  #connection(slot: number): SessionGuard {
    const words = this.#words
    const at = slot * SLOT_WORDS
    return {
      enter: () => Atomics.compareExchange(words, at, State.idle, State.busy) === State.idle,
      leave: () => Atomics.store(words, at, State.idle),
      release: () => Atomics.store(words, at, State.free),
    }
  }
}
