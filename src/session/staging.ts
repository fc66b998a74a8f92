/**
 * Memory of a thread for what has been received and cannot be used yet: values that arrive in
 * pieces, and parts of requests. Bounded for the whole thread (`-o read_buf_mem_limit`); who gets
 * none says so to its client. Left to the garbage collector, such buffers would stay resident
 * until it comes by, so small ones are kept for the next who asks.
 *
 *   used: taken and not given back │ kept: for the next one │ room … limit
 */
import { INLINE_VALUE_MAX } from '../base/item-size.ts'

/** Sizes of buffers that are kept for the next value: powers of two. */
const CLASS_MIN_BYTES = 256
/** Of one size. */
const KEPT_BUFFERS = 16

/** How it stands with the memory, for `stats`. */
export type StagingFigures = {
  /** Buffers, those that are kept included, and their bytes. */
  count: number
  bytes: number
  keptBytes: number
}

export interface StagingWatch {
  moved(figures: StagingFigures): void
  /** Somebody got none. */
  refused(): void
}

export class Staging {
  readonly #limitBytes: number
  readonly #watch: StagingWatch | undefined
  #usedBytes = 0
  readonly #figures: StagingFigures = { count: 0, bytes: 0, keptBytes: 0 }
  /** By the power of two that is their size. */
  readonly #kept: Uint8Array[][] = Array.from({ length: 32 }, () => [])

  constructor(limitBytes: number, watch?: StagingWatch) {
    this.#limitBytes = limitBytes
    this.#watch = watch
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Whether `take(size)` would give something. */
  hasRoom(size: number): boolean {
    return this.#usedBytes + lengthFor(size) <= this.#limitBytes
  }

  /** A buffer of at least `size` bytes, or undefined when the thread's limit is reached. */
  take(size: number): Uint8Array | undefined {
    const figures = this.#figures
    const length = lengthFor(size)
    if (this.#usedBytes + length > this.#limitBytes) {
      this.#watch?.refused()
      return undefined
    }
    this.#usedBytes += length
    const kept = length > INLINE_VALUE_MAX ? undefined : this.#kept[powerOf(length)]!.pop()
    if (kept) {
      figures.keptBytes -= length
    } else {
      if (figures.bytes + length > this.#limitBytes) this.#forgetKept()
      figures.count += 1
      figures.bytes += length
    }
    this.#watch?.moved(figures)
    return kept ?? new Uint8Array(length)
  }

  give(buffer: Uint8Array): void {
    const figures = this.#figures
    const { length } = buffer
    this.#usedBytes -= length
    const kept = length > INLINE_VALUE_MAX ? undefined : this.#kept[powerOf(length)]!
    if (kept && kept.length < KEPT_BUFFERS) {
      kept.push(buffer)
      figures.keptBytes += length
    } else {
      figures.count -= 1
      figures.bytes -= length
    }
    this.#watch?.moved(figures)
  }

  /** What is kept counts as well: it makes room for other sizes. */
  #forgetKept(): void {
    const figures = this.#figures
    for (const kept of this.#kept) {
      figures.count -= kept.length
      kept.length = 0
    }
    figures.bytes -= figures.keptBytes
    figures.keptBytes = 0
  }
}

function lengthFor(size: number): number {
  return size > INLINE_VALUE_MAX ? size : Math.max(CLASS_MIN_BYTES, 2 ** powerOf(2 * size - 1))
}

/** Of the greatest power of two that is not more. */
function powerOf(bytes: number): number {
  return 31 - Math.clz32(bytes)
}
