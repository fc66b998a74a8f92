// What the node's benchmark takes on its command line.

import { parseArgs } from 'node:util'
import { workloadDefaults } from '../../src/load/workload.ts'
import { type Shape, shapesOf } from './shapes.ts'

export const HELP = `Usage: npm run bench -- [options]

Compares "memring node -t 1" with "memcached -t 1" under the same load, in turn.

  --shapes A,B       which loads (mix), or all of them:
                       mix          set:get 1:10, values of 100 bytes, depths 1 and 16
                       depths       the same at depths 1, 4, 16 and 64
                       sets         sets only
                       1k, 16k      values of 1 KiB, of 16 KiB
                       multiget     gets of 10 keys (CPU time per get, not per key)
                       connections  1000 connections
  --io A,B           the node's transports, each a node of its own: uring, epoll, net
  --rate N           N requests a second, due at even distances; latency counts from then on
  --pairs N          how many times each is measured (7)
  --seconds N        length of one measurement (5)
  --warmup N         seconds of load for each before the first measurement (5)
  --depths A,B       requests outstanding on each connection, instead of the shape's;
                     with --rate: outstanding at most (64)
  --connections N    instead of the shape's (50)
  --keys N           how many, all present (10000)
  --value-size N     bytes, instead of the shape's (100)
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
  npm run bench -- --io uring,epoll,net --shapes all
  npm run bench -- --rate 30000
  npm run bench -- --aa --pairs 15 --json aa.json
  MEMCACHED_BIN=/opt/memcached/bin/memcached npm run bench -- --pairs 11
`

/** One load as it is measured, once for each depth. */
export interface Load extends Shape {
  readonly keyCount: number
  readonly valueSize: number
}

export interface Options {
  readonly loads: readonly Load[]
  /** Empty: the one that `--io auto` takes. */
  readonly io: readonly string[]
  /** Requests a second; null: as many as are answered. */
  readonly rate: number | null
  readonly pairs: number
  readonly seconds: number
  readonly warmup: number
  readonly nodeArgs: readonly string[]
  readonly aa: boolean
  readonly json: string | undefined
}

const IO_NAMES = ['uring', 'epoll', 'net']
const RATE_DEPTHS = [64]

/** Null: help was asked for. */
export function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
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
      'node-args': { ...text, default: '' },
      aa: flag,
      quick: flag,
      json: text,
      help: flag,
    },
  })
  if (values.help) return null
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
    nodeArgs: values['node-args'].split(' ').filter(part => part !== ''),
    aa: values.aa,
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
