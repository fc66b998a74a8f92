/**
 * Main's part in the store, beside the data threads: gives expired items' memory back, a
 * millisecond at a time, and carries out what `cache_memlimit` has set.
 */
import { systemClock } from '../base/clock.ts'
import { Eviction } from '../store/eviction.ts'
import type { Layout } from '../store/layout.ts'
import { MemoryLimit } from '../store/memory-limit.ts'
import { Reclaimer } from '../store/reclaimer.ts'
import type { Region } from '../store/region.ts'
import { Store } from '../store/store.ts'
import type { NodeOptions } from './options.ts'
import type { Switches } from './switches.ts'
import type { WatchWriter } from './watch-writer.ts'

const RECLAIM_SLICE_MS = 1
/** Between two slices of one round: main stays free for nine tenths of the time. */
const PAUSE_MS = 9
/** … and for two thirds, once a round takes long: what is due is to be gone within 2 s. */
const HURRIED_PAUSE_MS = 2
const HURRY_AFTER_MS = 250
/** Between two rounds: exptimes are whole seconds. */
const REST_MS = 500
/** How soon a new memory limit is seen. */
const LIMIT_REST_MS = 100
/** While memory is being given back: half of main's time, for as long as that takes. */
const LIMIT_SLICE_MS = 4
const LIMIT_PAUSE_MS = 4

export type HousekeepingOptions = {
  region: Region
  layout: Layout
  /** Main's own. */
  counters: Float64Array
  classes: Float64Array
  clockEpochMs: number
  watch: WatchWriter
  switches: Switches
  /** What the node was told. */
  nodeOptions: NodeOptions
  evict: boolean
}

/** Returns what stops it. */
export function keepHouse(options: HousekeepingOptions): () => void {
  const { region, layout, counters, classes, evict } = options
  const realClock = systemClock(options.clockEpochMs)
  const clock = options.switches.clock(realClock, options.nodeOptions)
  // Slices are measured in time that nobody can stop.
  const nowMs = (): number => realClock.milliseconds()
  const store = new Store(region, layout, { evict, itemSizeMax: 0, counters, classes })
  store.tally.onEvicted = item => {
    if (options.watch.isWatched) options.watch.evicted(store, item)
  }
  const reclaimer = new Reclaimer(store, nowMs)
  const eviction = new Eviction(store, store.newHash(), { evict })
  const limit = new MemoryLimit(store, region)
  let roundFromMs = 0
  const stopReclaiming = repeat(REST_MS, () => {
    if (roundFromMs === 0) roundFromMs = nowMs()
    if (!reclaimer.slice(clock.seconds(), RECLAIM_SLICE_MS)) {
      return nowMs() - roundFromMs < HURRY_AFTER_MS ? PAUSE_MS : HURRIED_PAUSE_MS
    }
    roundFromMs = 0
    return REST_MS
  })
  const stopLimiting = repeat(LIMIT_REST_MS, () => {
    store.now = clock.seconds()
    return limit.slice(eviction, nowMs, LIMIT_SLICE_MS) ? LIMIT_REST_MS : LIMIT_PAUSE_MS
  })
  return () => {
    stopReclaiming()
    stopLimiting()
  }
}

/** Calls `work` again and again, each time after as many milliseconds as it asked for. */
function repeat(firstMs: number, work: () => number): () => void {
  const run = (): void => {
    timer = setTimeout(run, work())
  }
  let timer = setTimeout(run, firstMs)
  return () => clearTimeout(timer)
}
