/** Keeps the index as large as its items want it, a little with every put. */
import type { Eviction } from './eviction.ts'
import type { KeyHash } from './hash.ts'
import type { HashIndex } from './hash-index.ts'
import { NO_SEGMENT } from './segment-lists.ts'

/** Two buckets an item catch up with any burst, and stop no put for long. */
const SPLITS_PER_PUT = 2

/** Whether there is anything to do. */
export function wantsGrowth({ overflow, wantsGrowth }: HashIndex): boolean {
  return wantsGrowth || overflow.wantsSegment
}

/** Caller holds no lock. `hash`: one that nobody else is using. */
export function growIndex(index: HashIndex, eviction: Eviction, hash: KeyHash): void {
  const takeSegment = () => eviction.indexSegment()
  if (index.overflow.wantsSegment) {
    const segment = takeSegment()
    if (segment !== NO_SEGMENT) index.overflow.addSegment(segment)
  }
  for (let i = 0; i < SPLITS_PER_PUT && index.wantsGrowth; i += 1) {
    if (!index.grow(takeSegment, hash)) return
  }
}
