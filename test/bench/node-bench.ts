// One node on one thread against C memcached on one thread: the same load in turn on both
// (A B A B …), the servers pinned to one CPU and the load to another. Says CPU time per request,
// throughput and latency, and the ratios pair by pair. Fails on a wrong answer, not on a slow one.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { compare, type Figures, figuresOf, formatResult, type Result } from './comparison.ts'
import { LoadClient } from './load-client.ts'
import { HELP, type Load, type Options, readOptions } from './node-bench-options.ts'
import {
  commandText,
  memcachedCommand,
  nodeCommand,
  type PinnedServer,
  type ServerCommand,
  startPinned,
} from './servers.ts'
import { memoryFor } from './shapes.ts'
import { allowedCpus, choosePins, inTurn } from './support.ts'

/** The subjects first, then their peers. */
function serverCommands(options: Options): { subjects: ServerCommand[]; peers: ServerCommand[] } {
  const memory = ['-m', String(memoryFor(options.loads))]
  const sized = (server: ServerCommand) => ({ ...server, args: [...server.args, ...memory] })
  const debian = sized(memcachedCommand('memcached', 'memcached'))
  const given = process.env['MEMCACHED_BIN']
  if (options.aa) {
    const twice = given ? sized(memcachedCommand('memcached', given)) : debian
    return { subjects: [twice], peers: [{ ...twice, name: 'memcached again' }] }
  }
  const peers = given ? [debian, sized(memcachedCommand('MEMCACHED_BIN', given))] : [debian]
  const node = sized(nodeCommand(options.nodeArgs))
  const subjects = options.io.map(io => ({
    ...node,
    name: `node ${io}`,
    args: [...node.args, '--io', io],
  }))
  return { subjects: subjects.length === 0 ? [node] : subjects, peers }
}

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
  options: Options,
  { servers, subjectCount, load, depth }: Measurement,
): Promise<Result> {
  const { connections, keyCount, valueSize } = load
  const { rate } = options
  const label = rate === null ? `${load.name}, depth ${depth}` : `${load.name}, ${rate}/s`
  for (const { name, port } of servers) {
    const workload = { ...load.workload, keyCount, valueSize }
    const driver = { host: '127.0.0.1', port, connections, depth, workload }
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

function describeRun(options: Options, args: readonly string[]): string[] {
  const { pairs, seconds, warmup } = options
  const loads = options.loads.map(({ name, says, connections, keyCount, valueSize }) => {
    const held = `${keyCount} keys of ${valueSize} bytes`
    return `${name}: ${says}, ${connections} connections, ${held}, uniform`
  })
  const counted = `${pairs} pairs of ${seconds} s after ${warmup} s of warm-up each`
  return [`command: npm run bench -- ${args.join(' ')}`.trimEnd(), ...loads, counted]
}

async function run(options: Options, args: readonly string[]): Promise<void> {
  const pins = choosePins(allowedCpus())
  const head = [...describeRun(options, args), ...describeMachine(pins)]
  const client = new LoadClient(pins.load)
  const servers: PinnedServer[] = []
  const { subjects, peers } = serverCommands(options)
  try {
    for (const command of [...subjects, ...peers]) {
      const server = await startPinned(command, pins.server)
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
    await Promise.all(servers.map(server => server.stop()))
  }
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  const options = readOptions(args)
  if (options === null) process.stdout.write(HELP)
  else await run(options, args)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
main().catch((error: unknown) => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${message}${cause === '' ? '' : ` (${cause})`}\n`)
  process.exitCode = 1
})
