/**
 * Streams of requests to a cache-aside cache, the same for everybody with the same seed: which key
 * is read, how large its value is, and how long it lives once it is stored. Time is counted in
 * requests, so a stream does not depend on how fast it is asked for.
 */
import { Prng } from '../base/prng.ts'
import { Zipf } from '../base/zipf.ts'

/** One request; a stream writes the next one into it. */
export interface CacheRequest {
  /** A whole number of its own for every key: 0 … 2^52. */
  key: number
  /** Bytes of the value, the same each time. */
  valueSize: number
  /** Seconds the value lives; 0: for ever. */
  lifetime: number
}

export interface CacheStream {
  next(request: CacheRequest): void
}

export interface CacheWorkload {
  readonly name: string
  readonly text: string
  /** `scale` shrinks the number of keys, for small caches. */
  open(seed: number, scale: number): CacheStream
}

const KEYS = 1_000_000
const EXPONENT = 0.9
const SIZE_MEDIAN = 150
const SIZE_SIGMA = 1
/** Values end here: a few large ones would decide over hundreds of small ones. */
export const VALUE_SIZE_MAX = 8192
const ONCE_SHARE = 0.2
const SHORT_SHARE = 0.4
const SHORT_LIFETIME = 2
/** Keys seen once are numbered from here, scanned ones from twice here. */
const ONCE_FIRST = 2 ** 40
const SCAN_FIRST = 2 ** 41
const SCAN_EVERY = 500_000
const SCAN_LENGTH = 200_000
/** Requests between two new keys, each of which starts as the most popular one. */
const SHIFT_EVERY = 100

/** Sizes of a million keys, drawn once; key k has the size at k mod their number. */
function sizesOf(prng: Prng): Uint16Array {
  return Uint16Array.from({ length: KEYS }, () => logNormal(prng))
}

function logNormal(prng: Prng): number {
  const angle = 2 * Math.PI * prng.float()
  const normal = Math.sqrt(-2 * Math.log(1 - prng.float())) * Math.cos(angle)
  const size = Math.round(SIZE_MEDIAN * Math.exp(SIZE_SIGMA * normal))
  return Math.min(VALUE_SIZE_MAX, Math.max(1, size))
}

/** What all streams share: ranks by Zipf, keys seen once in between, sizes by key. */
class BaseStream {
  readonly prng: Prng
  readonly keyCount: number
  readonly #sizes: Uint16Array
  readonly #zipf: Zipf
  #once = ONCE_FIRST

  constructor(seed: number, scale: number) {
    this.prng = new Prng(seed)
    this.keyCount = Math.round(KEYS * scale)
    this.#sizes = sizesOf(this.prng)
    this.#zipf = new Zipf(this.keyCount, EXPONENT)
  }

  rank(): number {
    return this.#zipf.next(this.prng)
  }

  /** A key seen once, or -1 when this request is for another one. */
  once(): number {
    if (this.prng.float() >= ONCE_SHARE) return -1
    this.#once += 1
    return this.#once
  }

  fill(request: CacheRequest, key: number): void {
    request.key = key
    request.valueSize = this.#sizes[key % KEYS]!
    request.lifetime = 0
  }
}

class ZipfStream extends BaseStream implements CacheStream {
  next(request: CacheRequest): void {
    const once = this.once()
    this.fill(request, once < 0 ? this.rank() : once)
  }
}

class ShortLifeStream extends ZipfStream {
  override next(request: CacheRequest): void {
    super.next(request)
    // Neighbours in rank differ, so both kinds are as popular.
    const isShort = (request.key * 7) % 10 < SHORT_SHARE * 10
    if (isShort) request.lifetime = SHORT_LIFETIME
  }
}

class ScanStream extends BaseStream implements CacheStream {
  #count = 0

  next(request: CacheRequest): void {
    const at = this.#count % (SCAN_EVERY * this.#scale)
    this.#count += 1
    const isScan = at < SCAN_LENGTH * this.#scale
    this.fill(request, isScan ? SCAN_FIRST + Math.floor(at) : this.rank())
  }

  get #scale(): number {
    return this.keyCount / KEYS
  }
}

class ShiftStream extends BaseStream implements CacheStream {
  #count = 0

  next(request: CacheRequest): void {
    this.#count += 1
    // The newest key has rank 0; the others move down by one.
    const newest = this.keyCount + Math.floor(this.#count / SHIFT_EVERY)
    this.fill(request, newest - this.rank())
  }
}

export const cacheWorkloads: readonly CacheWorkload[] = [
  {
    name: 'zipf',
    text: `Zipf ${EXPONENT} over 1 million keys, 20 % of requests to keys seen once`,
    open: (seed, scale) => new ZipfStream(seed, scale),
  },
  {
    name: 'ttl',
    text: `the same, ${SHORT_SHARE * 100} % of keys live ${SHORT_LIFETIME} s`,
    open: (seed, scale) => new ShortLifeStream(seed, scale),
  },
  {
    name: 'scan',
    text: `Zipf ${EXPONENT}; the first 200,000 of every 500,000 requests scan the same keys`,
    open: (seed, scale) => new ScanStream(seed, scale),
  },
  {
    name: 'shift',
    text: `Zipf ${EXPONENT}, every ${SHIFT_EVERY} requests a new key becomes the most popular`,
    open: (seed, scale) => new ShiftStream(seed, scale),
  },
]
