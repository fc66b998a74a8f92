/**
 * append, prepend, incr and decr: what is stored depends on what was there. Nothing is reserved
 * while a bucket is locked, so: look, unlock, make the new value, and put it in the place of
 * exactly what was looked at. If that has changed meanwhile, start over.
 *
 * Changed is what has another cas (but clients may give two values the same one, and with -C there
 * is none), what lies elsewhere, what lies in a segment that has been emptied and taken again since
 * (its sequence tells: in one life of a segment no place is written twice), and, as incr writes
 * numbers in place, what has other bytes. A number that was changed and changed back is what it
 * was, to everybody. Large values never change in place.
 */
import { copyBytes, equalBytes } from '../base/bytes.ts'
import { itemSize } from '../base/item-size.ts'
import { addDelta, readDecimal } from './decimal.ts'
import { hasCas } from './judge.ts'
import { Outcome, type Put, PutMode } from './put.ts'
import type { Store } from './store.ts'

const NEEDS_ROOM = -1

/** What an item was when it was looked at. */
export type Original = {
  item: number
  /** Of its segment. */
  sequence: number
  value: Uint8Array
  clientFlags: number
  exptime: number
  casLow: number
  casHigh: number
}

/** What is there is being read by too many. */
const UNREADABLE = Symbol('unreadable')

/** Caller holds the bucket lock of `item`, which has the original's key. */
export function isUnchanged(store: Store, item: number, original: Original): boolean {
  const { bytes, items, segments } = store
  const sequence = segments.lists.sequence(segments.segmentOf(item))
  if (item !== original.item || sequence !== original.sequence) return false
  if (items.hasCas && !hasCas(items, item, original.casLow, original.casHigh)) return false
  if (items.isLarge(item)) return true
  return equalBytes(bytes, items.valueAt(item), original.value, 0, original.value.length)
}

/** append and prepend keep client flags and exptime of what is there. */
export function concat(store: Store, put: Put, itemSizeMax: number): Outcome {
  const { value, valueAt, valueSize } = put
  const before = put.mode === PutMode.prepend || put.mode === PutMode.prependOrSet
  for (;;) {
    const old = snapshot(store, put)
    if (old === UNREADABLE) return Outcome.notStored
    if (old === undefined) {
      if (put.mode === PutMode.append || put.mode === PutMode.prepend) return Outcome.notStored
      store.joinedSize = valueSize
      const outcome = store.put({ ...put, mode: PutMode.add })
      if (outcome === Outcome.notStored) continue
      return outcome
    }
    if (isAnother(put, old)) return Outcome.exists
    const total = old.value.length + valueSize
    if (itemSize(put.keySize, total, old.clientFlags) > itemSizeMax) return Outcome.notStored
    const joined = new Uint8Array(total)
    copyBytes(joined, before ? 0 : old.value.length, value, valueAt, valueSize)
    joined.set(old.value, before ? valueSize : 0)
    const { clientFlags, exptime } = old
    const size = { valueAt: 0, valueSize: total }
    const whole = { ...put, ...size, value: joined, clientFlags, exptime, marks: 0 }
    const outcome = store.rewrite(whole, old)
    store.joinedSize = total
    if (outcome === Outcome.stored) return outcome
    if (outcome === Outcome.noMemory) return Outcome.notStored
  }
}

/** Whether a client named a cas, and it is not that of what is there. */
function isAnother(put: Put, old: { casLow: number; casHigh: number }): boolean {
  if (put.casLow === 0 && put.casHigh === 0) return false
  return put.casLow !== old.casLow || put.casHigh !== old.casHigh
}

/** In place where the new number is not longer; leaves it in `store.number`. */
export function addTo(store: Store, put: Put, delta: bigint, up: boolean): Outcome {
  for (;;) {
    const item = store.find(put.key, put.keyAt, put.keySize)
    if (item === 0) {
      store.unlock()
      return Outcome.notFound
    }
    const outcome = addInPlace(store, put, item, { delta, up })
    store.exptime = store.items.exptime(item)
    if (outcome !== NEEDS_ROOM) {
      store.unlock()
      return outcome
    }
    const old = originalOf(store, item)
    copyInline(store, item, old)
    store.unlock()
    const { clientFlags, exptime } = old
    const value = Buffer.from(store.number.toString(), 'latin1')
    const size = { valueAt: 0, valueSize: value.length }
    const longer = { ...put, ...size, value, clientFlags, exptime, marks: 0 }
    const done = store.rewrite(longer, old)
    if (done !== Outcome.exists) return done
  }
}

/** Caller holds the item's bucket lock. */
function addInPlace(
  store: Store,
  put: Put,
  item: number,
  { delta, up }: { delta: bigint; up: boolean },
): Outcome | typeof NEEDS_ROOM {
  const { bytes, items } = store
  if (items.isLarge(item)) return Outcome.nonNumeric
  const size = items.valueSize(item)
  if (size === 0) return Outcome.nonNumeric
  const wantsCas = put.casLow !== 0 || put.casHigh !== 0
  if (wantsCas && !hasCas(items, item, put.casLow, put.casHigh)) return Outcome.exists
  const at = items.valueAt(item)
  const value = readDecimal(bytes, at, size)
  if (value < 0n) return Outcome.nonNumeric
  store.number = addDelta(value, delta, up)
  const text = store.number.toString()
  if (text.length > size) return NEEDS_ROOM
  for (let i = 0; i < size; i += 1) {
    bytes[at + i] = i < text.length ? text.charCodeAt(i) : 0x20
  }
  store.stampCas(item, put.newCasLow, put.newCasHigh)
  return Outcome.stored
}

/** A copy of what is there, or undefined when nothing is. */
function snapshot(store: Store, put: Put): Original | undefined | typeof UNREADABLE {
  const { items, large, largeSegments } = store
  const item = store.find(put.key, put.keyAt, put.keySize)
  if (item === 0) {
    store.unlock()
    return undefined
  }
  const copy = originalOf(store, item)
  if (!items.isLarge(item)) {
    copyInline(store, item, copy)
    store.unlock()
    return copy
  }
  const pinned = largeSegments.pin(item)
  store.unlock()
  if (!pinned) return UNREADABLE
  large.read(item, 0, copy.value, 0, copy.value.length)
  largeSegments.unpin(item)
  return copy
}

/** All of it but for the value's bytes. Caller holds the item's bucket lock. */
function originalOf({ items, segments }: Store, item: number): Original {
  return {
    item,
    sequence: segments.lists.sequence(segments.segmentOf(item)),
    value: new Uint8Array(items.valueSize(item)),
    clientFlags: items.clientFlags(item),
    exptime: items.exptime(item),
    casLow: items.casLow(item),
    casHigh: items.casHigh(item),
  }
}

/** Caller holds the item's bucket lock. */
function copyInline({ bytes, items }: Store, item: number, { value }: Original): void {
  copyBytes(value, 0, bytes, items.valueAt(item), value.length)
}
