// How many items fit into the same -m: our node beside memcached, both filled over TCP until they
// evict, and what the node's process takes beyond -m.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { formatColumns } from '../../src/load/report.ts'
import { memcachedCommand, nodeCommand, type ServerCommand, startPinned } from './servers.ts'
import { allowedCpus, choosePins } from './support.ts'

const VALUES = '100,32,16385,20000,40000,100000'
const HELP = `Usage: node test/bench/density.ts [options]

Fills "memring node" and "memcached" at equal -m; says how many items each holds.

  --memory N         MiB of -m (256)
  --values A,B       bytes of a value; keys have 16 (${VALUES})
  --threads N        of the node; its process may take 96 MB + 20 MB a thread beyond -m (1)
  --json             one JSON object instead of a table
  --help

MEMCACHED_BIN=PATH is the memcached to compare with, instead of the one on PATH.
`

interface Options {
  readonly memory: number
  readonly values: readonly number[]
  readonly threads: number
  readonly json: boolean
}

interface Filled {
  readonly items: number
  readonly evictions: number
  readonly residentBytes: number
}

interface Row {
  readonly valueSize: number
  readonly node: Filled
  readonly memcached: Filled
  readonly ratio: number
}

const MIB = 1024 * 1024
const KEY_SIZE = 16
/** Sent in one write. */
const CHUNK_ITEMS = 1000
const CHUNK_BYTES = 2 * MIB
/** An item of it is smaller than -I is if nothing is said. */
const VALUE_MAX = 1_000_000
/** What is emptied at once is large beside these: they are written for longer. */
const LARGE_VALUE = 16 * 1024
const LARGE_ROUNDS = 1.5
/** What no store can do without: more than fits, whatever the store, is written. */
const OVERHEAD_LEAST = 10
const REPLY_TIMEOUT_MS = 60_000
/** Of the whole process beyond -m (DESIGN.md §4). */
const RESIDENT_BASE_MIB = 96
const RESIDENT_THREAD_MIB = 20

/** Null: help was asked for. */
function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      memory: { ...text, default: '256' },
      values: { ...text, default: VALUES },
      threads: { ...text, default: '1' },
      json: flag,
      help: flag,
    },
  })
  if (values.help) return null
  return {
    memory: wholeNumber('--memory', values.memory, 8, 4096),
    values: values.values.split(',').map(size => wholeNumber('--values', size, 0, VALUE_MAX)),
    threads: wholeNumber('--threads', values.threads, 1, 16),
    json: values.json,
  }
}

function wholeNumber(name: string, text: string, least: number, greatest: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= greatest) return value
  throw new RangeError(`Cannot read ${name} "${text}": expected ${least} to ${greatest}`)
}

/** Starts a server, fills it until it must have evicted, and asks what it holds. */
async function fill(server: ServerCommand, options: Options, valueSize: number): Promise<Filled> {
  const pins = choosePins(allowedCpus())
  const flags = ['-m', String(options.memory), '-t', String(options.threads)]
  const started = await startPinned({ ...server, args: [...server.args, ...flags] }, pins.server)
  try {
    const socket = await open(started.port)
    const itemSize = KEY_SIZE + valueSize + OVERHEAD_LEAST
    const rounds = valueSize > LARGE_VALUE ? LARGE_ROUNDS : 1
    const count = Math.ceil((rounds * options.memory * MIB) / itemSize)
    const chunk = Math.min(CHUNK_ITEMS, Math.ceil(CHUNK_BYTES / itemSize))
    for (let first = 0; first < count; first += chunk) {
      await write(socket, setsFrom(first, Math.min(count, first + chunk), valueSize))
    }
    const stats = await statsOf(socket)
    socket.destroy()
    const items = Number(stats.get('curr_items'))
    const evictions = Number(stats.get('evictions'))
    if (!(evictions > 0)) {
      throw new Error(`Cannot tell what ${server.name} holds: ${count} items, ${evictions} evicted`)
    }
    return { items, evictions, residentBytes: residentBytes(started.pid) }
  } finally {
    await started.stop()
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.setTimeout(REPLY_TIMEOUT_MS, () => socket.destroy(new Error('No reply came in time')))
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket))
  })
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(text, 'latin1', error => {
      if (error) reject(error)
      else resolve()
    })
  })
}

function setsFrom(first: number, end: number, valueSize: number): string {
  const rest = ` 0 0 ${valueSize} noreply\r\n${'v'.repeat(valueSize)}\r\n`
  let text = ''
  for (let id = first; id < end; id += 1) text += `set ${keyOf(id)}${rest}`
  return text
}

function keyOf(id: number): string {
  return `k${String(id).padStart(KEY_SIZE - 1, '0')}`
}

/** Answered behind all that was written before: also waits for the sets. */
function statsOf(socket: Socket): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('error', reject)
    socket.on('end', () => reject(new Error('Cannot read stats: the connection was closed')))
    socket.on('data', piece => {
      text += piece.toString('latin1')
      if (!text.endsWith('END\r\n')) return
      const rows = text.matchAll(/^STAT (\S+) (.*)\r$/gm)
      resolve(new Map(Array.from(rows, ([, name = '', value = '']) => [name, value])))
    })
    socket.write('stats\r\n')
  })
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kib === undefined) throw new Error(`Cannot read the resident size of process ${pid}`)
  return Number(kib) * 1024
}

function format(rows: readonly Row[], options: Options): string {
  const bytes = options.memory * MIB
  const allowed = options.memory + RESIDENT_BASE_MIB + RESIDENT_THREAD_MIB * options.threads
  const heading = ['value', 'server', 'items', 'of -m beyond key and value', 'resident MiB']
  const cells = rows.flatMap(({ valueSize, node, memcached }) =>
    Object.entries({ node, memcached }).map(([name, filled]) => [
      `${valueSize}`,
      name,
      `${filled.items}`,
      (bytes / filled.items - KEY_SIZE - valueSize).toFixed(1),
      (filled.residentBytes / MIB).toFixed(0),
    ]),
  )
  const ratios = rows.map(
    ({ valueSize, ratio }) => `values of ${valueSize}: ${ratio.toFixed(3)} times the items`,
  )
  const bound = `the node's process may take ${allowed} MiB (-t ${options.threads})`
  return [formatColumns([heading, ...cells]), ...ratios, bound].join('\n')
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(HELP)
    return
  }
  const program = process.env['MEMCACHED_BIN'] ?? 'memcached'
  const rows: Row[] = []
  for (const valueSize of options.values) {
    const node = await fill(nodeCommand(), options, valueSize)
    const memcached = await fill(memcachedCommand('memcached', program), options, valueSize)
    rows.push({ valueSize, node, memcached, ratio: node.items / memcached.items })
  }
  const text = options.json ? JSON.stringify(rows, null, 2) : format(rows, options)
  process.stdout.write(`${text}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
