/** What can be stored and what can come of it: the words that a store and its owner share. */
import type { EvictionSettings } from './eviction-settings.ts'

export const PutMode = {
  set: 0,
  add: 1,
  replace: 2,
  append: 3,
  prepend: 4,
  cas: 5,
  /** As cas, but an older cas will do: what is stored is then marked stale. */
  casOrOlder: 6,
  /** append and prepend that store what is appended where there is nothing. */
  appendOrSet: 7,
  prependOrSet: 8,
} as const
export type PutMode = (typeof PutMode)[keyof typeof PutMode]

/** Whether a mode joins the value to what is there. */
export function isAppend(mode: number): boolean {
  const { append, prepend, appendOrSet, prependOrSet } = PutMode
  return mode === append || mode === prepend || mode === appendOrSet || mode === prependOrSet
}

/** In the place of what was seen before, and with its exptime (Store.rewrite). Internal. */
export const REWRITE = 9

export const Outcome = {
  stored: 0,
  notStored: 1,
  exists: 2,
  notFound: 3,
  noMemory: 4,
  nonNumeric: 5,
} as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

/** Why a key was not found. */
export const Miss = { absent: 0, expired: 1, flushed: 2 } as const

/** What a thread counts, in float64s; sums over threads are the totals. */
export const StoreCounter = {
  currItems: 0,
  totalItems: 1,
  bytes: 2,
  evictions: 3,
  evictedUnfetched: 4,
  expiredUnfetched: 5,
  reclaimed: 6,
} as const
export const STORE_COUNTERS = 8

/**
 * One thing to store. Keys are 1–250 bytes. The cas halves are what an item must have to be
 * replaced (cas modes) or to be appended to (0: anything).
 */
export type Put = {
  mode: PutMode | typeof REWRITE
  key: Uint8Array
  keyAt: number
  keySize: number
  value: Uint8Array
  valueAt: number
  valueSize: number
  clientFlags: number
  /** Unix seconds; 0 = never. */
  exptime: number
  casLow: number
  casHigh: number
  /** The cas it gets; 0: the next one. */
  newCasLow: number
  newCasHigh: number
  /** ItemState bits beside those of its shape. */
  marks: number
}

export type EvictionOptions = {
  /** False (`-M`): a full store refuses instead of evicting. */
  evict: boolean
  /** Where eviction is to differ from `evictionDefaults`. */
  eviction?: Partial<EvictionSettings>
}

export type StoreOptions = EvictionOptions & {
  /** `-I`: bytes of the largest item as memcached counts them (`itemSize`). */
  itemSizeMax: number
  /** For the frequency counter; default Math.random. In [0, 1). */
  random?: () => number
  /** This thread's counters, STORE_COUNTERS long. */
  counters: Float64Array
  /** Assertion mode, for tests (checks.ts). */
  checked?: boolean
  /** … and those by slab class, CLASS_COUNTERS long; its own place, if nothing is said. */
  classes?: Float64Array
}

/** To be filled in and used again: a put of nothing. */
export function emptyPut(): Put {
  const nothing = new Uint8Array(0)
  return {
    mode: PutMode.set,
    key: nothing,
    keyAt: 0,
    keySize: 0,
    value: nothing,
    valueAt: 0,
    valueSize: 0,
    clientFlags: 0,
    exptime: 0,
    casLow: 0,
    casHigh: 0,
    newCasLow: 0,
    newCasHigh: 0,
    marks: 0,
  }
}
