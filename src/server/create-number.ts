/** What incr, decr and ma make where there is nothing, if they are asked to. */
import { latin1 } from '../base/bytes.ts'
import type { Request } from '../protocol/request.ts'
import { Outcome, type Put, PutMode } from '../store/put.ts'
import type { Store } from '../store/store.ts'

/** Stores a number, and leaves it in `store.number`; `notStored`: somebody else has been faster. */
export function createNumber(store: Store, put: Put, number: bigint, exptime: number): Outcome {
  const value = latin1(number.toString())
  const added = { ...put, mode: PutMode.add, value, valueAt: 0, valueSize: value.length }
  const outcome = store.put({ ...added, clientFlags: 0, exptime, casLow: 0, casHigh: 0 })
  if (outcome === Outcome.stored) store.number = number
  return outcome
}

/**
 * incr and decr of a request that may make the number; `request.creates` then says whether it did.
 */
export function countOrCreate(store: Store, put: Put, request: Request, up: boolean): Outcome {
  let outcome = store.arithmetic(put, request.delta, up)
  let isCreated = false
  while (outcome === Outcome.notFound && request.creates) {
    const created = createNumber(store, put, request.initial, put.exptime)
    isCreated = created === Outcome.stored
    if (created === Outcome.notStored) outcome = store.arithmetic(put, request.delta, up)
    else outcome = created
  }
  request.creates = isCreated
  return outcome
}
