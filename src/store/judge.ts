/** Whether what is there lets something be stored, and what of it the new item takes over. */
import { type Items, ItemState } from './items.ts'
import { Outcome, type Put, PutMode, REWRITE } from './put.ts'

/** `item`: what is there, 0 for nothing. Caller holds its bucket lock. */
export function judge(items: Items, put: Put, item: number, now: number): Outcome {
  if (item === 0) {
    if (put.mode === PutMode.set || put.mode === PutMode.add) return Outcome.stored
    return put.mode >= PutMode.cas ? Outcome.notFound : Outcome.notStored
  }
  if (put.mode === PutMode.add) {
    items.markUsed(item, now)
    return Outcome.notStored
  }
  if (put.mode < PutMode.cas || hasCas(items, item, put.casLow, put.casHigh)) return Outcome.stored
  return put.mode === PutMode.casOrOlder && isOlder(items, put, item)
    ? Outcome.stored
    : Outcome.exists
}

/** Never, where items have no cas. */
export function hasCas(items: Items, item: number, low: number, high: number): boolean {
  return items.hasCas && items.casLow(item) === low && items.casHigh(item) === high
}

/** Whether the cas that a client holds is older than the item's. 0 is none. */
function isOlder(items: Items, put: Put, item: number): boolean {
  if (put.casLow === 0 && put.casHigh === 0) return false
  const high = items.casHigh(item)
  return put.casHigh === high ? put.casLow < items.casLow(item) : put.casHigh < high
}

/**
 * Before an item is linked in the place of one that was found (modes above cas only). Caller holds
 * the bucket lock.
 */
export function inherit(items: Items, put: Put, item: number, found: number): void {
  if (put.mode === REWRITE) {
    items.setExptime(item, items.exptime(found))
  } else if (!hasCas(items, found, put.casLow, put.casHigh)) {
    // A late value is better than none, but whoever is renewing the item still is.
    items.setExptime(item, items.exptime(found))
    const sent = items.isMarked(found, ItemState.tokenSent) ? ItemState.tokenSent : 0
    items.mark(item, ItemState.stale | sent)
  }
}
