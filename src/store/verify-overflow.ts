/**
 * The part of verifyStore that accounts for the index's memory: every segment of it is used once,
 * every overflow bucket is in one chain or in the free list.
 */
import type { Store } from './store.ts'
import { SegmentState } from './segments.ts'

export function checkOverflow(store: Store, words: Uint32Array, faults: string[]): void {
  const { overflow } = store.index
  const inUse = new Set<number>()
  for (let i = 0; i < store.index.bucketCount; i += 1) {
    let next = overflow.nextOf(store.index.bucketAt(i))
    while (next >= 0 && !inUse.has(next)) {
      inUse.add(next)
      next = overflow.nextOf(overflow.wordOf(next))
    }
    if (next >= 0) faults.push(`overflow bucket ${next} is chained twice, from ${i} at last`)
  }
  checkFree(store, words, inUse, faults)
  checkIndexSegments(store, words, faults)
}

function checkFree(
  store: Store,
  words: Uint32Array,
  inUse: ReadonlySet<number>,
  faults: string[],
): void {
  const { overflow } = store.index
  const free = new Set<number>()
  let next = overflow.freeHead
  while (next >= 0 && !free.has(next)) {
    free.add(next)
    const word = overflow.wordOf(next)
    if (inUse.has(next)) faults.push(`overflow bucket ${next} is chained and free`)
    if (words.subarray(word, word + 14).some(one => one !== 0)) {
      faults.push(`overflow bucket ${next} is free and not empty`)
    }
    next = overflow.nextOf(word)
  }
  if (next >= 0) faults.push(`overflow bucket ${next} is free twice`)
  if (free.size !== overflow.freeCount) {
    faults.push(`${overflow.freeCount} free overflow buckets counted, ${free.size} found`)
  }
  if (free.size + inUse.size !== overflow.everUsed) {
    const found = `${inUse.size} chained and ${free.size} free`
    faults.push(`${found} of ${overflow.everUsed} overflow buckets`)
  }
}

/** Each segment of the index is named once, by the directory or as one of overflow buckets. */
function checkIndexSegments(store: Store, words: Uint32Array, faults: string[]): void {
  const { index, layout, segments } = store
  const named = new Set<number>()
  let names = 0
  for (let at = layout.directoryWord; at < layout.metaWord; at += 1) {
    const segment = words[at]! - 1
    if (segment < 0) continue
    names += 1
    named.add(segment)
    if (segments.state(segment) !== SegmentState.index) {
      faults.push(`segment ${segment} of the index is in state ${segments.state(segment)}`)
    }
  }
  if (named.size !== names)
    faults.push(`${names} index segments are named, ${named.size} of them once`)
  let taken = 0
  for (let id = 0; id < segments.count; id += 1) {
    if (segments.state(id) === SegmentState.index) taken += 1
  }
  if (taken !== named.size) faults.push(`${taken} index segments taken, ${named.size} named`)
  const needed = Math.ceil(index.bucketCount / layout.bucketsPerSegment)
  if (words[layout.directoryWord + needed - 1] === 0) {
    faults.push(`${index.bucketCount} buckets and no segment for the last`)
  }
}
