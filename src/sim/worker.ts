/** The tasks of a simulation's threads: `default` replays, `look` surveys. */
import type { Job, JobResult } from './job.ts'
import { ReferenceCache } from './reference-cache.ts'
import { Replay } from './replay.ts'
import type { SimCache } from './sim-cache.ts'
import { StoreCache } from './store-cache.ts'
import { survey, type Survey } from './survey.ts'
import { SimError } from './trace-request.ts'
import { readTrace, type TraceSource } from './trace-source.ts'

/** Errors lose their class between threads: what is wrong with a trace is told as a value. */
export type Told<T> = { result: T } | { failure: string }

export default function run(job: Job): Promise<Told<JobResult>> {
  return told(replay(job))
}

export function look(task: { source: TraceSource; countKeys: boolean }): Promise<Told<Survey>> {
  return told(survey(task.source, task.countKeys))
}

async function told<T>(work: Promise<T>): Promise<Told<T>> {
  try {
    return { result: await work }
  } catch (error) {
    if (error instanceof SimError) return { failure: error.message }
    throw error
  }
}

async function replay(job: Job): Promise<JobResult> {
  const before = process.threadCpuUsage()
  const progress = new Float64Array(job.progress)
  const cache = openCache(job)
  try {
    const requests = new Replay(cache, {
      fill: job.fill,
      warmup: job.warmup,
      onProgress: done => {
        progress[job.index] = done
      },
    })
    await readTrace(job.source, request => requests.apply(request))
    progress[job.index] = requests.requests
    const { user, system } = process.threadCpuUsage(before)
    return resultOf(job, requests, cache, (user + system) / 1e6)
  } finally {
    cache.close()
  }
}

function openCache(job: Job): SimCache {
  const { policy } = job
  return policy === 'store' ? new StoreCache(job) : new ReferenceCache({ ...job, policy })
}

function resultOf(job: Job, replay: Replay, cache: SimCache, cpuSeconds: number): JobResult {
  const { counts, requests } = replay
  return {
    ...counts,
    label: job.label,
    policy: job.policy,
    memoryBytes: job.policy === 'infinite' ? null : job.memoryBytes,
    missRatio: ratio(counts.misses, counts.gets),
    byteMissRatio: ratio(counts.missBytes, counts.getBytes),
    evictions: cache.evictions,
    items: cache.items,
    requests,
    cpuSeconds,
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
