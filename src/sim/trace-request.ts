/** One request of a trace, and what it may ask for. */
import { assert } from '../base/assert.ts'

export const Op = {
  get: 0,
  gets: 1,
  set: 2,
  add: 3,
  replace: 4,
  cas: 5,
  append: 6,
  prepend: 7,
  delete: 8,
  incr: 9,
  decr: 10,
  touch: 11,
} as const
export type Op = (typeof Op)[keyof typeof Op]

export const OP_NAMES = Object.keys(Op)

/** A reader writes every request into the same one; the key's bytes are good until the next. */
export type TraceRequest = {
  /** Whole seconds, as the trace counts them. */
  time: number
  key: Uint8Array
  keyAt: number
  keySize: number
  /** Bytes of the value; of what is added, for append and prepend. */
  valueSize: number
  op: Op
  /** Seconds that what is stored lives; 0: for ever. */
  lifetime: number
}

export type Visit = (request: TraceRequest) => void

/** What a trace or a wish has that cannot be done; the message says what was expected. */
export class SimError extends Error {
  override name = 'SimError'
}

export const KEY_SIZE_MAX = 250
/** Memory of the largest node, and the longest that seconds of 32 bits can count from a start. */
export const VALUE_SIZE_LIMIT = 1024 ** 3
export const SECONDS_MAX = 2_000_000_000

export function newRequest(): TraceRequest {
  return {
    time: 0,
    key: new Uint8Array(KEY_SIZE_MAX),
    keyAt: 0,
    keySize: 0,
    valueSize: 0,
    op: Op.get,
    lifetime: 0,
  }
}

/** What a node would store for itself; a trace that has such requests need not be filled. */
export function isFilling(op: Op): boolean {
  return op >= Op.set && op <= Op.prepend
}

export function isRead(op: Op): boolean {
  return op === Op.get || op === Op.gets
}

// Invariants
assert(
  OP_NAMES.every((name, at) => Op[name as keyof typeof Op] === at),
  'names are found by number',
)
