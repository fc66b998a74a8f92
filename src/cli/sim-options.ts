/** Flags of `memring sim`, and what they come to. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { itemSize } from '../base/item-size.ts'
import type { Generated } from '../sim/generated.ts'
import type { Fill } from '../sim/replay.ts'
import { describeSettings, parseSettings } from '../sim/settings.ts'
import {
  defaultThreads,
  MEMORY_SIZES_MAX,
  POLICIES,
  type SimulationOptions,
  THREADS_MAX,
  type Variant,
  VARIANTS_MAX,
} from '../sim/simulation.ts'
import type { TraceFormat } from '../sim/trace-parser.ts'
import { cacheWorkloads } from '../sim/workloads.ts'
import { MEMORY_MIN_BYTES } from '../store/layout.ts'
import { EX_USAGE, sizeInBytes, wholeNumber } from './flags.ts'
import { machineMemoryBytes } from './machine-memory.ts'

type Policy = (typeof POLICIES)[number]

export type SimFlags = {
  generate?: string
  requests: number
  seed: number
  keys: number
  rate: number
  write?: string
  memory: number[]
  policies: Policy[]
  set: Variant[]
  fill: Fill | 'auto'
  overhead: number
  maxItemSize: number
  warmup: number
  format: TraceFormat | 'auto'
  skipBad?: true
  threads: number
  plot?: string
  json?: true
}

const MIB = 1024 * 1024
const MEMORY_MAX_BYTES = 1024 ** 4
const KEYS_OF_SCALE_1 = 1_000_000
const REQUESTS_MAX = 1e12
const SEED_MAX = 999_999_999_999

const names = cacheWorkloads.map(({ name }) => name)

export function simFlags(): Command {
  return new Command('sim')
    .description('replay a cache trace against the store alone: miss ratios by memory size')
    .argument('[trace]', 'file of requests, .gz and .zst too; - is standard input')
    .addOption(new Option('--generate <workload>', 'instead of a trace').choices(names))
    .option('--requests <num>', '… of so many requests', wholeNumber(1, REQUESTS_MAX), 4_000_000)
    .option('--seed <num>', '… and of the store', wholeNumber(0, SEED_MAX), 1)
    .option('--keys <num>', '… and so many keys', wholeNumber(100, 1e8), KEYS_OF_SCALE_1)
    .option('--rate <num>', '… so many in a second of its time', wholeNumber(1, 1e9), 50_000)
    .option('--write <file>', 'write what is generated, and stop; .gz packs it')
    .option('--memory <list>', 'sizes such as 16m,32m,1g (default: by the trace)', sizes, [])
    .option('--policies <list>', `of ${POLICIES.join(', ')}`, policies, [...POLICIES])
    .option('--set <settings>', 'store with other settings, one more curve', variants, [])
    .addOption(
      new Option('--fill <who>', 'what sets after a miss: miss, or the trace itself')
        .choices(['auto', 'miss', 'trace'])
        .default('auto'),
    )
    .option(
      '--overhead <bytes>',
      'of an item in lru and fifo',
      wholeNumber(0, 10_000),
      itemSize(0, 0, 0),
    )
    .option('-I, --max-item-size <size>', 'largest item', sizeInBytes(1024, 1024 ** 3), MIB)
    .option('--warmup <share>', 'of the requests, before counting begins', share, 0)
    .addOption(
      new Option('--format <name>', 'columns of the trace')
        .choices(['auto', 'plain', 'twitter'])
        .default('auto'),
    )
    .option('--skip-bad', 'pass over lines that are no requests, and count them')
    .option(
      '-t, --threads <num>',
      'caches at a time',
      wholeNumber(1, THREADS_MAX),
      defaultThreads(),
    )
    .option('--plot <file>', 'write the curves as SVG')
    .option('--json', 'print one JSON object instead of a table')
    .addHelpText('after', HELP)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
}

const HELP = `
Traces: a request a line, time,key,size,op,ttl (seconds, bytes; ttl 0: for ever), or Twitter's
  time,key,key size,value size,client id,op,ttl
  op: get gets set add replace cas append prepend delete incr decr touch

Workloads:
${cacheWorkloads.map(({ name, text }) => `  ${name.padEnd(6)} ${text}`).join('\n')}

Settings for --set: ${describeSettings().join(',\n  ')}

Examples:
  memring sim --generate zipf --memory 16m,32m,64m
  memring sim trace.csv.gz --plot curve.svg
  zcat trace.csv.gz | memring sim - --memory 64m --set keptShare=0.5 --set keptShare=0.95`

/** @throws through commander: the message and exit code 64. */
export function toSimulation(
  trace: string | undefined,
  flags: SimFlags,
  command: Command,
): SimulationOptions {
  const refuse = (message: string): never =>
    command.error(`error: ${message}`, { exitCode: EX_USAGE })
  if ((trace === undefined) === (flags.generate === undefined)) {
    refuse('Cannot tell what to replay: expected a trace or --generate')
  }
  if (flags.write !== undefined && flags.generate === undefined) {
    refuse('Cannot write a trace: expected --generate with it')
  }
  const hasStore = flags.policies.includes('store')
  if (flags.set.length > 0 && !hasStore) refuse('Cannot use --set: expected store in --policies')
  // Sizes by the trace begin with the least that a node may have.
  const least = flags.memory[0] ?? MEMORY_MIN_BYTES
  if (hasStore && least < MEMORY_MIN_BYTES) {
    refuse(`Cannot use --memory ${least}: expected at least 8m for the store`)
  }
  if (hasStore && flags.maxItemSize > least / 2) {
    refuse(`Cannot use -I ${flags.maxItemSize}: expected at most half of the smallest memory`)
  }
  return {
    source: generatedOf(flags) ?? {
      kind: 'file',
      path: trace ?? '',
      name: trace === '-' ? 'stdin' : (trace ?? ''),
      format: flags.format,
      skipBad: flags.skipBad === true,
    },
    policies: flags.policies,
    variants: flags.set,
    memoryBytes: flags.memory,
    fill: flags.fill,
    overhead: flags.overhead,
    itemSizeMax: flags.maxItemSize,
    warmup: flags.warmup,
    seed: flags.seed,
    threads: flags.threads,
    memoryLimitBytes: machineMemoryBytes(),
  }
}

