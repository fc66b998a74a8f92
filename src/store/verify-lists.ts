/**
 * The part of verifyStore that walks the lists of segments: every chain both ways, what it counts,
 * and the free list.
 */
import { SuperWord } from './layout.ts'
import { NO_SEGMENT, SegmentState } from './segments.ts'
import type { Store } from './store.ts'

/** Every chain is linked both ways, holds queued segments of its own, and counts them right. */
export function checkChains(store: Store, words: Uint32Array, faults: string[]): void {
  const seen = new Set<number>()
  for (let chain = 0; chain < store.layout.chainCount; chain += 1) {
    const queued = checkLinks(store, chain, seen, faults)
    const { lists } = store.segments
    const open = [lists.openWord(chain), lists.openRunWord(chain)]
      .map(word => words[word]! - 1)
      .filter(segment => segment !== NO_SEGMENT)
    for (const id of open) {
      const state = store.segments.state(id)
      if (state === SegmentState.open) continue
      faults.push(`segment ${id}, open in chain ${chain}, is in state ${state}`)
    }
    checkCount(store, chain, [...queued, ...open], faults)
  }
  for (let id = 0; id < store.segments.count; id += 1) {
    const state = store.segments.state(id)
    if (state === SegmentState.queued && !seen.has(id)) faults.push(`segment ${id} is in no chain`)
    const isListed = state === SegmentState.free || state === SegmentState.index
    const chain = store.segments.lists.chainOf(id)
    if (isListed && chain >= 0) faults.push(`segment ${id} of state ${state} has chain ${chain}`)
  }
}

/** The queued segments of a chain, oldest first. */
function checkLinks(store: Store, chain: number, seen: Set<number>, faults: string[]): number[] {
  const { segments } = store
  const { lists } = segments
  const found: number[] = []
  let previous = NO_SEGMENT
  for (let id = lists.head(chain); id !== NO_SEGMENT; id = lists.next(id)) {
    if (seen.has(id)) {
      faults.push(`segment ${id} is met twice, in chain ${chain} at last`)
      break
    }
    seen.add(id)
    found.push(id)
    if (segments.state(id) !== SegmentState.queued) {
      faults.push(`segment ${id} in chain ${chain} is in state ${segments.state(id)}`)
    }
    if (lists.previous(id) !== previous) {
      faults.push(`segment ${id} in chain ${chain} has ${lists.previous(id)} before it`)
    }
    previous = id
  }
  if (lists.tail(chain) !== previous) faults.push(`chain ${chain} ends with ${lists.tail(chain)}`)
  return found
}

/** `heads`: the segments that stand in the chain; a large value's others count to it too. */
function checkCount(store: Store, chain: number, heads: readonly number[], faults: string[]): void {
  const { largeSegments, segments } = store
  let count = 0
  for (const head of heads) {
    for (let id = head; id !== NO_SEGMENT; id = largeSegments.next(id)) {
      count += 1
      const own = segments.lists.chainOf(id)
      if (own !== chain) faults.push(`segment ${id} in chain ${chain} says it is of ${own}`)
      if (id !== head && segments.state(id) !== SegmentState.body) {
        faults.push(`segment ${id} behind ${head} is in state ${segments.state(id)}`)
      }
      if (count > segments.count) return
    }
  }
  const counted = segments.lists.count(chain)
  if (count !== counted) faults.push(`chain ${chain} counts ${counted} segments, has ${count}`)
}

/** No more segments are in hand than the memory limit allows, and all others are given back. */
export function checkSupply(store: Store, faults: string[]): void {
  const { segments } = store
  const { supply } = segments
  let away = 0
  for (let id = supply.awayHead; id !== NO_SEGMENT; id = segments.lists.next(id)) {
    away += 1
    if (segments.state(id) !== SegmentState.away) {
      faults.push(`segment ${id}, given back, is in state ${segments.state(id)}`)
    }
    if (away > segments.count) break
  }
  if (supply.inHand + away !== segments.count) {
    faults.push(`${supply.inHand} segments in hand and ${away} away, of ${segments.count}`)
  }
  if (supply.inHand > supply.wanted) {
    faults.push(`${supply.inHand} segments in hand, the limit allows ${supply.wanted}`)
  }
}

export function checkFreeList(store: Store, words: Uint32Array, faults: string[]): void {
  const { segments } = store
  let count = 0
  for (let id = words[SuperWord.freeHead]! - 1; id !== NO_SEGMENT; id = segments.lists.next(id)) {
    count += 1
    if (segments.state(id) !== SegmentState.free) {
      faults.push(`segment ${id} in the free list is in state ${segments.state(id)}`)
    }
    if (count > segments.count) break
  }
  if (count !== segments.freeCount) {
    faults.push(`${segments.freeCount} free counted, ${count} in the list`)
  }
}
