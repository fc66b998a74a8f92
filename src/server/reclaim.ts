/** Main's part in the store: gives expired items' memory back, a millisecond at a time. */
import { systemClock } from '../base/clock.ts'
import type { Layout } from '../store/layout.ts'
import { Reclaimer } from '../store/reclaimer.ts'
import type { Region } from '../store/region.ts'
import { Store } from '../store/store.ts'

const SLICE_MS = 1
/** Between two slices of one round: main stays free for nine tenths of the time. */
const PAUSE_MS = 9
/** Between two rounds: exptimes are whole seconds. */
const REST_MS = 500

/** Returns what stops it. */
export function reclaim(
  region: Region,
  layout: Layout,
  counters: Float64Array,
  clockEpochMs: number,
): () => void {
  const clock = systemClock(clockEpochMs)
  const store = new Store(region, layout, { evict: false, itemSizeMax: 0, counters })
  const reclaimer = new Reclaimer(store, () => clock.milliseconds())
  let timer: NodeJS.Timeout
  const work = (): void => {
    const isRound = reclaimer.slice(clock.seconds(), SLICE_MS)
    timer = setTimeout(work, isRound ? REST_MS : PAUSE_MS)
  }
  timer = setTimeout(work, REST_MS)
  return () => clearTimeout(timer)
}
