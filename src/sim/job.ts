/** One replay: a whole trace on one cache of one size. What a thread is told and what it tells. */
import type { EvictionSettings } from '../store/eviction-settings.ts'
import type { ReferencePolicy } from './reference-cache.ts'
import type { Fill, ReplayCounts } from './replay.ts'
import type { TraceSource } from './trace-source.ts'

export type Policy = 'store' | ReferencePolicy

export type Job = {
  source: TraceSource
  policy: Policy
  /** What the curve is called: the policy, or the store's settings. */
  label: string
  memoryBytes: number
  settings: Partial<EvictionSettings>
  fill: Fill
  overhead: number
  itemSizeMax: number
  warmup: number
  seed: number
  /** Requests done by each job, by `index`: float64s. */
  progress: SharedArrayBuffer
  index: number
}

export type JobResult = ReplayCounts & {
  label: string
  policy: Policy
  /** Infinite caches have none. */
  memoryBytes: number | null
  /** Of the gets that were counted; 0 when there were none. */
  missRatio: number
  byteMissRatio: number
  evictions: number
  items: number
  requests: number
  /** Of the thread, reading the trace included. */
  cpuSeconds: number
}
