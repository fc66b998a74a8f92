/**
 * A simulation: a survey of the trace, then one job for every policy at every size, as many at a
 * time as there are threads.
 *
 *   survey ──▶ sizes, fill ──▶ jobs: [infinite] + (store, its variants, lru, fifo) × sizes
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type { EvictionSettings } from '../store/eviction-settings.ts'
import { MEMORY_MIN_BYTES } from '../store/layout.ts'
import type { Job, JobResult, Policy } from './job.ts'
import type { Fill } from './replay.ts'
import type { Survey } from './survey.ts'
import { SimError } from './trace-request.ts'
import type { TraceSource } from './trace-source.ts'
import type { Told } from './worker.ts'

export const POLICIES = ['store', 'lru', 'fifo', 'infinite'] as const satisfies readonly Policy[]
export const MEMORY_SIZES_MAX = 32
export const VARIANTS_MAX = 16
export const THREADS_MAX = 64

/** The store with other settings than the defaults, as a curve of its own. */
export type Variant = { label: string; settings: Partial<EvictionSettings> }

export type SimulationOptions = {
  source: TraceSource
  policies: readonly Policy[]
  variants: readonly Variant[]
  /** Empty: a ladder up to what the trace's keys take. */
  memoryBytes: readonly number[]
  fill: Fill | 'auto'
  /** Bytes of an item beyond key and value, for the references. */
  overhead: number
  itemSizeMax: number
  /** Share of the requests before counting begins. */
  warmup: number
  seed: number
  threads: number
  /** What all stores that exist at one time may take. */
  memoryLimitBytes: number
  onProgress?: (done: number, total: number) => void
}

export type SimulationResult = {
  survey: Survey
  fill: Fill
  warmupRequests: number
  results: readonly JobResult[]
}

const LADDER = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1]
const LADDER_UNIT = 1024 * 1024
const LADDER_MAX_BYTES = 4 * 1024 ** 3
const PROGRESS_MS = 500

/** @throws SimError when the trace cannot be read. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { source, threads } = options
  const file = new URL(`./worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
  const pool = new Piscina({
    filename: fileURLToPath(file),
    minThreads: 1,
    maxThreads: threads,
    maxQueue: Number.POSITIVE_INFINITY,
    atomics: 'disabled',
  })
  let timer: NodeJS.Timeout | undefined
  try {
    const countKeys = options.memoryBytes.length === 0
    const look: Promise<Told<Survey>> = pool.run({ source, countKeys }, { name: 'look' })
    const survey = await resultOf(look)
    const jobs = plan(options, survey)
    checkMemory(jobs, options)
    timer = watch(jobs, survey.requests * jobs.length, options.onProgress)
    const results = await Promise.all(jobs.map(job => resultOf<JobResult>(pool.run(job))))
    const [first] = jobs
    const fill = first?.fill ?? 'trace'
    return { survey, fill, warmupRequests: first?.warmup ?? 0, results }
  } finally {
    clearInterval(timer)
    await pool.destroy()
  }
}

function checkMemory(jobs: readonly Job[], { threads, memoryLimitBytes }: SimulationOptions): void {
  const sizes = jobs.filter(({ policy }) => policy === 'store').map(job => job.memoryBytes)
  sizes.sort((a, b) => b - a)
  const together = sizes.slice(0, threads)
  const total = together.reduce((sum, bytes) => sum + bytes, 0)
  if (total <= memoryLimitBytes) return
  throw new SimError(
    `Cannot run ${together.length} stores of ${together.join(', ')} bytes at a time: expected at ` +
      `most ${memoryLimitBytes} bytes together; try --memory or --threads`,
  )
}

async function resultOf<T>(work: Promise<Told<T>>): Promise<T> {
  const answer = await work
  if ('failure' in answer) throw new SimError(answer.failure)
  return answer.result
}

function plan(options: SimulationOptions, survey: Survey): Job[] {
  const { source, overhead, itemSizeMax, seed, policies } = options
  const filling = survey.fills > 0 ? 'trace' : 'miss'
  const sizes = options.memoryBytes.length > 0 ? options.memoryBytes : ladder(survey, overhead)
  const curves = policies.flatMap(policy => [
    { policy, label: policy as string, settings: {} },
    ...(policy === 'store' ? options.variants.map(variant => ({ policy, ...variant })) : []),
  ])
  const cells = curves.flatMap(curve =>
    (curve.policy === 'infinite' ? [0] : sizes).map(memoryBytes => ({ ...curve, memoryBytes })),
  )
  const progress = new SharedArrayBuffer(8 * cells.length)
  return cells.map((cell, index) => ({
    ...cell,
    source,
    fill: options.fill === 'auto' ? filling : options.fill,
    overhead,
    itemSizeMax,
    warmup: Math.floor(survey.requests * options.warmup),
    seed,
    progress,
    index,
  }))
}

/** Whole megabytes up to where all keys fit, none of them smaller than a node may be. */
export function ladder(survey: Survey, overhead: number): number[] {
  const all = survey.keyBytes + survey.valueBytes + survey.keys * overhead
  const sizes = LADDER.map(share => {
    const wanted = Math.ceil((all * share) / LADDER_UNIT) * LADDER_UNIT
    return Math.min(LADDER_MAX_BYTES, Math.max(MEMORY_MIN_BYTES, wanted))
  })
  return [...new Set(sizes)]
}

function watch(
  jobs: readonly Job[],
  total: number,
  onProgress: SimulationOptions['onProgress'],
): NodeJS.Timeout | undefined {
  const [first] = jobs
  if (first === undefined || onProgress === undefined) return undefined
  const progress = new Float64Array(first.progress)
  return setInterval(() => {
    onProgress(
      progress.reduce((sum, requests) => sum + requests, 0),
      total,
    )
  }, PROGRESS_MS)
}

export function defaultThreads(): number {
  return Math.min(THREADS_MAX, availableParallelism())
}
