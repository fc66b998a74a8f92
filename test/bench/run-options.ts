// What the benchmarks that compare servers have in common on their command lines.

import { workloadDefaults } from '../../src/load/workload.ts'
import { type Shape, shapesOf } from './shapes.ts'

export const RUN_HELP = `  --io A,B           our transports, each a server of its own: uring, epoll, net
  --rate N           N requests a second, due at even distances; latency counts from then on
  --pairs N          how many times each is measured (7)
  --seconds N        length of one measurement (5)
  --warmup N         seconds of load for each before the first measurement (5)
  --depths A,B       requests outstanding on each connection, instead of the shape's;
                     with --rate: outstanding at most (64)
  --connections N    instead of the shape's (50)
  --keys N           how many, all present (10000)
  --value-size N     bytes, instead of the shape's (100)
  --quick            3 pairs of 1 second after 1 second of warm-up: a look, not a figure
  --json FILE        everything measured, slice by slice
  --help`

/** One load as it is measured, once for each depth. */
export interface Load extends Shape {
  readonly keyCount: number
  readonly valueSize: number
}

export interface RunOptions {
  readonly loads: readonly Load[]
  /** Empty: the one that `--io auto` takes. */
  readonly io: readonly string[]
  /** Requests a second; null: as many as are answered. */
  readonly rate: number | null
  readonly pairs: number
  readonly seconds: number
  readonly warmup: number
  readonly json: string | undefined
}

const IO_NAMES = ['uring', 'epoll', 'net']
const RATE_DEPTHS = [64]
const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const

/** For `parseArgs`; what has no default here has one in `runOptionsFrom`. */
export const commonOptions = {
  shapes: { ...text, default: 'mix' },
  io: text,
  rate: text,
  pairs: text,
  seconds: text,
  warmup: text,
  depths: text,
  connections: text,
  keys: { ...text, default: String(workloadDefaults.keyCount) },
  'value-size': text,
  quick: flag,
  json: text,
  help: flag,
} as const

interface CommonValues {
  readonly shapes: string
  readonly io?: string
  readonly rate?: string
  readonly pairs?: string
  readonly seconds?: string
  readonly warmup?: string
  readonly depths?: string
  readonly connections?: string
  readonly keys: string
  readonly 'value-size'?: string
  readonly quick: boolean
  readonly json?: string
}

/** @throws {RangeError} naming the option, what it was and what was expected. */
export function runOptionsFrom(values: CommonValues): RunOptions {
  const { quick, rate } = values
  const depths = values.depths?.split(',').map(depth => wholeNumber('--depths', depth, 1, 1024))
  const connections = optional('--connections', values.connections, 1, 1000)
  const keyCount = wholeNumber('--keys', values.keys, 1, 1_000_000)
  const given = optional('--value-size', values['value-size'], 0, 1_000_000)
  return {
    loads: shapesOf(values.shapes).map(shape => ({
      ...shape,
      depths: depths ?? (rate === undefined ? shape.depths : RATE_DEPTHS),
      connections: connections ?? shape.connections,
      keyCount,
      valueSize: given ?? shape.workload.valueSize ?? workloadDefaults.valueSize,
    })),
    io: values.io === undefined ? [] : values.io.split(',').map(ioName),
    rate: optional('--rate', rate, 1, 10_000_000) ?? null,
    pairs: wholeNumber('--pairs', values.pairs ?? (quick ? '3' : '7'), 1, 1000),
    seconds: wholeNumber('--seconds', values.seconds ?? (quick ? '1' : '5'), 1, 3600),
    warmup: wholeNumber('--warmup', values.warmup ?? (quick ? '1' : '5'), 1, 3600),
    json: values.json,
  }
}

function ioName(name: string): string {
  if (IO_NAMES.includes(name)) return name
  throw new RangeError(`Cannot use --io "${name}": expected ${IO_NAMES.join(', ')}`)
}

function optional(
  name: string,
  text: string | undefined,
  least: number,
  greatest: number,
): number | undefined {
  return text === undefined ? undefined : wholeNumber(name, text, least, greatest)
}

function wholeNumber(name: string, text: string, least: number, greatest: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= greatest) return value
  throw new RangeError(`Cannot read ${name} "${text}": expected ${least} to ${greatest}`)
}
