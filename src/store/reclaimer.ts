/**
 * Gives the memory of expired and flushed items back without anybody asking for them: goes round
 * the segments, and takes out of each what is due. Runs beside the data threads, in slices of
 * bounded time. (Eviction alone would leave what was flushed in the main part for as long as
 * probation has something to give up.)
 */
import { NO_SLOT } from './hash-index.ts'
import type { KeyHash } from './hash.ts'
import { NEVER } from './segment-lists.ts'
import type { Store } from './store.ts'

/** Items looked at between two looks at the clock. */
const STRIDE = 64

export class Reclaimer {
  readonly #store: Store
  readonly #hash: KeyHash
  readonly #nowMs: () => number
  #segment = 0
  /** In the segment that is being walked: the next item, or 0 when none is. */
  #item = 0
  #end = 0
  #least = NEVER

  /** @param store one of its own: what it counts is not a data thread's. */
  constructor(store: Store, nowMs: () => number) {
    this.#store = store
    this.#hash = store.newHash()
    this.#nowMs = nowMs
  }

  /**
   * Works for about `budgetMs`; true when it has been round all segments, false when it stopped in
   * the middle of them. `now`: unix seconds.
   */
  slice(now: number, budgetMs: number): boolean {
    const { segments } = this.#store
    this.#store.now = now
    const until = this.#nowMs() + budgetMs
    while (this.#segment < segments.count) {
      if (this.#item === 0 && segments.startReclaiming(this.#segment, now)) this.#enter()
      while (this.#item !== 0) {
        this.#stride()
        if (this.#item !== 0 && this.#nowMs() >= until) return false
      }
      this.#segment += 1
      if (this.#nowMs() >= until) return false
    }
    this.#segment = 0
    return true
  }

  #enter(): void {
    const { items, largeSegments, runs, segments } = this.#store
    const first = segments.firstWord(this.#segment)
    if (runs.isRun(this.#segment)) {
      this.#least = NEVER
      runs.each(this.#segment, item => this.#visit(item))
      segments.finishReclaiming(this.#segment, this.#least)
      return
    }
    if (segments.isLarge(this.#segment)) {
      this.#visit(first)
      largeSegments.finishReclaiming(this.#segment, items.exptime(first))
      return
    }
    this.#item = first
    this.#end = first + segments.usedWords(this.#segment)
    this.#least = NEVER
  }

  #stride(): void {
    const { items, segments } = this.#store
    for (let i = 0; i < STRIDE && this.#item < this.#end; i += 1) {
      const size = items.sizeWords(this.#item)
      this.#visit(this.#item)
      this.#item += size
    }
    if (this.#item < this.#end) return
    segments.finishReclaiming(this.#segment, this.#least)
    this.#item = 0
  }

  #visit(item: number): void {
    const { bytes, index, items, segments } = this.#store
    const exptime = items.exptime(item)
    const isDue = exptime !== 0 && exptime <= this.#store.now
    if (!isDue && !segments.isFlushed(item)) {
      // It may be dead for another reason: then this look at its segment comes in vain.
      if (exptime !== 0) this.#least = Math.min(this.#least, exptime)
      return
    }
    this.#hash.of(bytes, items.keyAt(item), items.keySize(item))
    const bucket = index.lockFor(this.#hash)
    const slot = index.findItem(bucket, item)
    if (slot !== NO_SLOT) {
      // Touched meanwhile: it stays, and has noted its new exptime itself.
      if (this.#store.isDead(item)) this.#store.drop(bucket, slot)
    }
    index.unlock(bucket)
  }
}
