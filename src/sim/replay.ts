/**
 * Asks a cache for what a trace asks for, and counts. Cache-aside: what a get does not find is set,
 * with the size and lifetime of the request, unless the trace has sets of its own.
 */
import type { SimCache } from './sim-cache.ts'
import { isFilling, isRead, Op, type TraceRequest } from './trace-request.ts'

/** Who stores what was not found: the replay itself, or the trace in requests of its own. */
export type Fill = 'miss' | 'trace'

export type ReplayCounts = {
  gets: number
  misses: number
  /** Value bytes asked for, and not found. */
  getBytes: number
  missBytes: number
}

/** The trace's first second is here; far from 0, which means never. */
const START_SECONDS = 1_000_000
/** Requests between two looks at `onProgress`. */
const PROGRESS_EVERY = 1 << 16

export type ReplayOptions = {
  fill: Fill
  /** Requests before counting begins. */
  warmup: number
  onProgress: (requests: number) => void
}

export class Replay {
  readonly counts: ReplayCounts = { gets: 0, misses: 0, getBytes: 0, missBytes: 0 }
  requests = 0
  readonly #cache: SimCache
  readonly #fills: boolean
  readonly #options: ReplayOptions
  #first = -1
  #time = -1

  constructor(cache: SimCache, options: ReplayOptions) {
    this.#cache = cache
    this.#fills = options.fill === 'miss'
    this.#options = options
  }

  apply(request: TraceRequest): void {
    const { op } = request
    if (request.time > this.#time) this.#moveTime(request.time)
    if (isRead(op)) this.#read(request)
    else if (isFilling(op)) this.#cache.put(request, op)
    else if (op === Op.delete) this.#cache.remove(request)
    else if (op === Op.touch) this.#cache.touch(request)
    else this.#cache.count(request, op === Op.incr)
    this.requests += 1
    if (this.requests % PROGRESS_EVERY === 0) this.#options.onProgress(this.requests)
  }

  #moveTime(time: number): void {
    if (this.#first < 0) this.#first = time
    this.#time = time
    this.#cache.setTime(START_SECONDS + time - this.#first)
  }

  #read(request: TraceRequest): void {
    const isHit = this.#cache.get(request)
    if (!isHit && this.#fills) this.#cache.put(request, Op.set)
    if (this.requests < this.#options.warmup) return
    const { counts } = this
    counts.gets += 1
    counts.getBytes += request.valueSize
    if (isHit) return
    counts.misses += 1
    counts.missBytes += request.valueSize
  }
}
