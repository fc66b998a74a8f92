/** Moves items to other segments, one by one, while others read and change them. */
import { NO_SLOT } from './hash-index.ts'
import type { KeyHash } from './hash.ts'
import type { Store } from './store.ts'

export class Relocation {
  readonly #store: Store
  readonly #hash: KeyHash

  /** @param hash one that nobody else uses while an item is moved. */
  constructor(store: Store, hash: KeyHash) {
    this.#store = store
    this.#hash = hash
  }

  /**
   * Copies an item of a segment that is being emptied to a chain's open segment, if it still serves
   * anybody. False: there is no room.
   */
  move(item: number, chain: number): boolean {
    const { bytes, index, items, runs, segments } = this.#store
    const isLarge = items.isLarge(item)
    const size = items.allWords(item)
    const target = isLarge ? runs.reserve(size, chain, 0) : this.#reserve(size, chain)
    if (target === 0) return false
    this.#hash.of(bytes, items.keyAt(item), items.keySize(item))
    const bucket = index.lockFor(this.#hash)
    const slot = index.findItem(bucket, item)
    if (slot !== NO_SLOT && !this.#store.isDead(item)) {
      this.moveLocked(slot, item, target, size)
      items.clearFetched(target)
      index.setFrequency(slot, index.frequency(slot) >>> 1)
    } else {
      if (slot !== NO_SLOT) this.#store.drop(bucket, slot)
      if (isLarge) items.writeDeadLarge(target, size)
      else items.writeDead(target, size)
    }
    index.unlock(bucket)
    if (isLarge) runs.leave(target)
    else segments.leave(target)
    return true
  }

  /** Room for a copy, from the reserve if need be; 0 when there is none. */
  #reserve(size: number, chain: number): number {
    const { segments } = this.#store
    for (;;) {
      const target = segments.reserve(size, chain)
      if (target !== 0) return target
      if (!segments.openNext(size, chain, 0)) return 0
    }
  }

  /** Caller holds the item's bucket lock. */
  moveLocked(slot: number, item: number, target: number, size: number): void {
    const { bytes, index, items, large, largeSegments, runs, segments } = this.#store
    if (items.isLarge(item)) {
      large.copy(item, target)
      index.move(slot, target)
      runs.addLive(target)
      largeSegments.noteExptime(target, items.exptime(target))
      largeSegments.unlink(item)
      return
    }
    bytes.copyWithin(target * 4, item * 4, (item + size) * 4)
    index.move(slot, target)
    segments.addLive(target, size)
    segments.noteExptime(target, items.exptime(target))
    segments.removeLive(item, size)
  }
}
