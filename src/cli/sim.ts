/**
 * `memring sim TRACE`: replays a cache trace against the store alone, at several memory sizes and
 * beside reference caches, and prints and plots the miss ratios. No network, no protocol.
 * Exit code 1: the trace cannot be used, or a file cannot be written.
 */
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { formatColumns } from '../load/report.ts'
import { writeTrace } from '../sim/generated.ts'
import type { JobResult } from '../sim/job.ts'
import { formatBytes, plot } from '../sim/plot.ts'
import { simulate, type SimulationOptions, type SimulationResult } from '../sim/simulation.ts'
import { SimError } from '../sim/trace-request.ts'
import { spool } from '../sim/trace-source.ts'
import { generatedOf, type SimFlags, simFlags, toSimulation } from './sim-options.ts'

/** Runs shorter than this are over before anybody wonders. */
const PROGRESS_AFTER_MS = 2_000
/** Between two lines where they cannot be written over each other. */
const PROGRESS_LINE_MS = 10_000
const HEADINGS = [
  'cache',
  'memory',
  'miss ratio',
  'bytes missed',
  'evictions',
  'items',
  'CPU s',
] as const

export function simCommand(): Command {
  return simFlags().action(async (trace: string | undefined, flags: SimFlags, command: Command) => {
    try {
      await run(trace, flags, toSimulation(trace, flags, command))
    } catch (error) {
      if (!isExpected(error)) throw error
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
    }
  })
}

/** What the user can put right, and what the system refuses: a line, no stack. */
function isExpected(error: unknown): error is Error {
  if (error instanceof SimError) return true
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

async function run(
  trace: string | undefined,
  flags: SimFlags,
  options: SimulationOptions,
): Promise<void> {
  const generated = generatedOf(flags)
  if (generated !== undefined && flags.write !== undefined) {
    await writeTrace(generated, flags.write)
    return
  }
  const name = flags.generate ?? (trace === '-' ? 'standard input' : (trace ?? ''))
  const result = trace === '-' ? await replayInput(options) : await replay(options)
  if (flags.plot !== undefined) await writeFile(flags.plot, plot(name, result.results))
  const text = flags.json ? asJson(name, options, result) : asTable(name, options, result)
  process.stdout.write(`${text}\n`)
}

async function replayInput(options: SimulationOptions): Promise<SimulationResult> {
  const kept = await spool(process.stdin)
  try {
    const { source } = options
    return await replay({ ...options, source: { ...source, path: kept.path } as typeof source })
  } finally {
    await kept.remove()
  }
}

async function replay(options: SimulationOptions): Promise<SimulationResult> {
  const { stderr } = process
  const start = performance.now()
  let last = start - PROGRESS_LINE_MS
  let width = 0
  const onProgress = (done: number, total: number): void => {
    const now = performance.now()
    if (now - start < PROGRESS_AFTER_MS) return
    if (!stderr.isTTY && now - last < PROGRESS_LINE_MS) return
    last = now
    const share = total === 0 ? 100 : Math.floor((100 * done) / total)
    const line = `sim: ${share} % of ${total} requests`
    width = line.length
    stderr.write(stderr.isTTY ? `\r${line}` : `${line}\n`)
  }
  try {
    return await simulate({ ...options, onProgress })
  } finally {
    if (stderr.isTTY && width > 0) stderr.write(`\r${' '.repeat(width)}\r`)
  }
}

function asTable(name: string, options: SimulationOptions, result: SimulationResult): string {
  const { survey, fill, warmupRequests, results } = result
  const counted = warmupRequests === 0 ? '' : `, counted from the ${warmupRequests + 1}th`
  const skipped = survey.badLines === 0 ? '' : `, ${survey.badLines} bad lines skipped`
  const keys = survey.keys === 0 ? '' : ` of ${survey.keys} keys`
  return [
    `${name}: ${survey.requests} requests${keys} in ${survey.seconds} s${counted}${skipped}`,
    `misses are set by ${fill === 'miss' ? 'the replay' : 'the trace'}; ` +
      `lru and fifo: exact, ${options.overhead} bytes beside key and value`,
    '',
    formatColumns([[...HEADINGS], ...results.map(rowOf)]),
  ].join('\n')
}

function rowOf(result: JobResult): string[] {
  return [
    result.label,
    result.memoryBytes === null ? '' : formatBytes(result.memoryBytes),
    result.missRatio.toFixed(4),
    result.byteMissRatio.toFixed(4),
    String(result.evictions),
    String(result.items),
    result.cpuSeconds.toFixed(2),
  ]
}

function asJson(name: string, options: SimulationOptions, result: SimulationResult): string {
  const { overhead, itemSizeMax, seed } = options
  return JSON.stringify({ trace: name, overhead, itemSizeMax, seed, ...result }, null, 2)
}
