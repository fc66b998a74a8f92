// One node on one thread against C memcached on one thread: the same load in turn on both
// (A B A B …), the servers pinned to one CPU and the load to another. Says CPU time per request,
// throughput and latency, and the ratios pair by pair. Fails on a wrong answer, not on a slow one.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { parseArgs } from 'node:util'
import { compare, type DepthResult, type Figures, figuresOf, formatDepth } from './comparison.ts'
import { LoadClient } from './load-client.ts'
import {
  commandText,
  memcachedCommand,
  nodeCommand,
  type PinnedServer,
  type ServerCommand,
  startPinned,
} from './servers.ts'
import { allowedCpus, choosePins, inTurn } from './support.ts'

const HELP = `Usage: npm run bench -- [options]

Compares "memring node -t 1" with "memcached -t 1" under the same load, in turn.

  --pairs N          how many times each is measured (7)
  --seconds N        length of one measurement (5)
  --warmup N         seconds of load for each before the first measurement (5)
  --depths A,B       requests outstanding on each connection (1,16)
  --connections N    (50)
  --keys N           how many, all present (10000)
  --value-size N     bytes (100)
  --node-args "…"    more flags for the node, split at spaces
  --aa               memcached against itself: what ratios this machine's noise makes
  --quick            3 pairs of 1 second after 1 second of warm-up: a look, not a figure
  --json FILE        everything measured, slice by slice
  --help

MEMCACHED_BIN=PATH compares with that memcached too, beside the one on PATH; with --aa, it is
the one compared with itself.
The report is on stdout, progress on stderr. Nothing else should run on the machine.

Examples:
  npm run bench
  npm run bench -- --quick --depths 16
  npm run bench -- --aa --pairs 15 --json aa.json
  MEMCACHED_BIN=/opt/memcached/bin/memcached npm run bench -- --pairs 11
`

interface Options {
  readonly pairs: number
  readonly seconds: number
  readonly warmup: number
  readonly depths: readonly number[]
  readonly connections: number
  readonly keys: number
  readonly valueSize: number
  readonly nodeArgs: readonly string[]
  readonly aa: boolean
  readonly json: string | undefined
}

/** Null: help was asked for. */
function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      pairs: text,
      seconds: text,
      warmup: text,
      depths: { ...text, default: '1,16' },
      connections: { ...text, default: '50' },
      keys: { ...text, default: '10000' },
      'value-size': { ...text, default: '100' },
      'node-args': { ...text, default: '' },
      aa: flag,
      quick: flag,
      json: text,
      help: flag,
    },
  })
  if (values.help) return null
  const { quick } = values
  return {
    pairs: wholeNumber('--pairs', values.pairs ?? (quick ? '3' : '7'), 1, 1000),
    seconds: wholeNumber('--seconds', values.seconds ?? (quick ? '1' : '5'), 1, 3600),
    warmup: wholeNumber('--warmup', values.warmup ?? (quick ? '1' : '5'), 1, 3600),
    depths: values.depths.split(',').map(depth => wholeNumber('--depths', depth, 1, 1024)),
    connections: wholeNumber('--connections', values.connections, 1, 1000),
    keys: wholeNumber('--keys', values.keys, 1, 1_000_000),
    valueSize: wholeNumber('--value-size', values['value-size'], 0, 1_000_000),
    nodeArgs: values['node-args'].split(' ').filter(part => part !== ''),
    aa: values.aa,
    json: values.json,
  }
}

function wholeNumber(name: string, text: string, least: number, greatest: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= greatest) return value
  throw new RangeError(`Cannot read ${name} "${text}": expected ${least} to ${greatest}`)
}

/** The subject first, then its peers. */
function serverCommands(options: Options): ServerCommand[] {
  const debian = memcachedCommand('memcached', 'memcached')
  const given = process.env['MEMCACHED_BIN']
  if (options.aa) {
    const twice = given ? memcachedCommand('memcached', given) : debian
    return [twice, { ...twice, name: 'memcached again' }]
  }
  const peers = given ? [debian, memcachedCommand('MEMCACHED_BIN', given)] : [debian]
  return [nodeCommand(options.nodeArgs), ...peers]
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function measureDepth(
  load: LoadClient,
  servers: readonly PinnedServer[],
  options: Options,
  depth: number,
): Promise<DepthResult> {
  const { connections, keys: keyCount, valueSize } = options
  for (const { name, port } of servers) {
    const workload = { keyCount, valueSize }
    const driver = { host: '127.0.0.1', port, connections, depth, workload }
    await load.do({ type: 'open', name, options: driver })
    const { load: stored } = await load.measure({ type: 'preload', name })
    if (stored.stored !== keyCount) {
      const why = JSON.stringify(stored.complaints)
      throw new Error(`Cannot store the keys in ${name}: ${stored.stored} of ${keyCount}, ${why}`)
    }
  }
  for (const { name, pid } of servers) {
    progress(`depth ${depth}: warming up ${name} for ${options.warmup} s`)
    await load.do({ type: 'run', name, pid, seconds: options.warmup })
  }
  const measured = await inTurn(servers, options.pairs, async ({ name, pid }, round) => {
    const slice = await load.measure({ type: 'run', name, pid, seconds: options.seconds })
    const figures = figuresOf(name, slice)
    const cpu = figures.cpuMicrosPerRequest.toFixed(2)
    const rate = figures.requestsPerSecond.toFixed(0)
    progress(`depth ${depth}, ${round + 1}/${options.pairs} ${name}: ${cpu} µs/req, ${rate} req/s`)
    return figures
  })
  await load.do({ type: 'close' })
  return compare(depth, named(servers, measured))
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
  const { connections, keys, valueSize, pairs, seconds, warmup } = options
  return [
    `command: npm run bench -- ${args.join(' ')}`.trimEnd(),
    `${connections} connections, ${keys} keys of ${valueSize} bytes, set:get 1:10, uniform; ` +
      `${pairs} pairs of ${seconds} s after ${warmup} s of warm-up each`,
  ]
}

async function run(options: Options, args: readonly string[]): Promise<void> {
  const pins = choosePins(allowedCpus())
  const head = [...describeRun(options, args), ...describeMachine(pins)]
  const load = new LoadClient(pins.load)
  const servers: PinnedServer[] = []
  try {
    for (const command of serverCommands(options)) {
      const server = await startPinned(command, pins.server)
      servers.push(server)
      head.push(`${server.name}: version ${server.version}, ${commandText(command)}`)
    }
    process.stdout.write(`${head.join('\n')}\n`)
    const results: DepthResult[] = []
    for (const depth of options.depths) {
      const result = await measureDepth(load, servers, options, depth)
      results.push(result)
      process.stdout.write(`\n${formatDepth(result)}\n`)
    }
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ head, options, results }, null, 2)}\n`)
    }
  } finally {
    load.stop()
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
