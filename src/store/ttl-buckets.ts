/**
 * Which chain an item belongs to: by how long it has to live, and by whether it has proved itself.
 *
 *   chain = part × buckets + bucket      part: 0 probation (everything new), 1 main
 *   bucket 0: never expires · 1 … n-1: lifetimes, each about the same factor longer than the last
 *
 * A bucket only groups: every item keeps its exact exptime.
 */
import { assert } from '../base/assert.ts'

export const Part = { probation: 0, main: 1 } as const

/** Lifetimes from here on share the last bucket: 30 days, the longest relative exptime. */
const LIFETIME_MAX = 2592000

export class TtlBuckets {
  readonly count: number
  readonly #factor: number

  constructor(count: number) {
    assert(count >= 3, 'there is a bucket for items that never expire and two for others')
    this.count = count
    this.#factor = (count - 2) / Math.log(LIFETIME_MAX)
  }

  /** Of an item with this exptime (0 never), stored at `now`; unix seconds. */
  bucketOf(exptime: number, now: number): number {
    if (exptime === 0) return 0
    const lifetime = Math.min(LIFETIME_MAX, Math.max(1, exptime - now))
    return 1 + Math.floor(Math.log(lifetime) * this.#factor)
  }

  chainOf(part: number, exptime: number, now: number): number {
    return part * this.count + this.bucketOf(exptime, now)
  }
}
