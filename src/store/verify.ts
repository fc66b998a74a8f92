/**
 * Walks a store that nobody is using and proves that its parts agree: every slot links an item
 * whose key belongs there, every segment is in exactly one list, and all counters add up.
 */
import { toLatin1 } from '../base/bytes.ts'
import { KeyHash } from './hash.ts'
import { SuperWord } from './layout.ts'
import { NO_SEGMENT, SegmentState } from './segments.ts'
import type { Store } from './store.ts'
import { checkChains, checkFreeList, checkSupply } from './verify-lists.ts'
import { checkOverflow } from './verify-overflow.ts'
import { checkRuns } from './verify-runs.ts'

export type StoreReport = { items: number; bytes: number; segments: number; faults: string[] }

/** @param words the region's words. `faults` is empty when the store is sound. */
export function verifyStore(store: Store, words: Uint32Array): StoreReport {
  const faults: string[] = []
  const linked = walkIndex(store, words, faults)
  checkSegments(store, words, linked, faults)
  checkChains(store, words, faults)
  checkFreeList(store, words, faults)
  checkSupply(store, faults)
  checkRuns(store, linked.large, faults)
  checkOverflow(store, words, faults)
  return {
    items: linked.items,
    bytes: linked.bytes,
    segments: store.segments.supply.inHand,
    faults,
  }
}

type Linked = {
  items: number
  bytes: number
  liveItems: Map<number, number>
  liveWords: Map<number, number>
  /** Items of large values. */
  large: Set<number>
}

function walkIndex(store: Store, words: Uint32Array, faults: string[]): Linked {
  const { index, items } = store
  const seed = SuperWord.seed
  const hash = new KeyHash(words[seed]!, words[seed + 1]!, words[seed + 2]!, words[seed + 3]!)
  const linked: Linked = {
    items: 0,
    bytes: 0,
    liveItems: new Map(),
    liveWords: new Map(),
    large: new Set(),
  }
  const seen = new Set<string>()
  for (let i = 0; i < index.bucketCount; i += 1) {
    const bucket = index.bucketAt(i)
    if (index.isLocked(bucket)) faults.push(`bucket ${i} is locked`)
    index.forEach(bucket, item => {
      const key = toLatin1(store.bytes, items.keyAt(item), items.keySize(item))
      hash.of(store.bytes, items.keyAt(item), items.keySize(item))
      if (index.bucketOf(hash) !== bucket) faults.push(`${key} is linked from bucket ${i}`)
      if (seen.has(key)) faults.push(`${key} is linked twice`)
      seen.add(key)
      const segment = homeOf(store, item)
      checkPlace(store, item, key, faults)
      linked.items += 1
      if (items.isLarge(item)) linked.large.add(item)
      linked.bytes += items.countedBytes(item)
      linked.liveItems.set(segment, (linked.liveItems.get(segment) ?? 0) + 1)
      // Large values are not counted there.
      const size = items.isLarge(item) ? 0 : items.sizeWords(item)
      linked.liveWords.set(segment, (linked.liveWords.get(segment) ?? 0) + size)
    })
  }
  return linked
}

/** The segment that stands in a chain for an item: of a run, its head. */
function homeOf({ runs, segments }: Store, item: number): number {
  const run = runs.headOf(item)
  return run === NO_SEGMENT ? segments.segmentOf(item) : run
}

function checkPlace(store: Store, item: number, key: string, faults: string[]): void {
  const { items, segments } = store
  const segment = homeOf(store, item)
  const state = segments.state(segment)
  if (state !== SegmentState.open && state !== SegmentState.queued) {
    faults.push(`${key} lies in segment ${segment} of state ${state}`)
  }
  const exptime = items.exptime(item)
  if (exptime !== 0 && segments.leastExptime(segment) > exptime) {
    faults.push(`${key} is due before what segment ${segment} says: ${exptime}`)
  }
  if (items.isLarge(item)) return
  const end = segments.firstWord(segment) + segments.usedWords(segment)
  if (item + items.sizeWords(item) > end) faults.push(`${key} ends behind what segment uses`)
}

function checkSegments(store: Store, words: Uint32Array, linked: Linked, faults: string[]): void {
  const { segments } = store
  let free = 0
  let ofIndex = 0
  let listed = 0
  let away = 0
  const chained = new Set<number>()
  for (let id = 0; id < segments.count; id += 1) {
    const state = segments.state(id)
    if (segments.writers(id) !== 0) faults.push(`segment ${id} has writers`)
    if (state === SegmentState.free) free += 1
    if (state === SegmentState.index) ofIndex += 1
    if (state === SegmentState.queued) listed += 1
    if (state === SegmentState.away) away += 1
    const evicting =
      state === SegmentState.evicting ||
      state === SegmentState.abandoned ||
      state === SegmentState.reclaiming
    if (evicting || state === SegmentState.large) faults.push(`segment ${id} is in state ${state}`)
    if (state !== SegmentState.free && segments.liveItems(id) !== (linked.liveItems.get(id) ?? 0)) {
      faults.push(`segment ${id} counts ${segments.liveItems(id)} live items`)
    }
    if (segments.liveWords(id) !== (linked.liveWords.get(id) ?? 0)) {
      faults.push(`segment ${id} counts ${segments.liveWords(id)} live words`)
    }
    const isOpenRun = state === SegmentState.open && store.runs.isRun(id)
    if (state !== SegmentState.queued && !isOpenRun) continue
    for (
      let body = store.largeSegments.next(id);
      body >= 0;
      body = store.largeSegments.next(body)
    ) {
      if (chained.has(body)) faults.push(`segment ${body} is in two chains`)
      chained.add(body)
    }
  }
  if (free !== segments.freeCount) faults.push(`${segments.freeCount} free counted, ${free} found`)
  const { length: open } = openSegments(store, words)
  const all = free + listed + chained.size + open + ofIndex + away
  if (all !== segments.count) faults.push(`${all} of ${segments.count} segments are in a list`)
  if (words[SuperWord.privateCount] !== 0) faults.push('private chains are left')
  if (words[SuperWord.pinnedCount] !== 0) faults.push('pins are left')
}

function openSegments(store: Store, words: Uint32Array): number[] {
  const open: number[] = []
  for (let chain = 0; chain < store.layout.chainCount; chain += 1) {
    const { lists } = store.segments
    for (const word of [lists.openWord(chain), lists.openRunWord(chain)]) {
      if (words[word]! > 0) open.push(words[word]! - 1)
    }
  }
  return open
}
