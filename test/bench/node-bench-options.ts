// What the node's benchmark takes on its command line.

import { parseArgs } from 'node:util'
import { commonOptions, RUN_HELP, type RunOptions, runOptionsFrom } from './run-options.ts'

export const HELP = `Usage: npm run bench -- [options]

Compares "memring node -t 1" with "memcached -t 1" under the same load, in turn.

  --shapes A,B       which loads (mix), or all of them:
                       mix          set:get 1:10, values of 100 bytes, depths 1 and 16
                       depths       the same at depths 1, 4, 16 and 64
                       sets         sets only
                       1k, 16k      values of 1 KiB, of 16 KiB
                       multiget     gets of 10 keys (CPU time per get, not per key)
                       connections  1000 connections
${RUN_HELP}
  --node-args "…"    more flags for the node, split at spaces
  --tls              all of them with -Z and the same certificate (ECDSA P-256)
  --aa               memcached against itself: what ratios this machine's noise makes

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

export interface Options extends RunOptions {
  readonly nodeArgs: readonly string[]
  readonly aa: boolean
  readonly tls: boolean
}

/** Null: help was asked for. */
export function readOptions(args: readonly string[]): Options | null {
  const own = {
    'node-args': { type: 'string', default: '' },
    aa: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...args], options: { ...commonOptions, ...own } })
  if (values.help) return null
  const nodeArgs = values['node-args'].split(' ').filter(part => part !== '')
  return { ...runOptionsFrom(values), nodeArgs, aa: values.aa, tls: values.tls }
}
