/** ClassTally's counters of all threads of a node, added up; a reset as in observe/counters.ts. */
import { SLAB_CLASS_MAX } from '../base/slab-class.ts'
import { CLASS_BLOCK, CLASS_COUNTERS, ClassCounter } from '../store/class-tally.ts'

export type ClassCountersHandle = { buffer: SharedArrayBuffer; threads: number }

/** What is held now, whatever was reset. */
const HELD: readonly ClassCounter[] = [ClassCounter.items, ClassCounter.bytes]

export class ClassCounters {
  readonly handle: ClassCountersHandle
  readonly #all: Float64Array
  readonly #baseline: Float64Array

  constructor(handle: ClassCountersHandle) {
    this.handle = handle
    const size = handle.threads * CLASS_COUNTERS
    this.#all = new Float64Array(handle.buffer, 0, size)
    this.#baseline = new Float64Array(handle.buffer, size * 8, CLASS_COUNTERS)
  }

  static create(threads: number): ClassCounters {
    const buffer = new SharedArrayBuffer((threads + 1) * CLASS_COUNTERS * 8)
    return new ClassCounters({ buffer, threads })
  }

  ofThread(index: number): Float64Array {
    return this.#all.subarray(index * CLASS_COUNTERS, (index + 1) * CLASS_COUNTERS)
  }

  of(slab: number, counter: ClassCounter): number {
    const at = slab * CLASS_BLOCK + counter
    if (counter === ClassCounter.evictedTime) return this.#latest(at)
    return this.#total(at) - this.#baseline[at]!
  }

  reset(): void {
    for (let slab = 1; slab <= SLAB_CLASS_MAX; slab += 1) {
      for (const counter of Object.values(ClassCounter)) {
        const at = slab * CLASS_BLOCK + counter
        if (!HELD.includes(counter)) this.#baseline[at] = this.#total(at)
      }
    }
  }

  #total(at: number): number {
    let sum = 0
    for (let i = at; i < this.#all.length; i += CLASS_COUNTERS) sum += this.#all[i]!
    return sum
  }

  /** Threads do not say which of them was the last: the longest time is the safer answer. */
  #latest(at: number): number {
    let longest = 0
    for (let i = at; i < this.#all.length; i += CLASS_COUNTERS) {
      longest = Math.max(longest, this.#all[i]!)
    }
    return longest
  }
}
