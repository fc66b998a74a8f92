/**
 * Large values on their way in: private to whoever writes them, until they are whole and linked.
 *
 *   open ──▶ fill … fill ──▶ link       all segments are promised at first, and taken one by one
 *     └────────┴──no memory─▶ (gone)    as bytes come: room is made in steps, between which others
 *              └──▶ abandon             get their turn, and no piece has to wait for all of it
 */
import { copyBytes } from '../base/bytes.ts'
import type { Eviction } from './eviction.ts'
import type { KeyHash } from './hash.ts'
import { growIndex, wantsGrowth } from './index-growth.ts'
import { Outcome, type Put } from './put.ts'
import { NO_SEGMENT } from './segments.ts'
import type { Store } from './store.ts'

/** A value that is still to come, or some of it. */
export type Upload = {
  readonly head: number
  /** The segment that is being filled, and the bytes of it that are. */
  last: number
  filled: number
}

export class Uploads {
  readonly #store: Store
  readonly #eviction: Eviction
  readonly #runWordsMax: number
  readonly #growHash: KeyHash

  /** @param evict false: no runs, in which only what is evicted makes room. */
  constructor(store: Store, eviction: Eviction, evict: boolean) {
    this.#store = store
    this.#eviction = eviction
    this.#growHash = store.newHash()
    this.#runWordsMax = evict ? store.runs.itemWordsMax : 0
  }

  /**
   * A place for a value over INLINE_VALUE_MAX; undefined when memory is short. Ends with a `fill`
   * that finds no memory, with `link` or with `abandon`.
   */
  open(put: Put): Upload | undefined {
    const { items, large, largeSegments, segments } = this.#store
    const count = large.segmentsFor(put.keySize, put.valueSize)
    if (!largeSegments.promise(count)) return undefined
    const head = this.#eviction.large(NO_SEGMENT)
    if (head === NO_SEGMENT) {
      largeSegments.forget(count)
      return undefined
    }
    const item = segments.firstWord(head)
    this.#store.writeItem(item, put)
    return { head, last: head, filled: items.valueAt(item) - item * 4 }
  }

  /** The next bytes of the value. False: there is no memory for them, and the upload is gone. */
  fill(upload: Upload, source: Uint8Array, at: number, length: number): boolean {
    const { bytes, layout, segments } = this.#store
    const { segmentBytes } = layout
    this.#eviction.workAhead(this.#segmentsInRun(upload))
    for (let done = 0; done < length; ) {
      if (upload.filled === segmentBytes && !this.#extend(upload)) {
        this.abandon(upload)
        return false
      }
      const size = Math.min(length - done, segmentBytes - upload.filled)
      const target = segments.firstWord(upload.last) * 4 + upload.filled
      copyBytes(bytes, target, source, at + done, size)
      upload.filled += size
      done += size
    }
    return true
  }

  /** What does not fill segments by itself moves on into a run. */
  link(put: Put, upload: Upload): Outcome {
    const item = this.#itemOf(upload)
    const target = this.#roomInRun(put)
    if (target === 0) {
      const outcome = this.#store.link(put, item, 0)
      if (outcome !== Outcome.stored) this.abandon(upload)
      return outcome
    }
    this.#store.large.copy(item, target)
    this.abandon(upload)
    return this.#linkInRun(put, target)
  }

  abandon(upload: Upload): void {
    this.#store.largeSegments.drop(upload.head, this.#promised(this.#itemOf(upload)))
  }

  /** A value that is whole already. */
  put(put: Put): Outcome {
    const target = this.#roomInRun(put)
    if (target !== 0) {
      this.#store.writeItem(target, put)
      this.#store.large.write(target, put.value, put.valueAt, put.valueSize)
      return this.#linkInRun(put, target)
    }
    const upload = this.open(put)
    if (upload === undefined) return Outcome.noMemory
    if (!this.fill(upload, put.value, put.valueAt, put.valueSize)) return Outcome.noMemory
    return this.link(put, upload)
  }

  /** @internal Caller holds the item's bucket lock. */
  queue(item: number, chain: number): void {
    const { items, largeSegments, runs, segments } = this.#store
    if (runs.headOf(item) !== NO_SEGMENT) runs.addLive(item)
    else largeSegments.queue(segments.segmentOf(item), chain, this.#promised(item))
    largeSegments.noteExptime(item, items.exptime(item))
  }

  /** Room in an open run for what belongs there; 0: it does not, or there is none. */
  #roomInRun(put: Put): number {
    const { index } = this.#store
    if (wantsGrowth(index)) growIndex(index, this.#eviction, this.#growHash)
    const size = this.#store.items.largeWords(put.keySize, put.valueSize, put.clientFlags)
    if (size > this.#runWordsMax) return 0
    this.#eviction.workAhead()
    return this.#eviction.roomInRun(size, this.#store.probation(put.exptime))
  }

  #linkInRun(put: Put, item: number): Outcome {
    const outcome = this.#store.link(put, item, 0)
    this.#store.runs.leave(item)
    return outcome
  }

  /** Segments that a run may have to grow by when an upload is whole. */
  #segmentsInRun(upload: Upload): number {
    const { items, layout } = this.#store
    const size = items.allWords(this.#itemOf(upload))
    return size > this.#runWordsMax ? 0 : Math.ceil(size / layout.segmentWords)
  }

  #extend(upload: Upload): boolean {
    const segment = this.#eviction.large(upload.last)
    if (segment === NO_SEGMENT) return false
    upload.last = segment
    upload.filled = 0
    return true
  }

  #itemOf(upload: Upload): number {
    return this.#store.segments.firstWord(upload.head)
  }

  #promised(item: number): number {
    const { items, large } = this.#store
    return large.segmentsFor(items.keySize(item), items.valueSize(item))
  }
}
