// How much a cache that is too small for its keys still finds: our node beside Debian's memcached
// at the same -m, and beside a memcached so large that it evicts nothing, which says what no cache
// can avoid. One stream of requests for all of them, at the same time.

import { parseArgs } from 'node:util'
import { formatColumns } from '../../src/load/report.ts'
import { runCacheAside } from './cache-aside.ts'
import { type CacheWorkload, cacheWorkloads } from '../../src/sim/workloads.ts'
import {
  memcachedCommand,
  nodeCommand,
  type PinnedServer,
  type ServerCommand,
  startPinned,
} from './servers.ts'
import { allowedCpus, choosePins } from './support.ts'

const HELP = `Usage: node test/bench/hit-ratio.ts [options]

Miss ratios of "memring node" and "memcached" at equal -m under the same cache-aside load.

  --requests N       of each workload, the second half of them counted (4000000)
  --rate N           requests a second; 0: as fast as the slowest server (0)
  --workloads A,B    of ${cacheWorkloads.map(({ name }) => name).join(', ')} (all)
  --memory N         MiB of -m; keys grow and shrink with it, 1 million at 64 (64)
  --seed N           (1)
  --json             one JSON object instead of a table
  --help

Examples:
  node test/bench/hit-ratio.ts
  node test/bench/hit-ratio.ts --workloads zipf,ttl --rate 50000
`

interface Options {
  readonly requests: number
  readonly rate: number
  readonly workloads: readonly CacheWorkload[]
  readonly memory: number
  readonly seed: number
  readonly json: boolean
}

interface Row {
  readonly workload: string
  readonly requestsPerSecond: number
  readonly node: number
  readonly memcached: number
  readonly infinite: number
  /** 1 - ours / memcached's, of all misses and of those that a larger cache would not have. */
  readonly fewerMisses: number
  readonly lessExcess: number
}

const MEMORY_OF_ALL_KEYS = 64
const INFINITE_MIB_PER_MILLION = 512

/** Null: help was asked for. */
function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { ...text, default: '4000000' },
      rate: { ...text, default: '0' },
      workloads: { ...text, default: cacheWorkloads.map(({ name }) => name).join(',') },
      memory: { ...text, default: String(MEMORY_OF_ALL_KEYS) },
      seed: { ...text, default: '1' },
      json: flag,
      help: flag,
    },
  })
  if (values.help) return null
  return {
    requests: wholeNumber('--requests', values.requests, 10_000, 100_000_000),
    rate: wholeNumber('--rate', values.rate, 0, 10_000_000),
    workloads: values.workloads.split(',').map(workloadNamed),
    memory: wholeNumber('--memory', values.memory, 8, 1024),
    seed: wholeNumber('--seed', values.seed, 0, 999_999_999),
    json: values.json,
  }
}

function wholeNumber(name: string, text: string, least: number, greatest: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= greatest) return value
  throw new RangeError(`Cannot read ${name} "${text}": expected ${least} to ${greatest}`)
}

function workloadNamed(name: string): CacheWorkload {
  const found = cacheWorkloads.find(workload => workload.name === name)
  if (found !== undefined) return found
  const names = cacheWorkloads.map(workload => workload.name).join(', ')
  throw new RangeError(`Cannot find workload "${name}": expected one of ${names}`)
}

/** Ours, memcached, and one that keeps everything. */
function serverCommands({ memory, requests }: Options): ServerCommand[] {
  const memcached = memcachedCommand('memcached', 'memcached')
  const everything = Math.ceil((requests / 1e6) * INFINITE_MIB_PER_MILLION)
  return [
    withMemory(nodeCommand(), memory),
    withMemory(memcached, memory),
    withMemory({ ...memcached, name: 'infinite' }, everything),
  ]
}

function withMemory(server: ServerCommand, mib: number): ServerCommand {
  return { ...server, args: [...server.args, '-m', String(mib)] }
}

async function measure(workload: CacheWorkload, options: Options): Promise<Row> {
  const pins = choosePins(allowedCpus())
  const servers: PinnedServer[] = []
  try {
    for (const [at, command] of serverCommands(options).entries()) {
      servers.push(await startPinned(command, at === 0 ? pins.server : pins.load))
    }
    const result = await runCacheAside(
      servers.map(({ port }) => port),
      workload.open(options.seed, options.memory / MEMORY_OF_ALL_KEYS),
      { requests: options.requests, warmup: options.requests / 2, rate: options.rate },
    )
    const [node = 1, memcached = 1, infinite = 1] = result.missRatios
    return {
      workload: workload.name,
      requestsPerSecond: result.requestsPerSecond,
      node,
      memcached,
      infinite,
      fewerMisses: 1 - node / memcached,
      lessExcess: 1 - (node - infinite) / (memcached - infinite),
    }
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

function format(rows: readonly Row[]): string {
  const heading = ['workload', 'node', 'memcached', 'infinite', 'fewer', 'less excess', 'req/s']
  return formatColumns([
    heading,
    ...rows.map(row => [
      row.workload,
      row.node.toFixed(4),
      row.memcached.toFixed(4),
      row.infinite.toFixed(4),
      percent(row.fewerMisses),
      percent(row.lessExcess),
      row.requestsPerSecond.toFixed(0),
    ]),
  ])
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(HELP)
    return
  }
  const rows: Row[] = []
  for (const workload of options.workloads) {
    process.stderr.write(`${workload.name}: ${workload.text}\n`)
    rows.push(await measure(workload, options))
  }
  const text = options.json ? JSON.stringify(rows, null, 2) : format(rows)
  process.stdout.write(`${text}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