export function generatedOf(flags: SimFlags): Generated | undefined {
  const { generate, requests, seed, rate, keys } = flags
  if (generate === undefined) return undefined
  const scale = keys / KEYS_OF_SCALE_1
  return { kind: 'generated', workload: generate, requests, seed, rate, scale }
}

function sizes(text: string, before: readonly number[]): number[] {
  const parse = sizeInBytes(1024, MEMORY_MAX_BYTES)
  const all = [...before, ...text.split(',').map(part => parse(part))]
  const different = [...new Set(all)].sort((a, b) => a - b)
  if (different.length <= MEMORY_SIZES_MAX) return different
  throw new InvalidArgumentError(
    `Cannot use ${different.length} sizes: expected at most ${MEMORY_SIZES_MAX}`,
  )
}

function policies(text: string): Policy[] {
  const parts = text.split(',')
  const unknown = parts.find(part => !POLICIES.some(policy => policy === part))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `Cannot use policy "${unknown}": expected some of ${POLICIES.join(', ')}`,
    )
  }
  return POLICIES.filter(policy => parts.includes(policy))
}

function variants(text: string, before: readonly Variant[]): Variant[] {
  if (before.length >= VARIANTS_MAX) {
    throw new InvalidArgumentError(`Cannot use more settings: expected at most ${VARIANTS_MAX}`)
  }
  try {
    return [...before, { label: `store ${text}`, settings: parseSettings(text) }]
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function share(text: string): number {
  const value = /^\d(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value < 1) return value
  throw new InvalidArgumentError(`Cannot use "${text}": expected 0 to less than 1`)
}
