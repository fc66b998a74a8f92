// Servers under the same loads, in turn (A B A B …): what a benchmark of a node and one of a router
// have in common, from warm-up to the report.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { compare, type Figures, figuresOf, formatResult, type Result } from './comparison.ts'
import { LoadClient } from './load-client.ts'
import type { Load, RunOptions } from './run-options.ts'
import { commandText, type PinnedServer, type ServerCommand, startPinned } from './servers.ts'
import { allowedCpus, choosePins, inTurn } from './support.ts'

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

interface Measurement {
  readonly servers: readonly PinnedServer[]
  readonly subjectCount: number
  readonly load: Load
  readonly depth: number
}

async function measure(
  client: LoadClient,
  options: RunOptions,
  { servers, subjectCount, load, depth }: Measurement,
): Promise<Result> {
  const { connections, keyCount, valueSize } = load
  const { rate } = options
  const label = rate === null ? `${load.name}, depth ${depth}` : `${load.name}, ${rate}/s`
  for (const { name, port, opening } of servers) {
    const workload = { ...load.workload, keyCount, valueSize }
    const { tls = false } = opening
    const driver = { host: '127.0.0.1', port, tls, connections, depth, workload }
    await client.do({ type: 'open', name, options: driver })
    const { load: stored } = await client.measure({ type: 'preload', name })
    if (stored.stored !== keyCount) {
      const why = JSON.stringify(stored.complaints)
      throw new Error(`Cannot store the keys in ${name}: ${stored.stored} of ${keyCount}, ${why}`)
    }
  }
  for (const { name, pid } of servers) {
    progress(`${label}: warming up ${name} for ${options.warmup} s`)
    await client.do({ type: 'run', name, pid, seconds: options.warmup, rate })
  }
  const measured = await inTurn(servers, options.pairs, async ({ name, pid }, round) => {
    const task = { type: 'run', name, pid, seconds: options.seconds, rate } as const
    const figures = figuresOf(name, await client.measure(task))
    const cpu = figures.cpuMicrosPerRequest.toFixed(2)
    const perSecond = figures.requestsPerSecond.toFixed(0)
    progress(`${label}, ${round + 1}/${options.pairs} ${name}: ${cpu} µs/req, ${perSecond} req/s`)
    return figures
  })
  await client.do({ type: 'close' })
  return compare(label, named(servers, measured), subjectCount)
}

function named(
  servers: readonly PinnedServer[],
  measured: readonly (readonly Figures[])[],
): { name: string; slices: readonly Figures[] }[] {
  return servers.map(({ name }, index) => ({ name, slices: measured[index] ?? [] }))
}

function describeMachine(pins: { server: number; load: number }): string[] {
  const [cpu] = cpus()
  const loads = loadavg().map(load => load.toFixed(2))
  return [
    `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, Linux ${release()}, Node ` +
      `${process.versions.node}, commit ${commit()}, load average ${loads.join(' ')} at the start`,
    `servers on CPU ${pins.server}, load on CPU ${pins.load}`,
  ]
}

function commit(): string {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' + changes'
    return git('rev-parse', '--short', 'HEAD') + changed
  } catch {
    // Not a checkout, or no git: the report says so and is still a report.
    return 'unknown'
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

function describeRun({ script, args, options }: Comparison): string[] {
  const { pairs, seconds, warmup } = options
  const loads = options.loads.map(({ name, says, connections, keyCount, valueSize }) => {
    const held = `${keyCount} keys of ${valueSize} bytes`
    return `${name}: ${says}, ${connections} connections, ${held}, uniform`
  })
  const counted = `${pairs} pairs of ${seconds} s after ${warmup} s of warm-up each`
  return [`command: npm run ${script} -- ${args.join(' ')}`.trimEnd(), ...loads, counted]
}

export interface Comparison {
  /** What `npm run` calls it. */
  readonly script: string
  readonly args: readonly string[]
  readonly options: RunOptions
  /** The subjects first, then their peers. */
  readonly servers: {
    readonly subjects: readonly ServerCommand[]
    /** What runs already is measured as it is, and left running. */
    readonly peers: readonly (ServerCommand | PinnedServer)[]
  }
}

/** CPUs of this machine: one for what is measured, one for all else. */
export function pins(): { server: number; load: number } {
  return choosePins(allowedCpus())
}

/** Measures, prints the report on stdout and writes the JSON file that was asked for. */
export async function runComparison(comparison: Comparison): Promise<void> {
  const { options } = comparison
  const { subjects, peers } = comparison.servers
  const cpu = pins()
  const head = [...describeRun(comparison), ...describeMachine(cpu)]
  const client = new LoadClient(cpu.load)
  const servers: PinnedServer[] = []
  const started: PinnedServer[] = []
  try {
    for (const command of [...subjects, ...peers]) {
      if ('pid' in command) {
        servers.push(command)
        head.push(`${command.name}: version ${command.version}`)
        continue
      }
      const server = await startPinned(command, cpu.server)
      started.push(server)
      servers.push(server)
      head.push(`${server.name}: version ${server.version}, ${commandText(command)}`)
    }
    process.stdout.write(`${head.join('\n')}\n`)
    const results: Result[] = []
    for (const load of options.loads) {
      for (const depth of load.depths) {
        const parts = { servers, subjectCount: subjects.length, load, depth }
        const result = await measure(client, options, parts)
        results.push(result)
        process.stdout.write(`\n${formatResult(result)}\n`)
      }
    }
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ head, options, results }, null, 2)}\n`)
    }
  } finally {
    client.stop()
    await Promise.all(started.map(server => server.stop()))
  }
}

/** Runs a benchmark's main function: one line for what went wrong, and code 1. */
export function runMain(main: (args: readonly string[]) => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  main(process.argv.slice(2)).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`${message}${cause === '' ? '' : ` (${cause})`}\n`)
    process.exitCode = 1
  })
}
