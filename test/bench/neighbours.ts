// How much others notice: the latency of a steady load on a node, by itself and, in turn, beside
// wrong logins from several addresses (text and SASL), and beside dumps of all items, which are
// checked to hold each item once. Nothing is pinned but the load: a node has all CPUs.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatColumns } from '../../src/load/report.ts'
import { saslPlain } from '../support/binary.ts'
import { textLogin } from '../support/users.ts'
import { LoadClient } from './load-client.ts'
import { commandText, nodeCommand, type PinnedServer, startPinned } from './servers.ts'
import { pins, runMain } from './side-by-side.ts'
import { allowedCpus, formatSpread, inTurn, median, pairRatios, spread } from './support.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const USER = 'app'
const PASSWORD = 'right-password'
const ATTACKERS = 8
const BATCH = 5_000
const CONNECTIONS = 20
const KEY_COUNT = 10_000

const HELP = `Usage: npm run bench:neighbours -- [options]

The latency of gets and sets at an even rate, alone and beside something else, in turn.

  --beside A,B   logins: wrong ones, over and over; metadump, mgdump (all three)
  --rate N       requests a second (2000)
  --pairs N      how many times each is measured (7)
  --seconds N    length of one measurement (3)
  --items N      in the store while it is dumped (1000000)
  --node-args "…"
`

interface Options {
  readonly rate: number
  readonly pairs: number
  readonly seconds: number
  readonly items: number
}

/** Something that goes on until it is stopped, and what it then says it did. */
interface Noise {
  stop(): Promise<string>
}

/**
 * Logs in with a wrong password, again and again; every time from another address, since one that
 * has failed often waits longer and longer, and then costs nobody anything; and with another
 * password, since the same one is not worked out twice at a time.
 */
class Attacker {
  readonly #port: number
  readonly #index: number
  #socket: Socket | undefined
  #tries = 0
  answers = 0

  constructor(port: number, index: number) {
    this.#port = port
    this.#index = index
    this.#connect()
  }

  #connect(): void {
    this.#tries += 1
    const { low, high } = { low: this.#tries % 250, high: Math.floor(this.#tries / 250) % 250 }
    const localAddress = `127.${10 + this.#index}.${high}.${1 + low}`
    const socket = connect({ host: '127.0.0.1', port: this.#port, localAddress })
    const isText = this.#index % 2 === 0
    const password = `wrong-${this.#index}-${this.#tries}`
    const attempt = isText ? textLogin(USER, password) : saslPlain(USER, password)
    socket.on('connect', () => socket.write(attempt))
    socket.on('data', () => {
      this.answers += 1
      socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.#socket === socket) this.#connect()
    })
    this.#socket = socket
  }

  stop(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }
}

function attack({ port }: PinnedServer): Noise {
  const attackers = Array.from({ length: ATTACKERS }, (_, index) => new Attacker(port, index))
  return {
    stop: async () => {
      for (const attacker of attackers) attacker.stop()
      return `${attackers.reduce((sum, { answers }) => sum + answers, 0)} wrong logins answered`
    },
  }
}

const KEYS = { metadump: /^key=key%3A(\d+) /gm, mgdump: /^mg key:(\d+)\r$/gm } as const
const ENDS = { metadump: 'END\r\n', mgdump: 'EN\r\n' } as const

/** Dumps one after the other; the first whole one is checked when it is over. */
function dump({ port }: PinnedServer, kind: 'metadump' | 'mgdump', items: number): Noise {
  const socket = connect({ host: '127.0.0.1', port })
  const end = Buffer.from(`\n${ENDS[kind]}`)
  let pieces: Buffer[] = []
  let first: Buffer[] | undefined
  let dumps = 0
  let stopping = false
  let finished: (() => void) | undefined
  const ask = (): void => {
    pieces = []
    socket.write(`lru_crawler ${kind} all\r\n`)
  }
  ask()
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece)
    const tail = Buffer.concat(pieces.slice(-2)).subarray(-end.length)
    if (!tail.equals(end)) return
    dumps += 1
    first ??= pieces
    if (stopping) finished?.()
    else ask()
  })
  return {
    stop: async () => {
      stopping = true
      await new Promise<void>((resolve, reject) => {
        finished = resolve
        socket.on('error', reject)
      })
      socket.destroy()
      checkDump(Buffer.concat(first!).toString('latin1'), kind, items)
      return `${dumps} dumps, each item once`
    },
  }
}

function checkDump(text: string, kind: 'metadump' | 'mgdump', items: number): void {
  const seen = new Uint8Array(items)
  for (const [, number] of text.matchAll(KEYS[kind])) seen[Number(number)]! += 1
  const wrong = seen.findIndex(times => times !== 1)
  if (wrong >= 0) throw new Error(`Cannot accept the ${kind}: key:${wrong} ${seen[wrong]} times`)
}

async function fill({ port }: PinnedServer, items: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port })
  for (let at = 0; at < items; at += BATCH) {
    const count = Math.min(BATCH, items - at)
    const sets = Array.from({ length: count }, (_, i) => `set key:${at + i} 0 0 1 noreply\r\nx\r\n`)
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('data', () => resolve())
      socket.write(`${sets.join('')}mn\r\n`)
    })
    socket.removeAllListeners('error')
  }
  socket.destroy()
}

async function measure(
  server: PinnedServer,
  name: string,
  options: Options,
  begin: () => Noise,
): Promise<void> {
  const { rate, seconds } = options
  const client = new LoadClient(pins().load)
  const { login } = server.opening
  const greeting = login === undefined ? {} : { greeting: { send: login, answer: 'STORED\r\n' } }
  const place = { host: '127.0.0.1', port: server.port, connections: CONNECTIONS, depth: 64 }
  const workload = { keyCount: KEY_COUNT }
  await client.do({ type: 'open', name, options: { ...place, ...greeting, workload } })
  await client.measure({ type: 'preload', name })
  const task = { type: 'run', name, pid: server.pid, seconds, rate } as const
  await client.measure(task)
  const notes: string[] = []
  const measured = await inTurn([false, true], options.pairs, async isBeside => {
    const noise = isBeside ? begin() : undefined
    const { load } = await client.measure(task)
    if (noise !== undefined) notes.push(await noise.stop())
    if (load.errors + load.lost > 0) throw new Error(`Cannot go on: ${JSON.stringify(load)}`)
    return load.total.latency
  })
  client.stop()
  const [alone = [], beside = []] = measured
  const rows = (['p50Us', 'p99Us', 'p999Us'] as const).map(key => {
    const [without, along] = [alone, beside].map(list => list.map(latency => latency[key]))
    const ratios = spread(pairRatios(along!, without!))
    return [key.slice(0, -2), median(without!), median(along!), formatSpread(ratios)].map(String)
  })
  console.log(`\nbeside ${name}; each time, for ${seconds} s: ${notes.join('; ')}`)
  console.log(formatColumns([['µs', 'alone', 'beside', 'ratio of pairs'], ...rows]))
}

async function withServer(
  args: readonly string[],
  login: string | undefined,
  use: (server: PinnedServer) => Promise<void>,
): Promise<void> {
  const command = { ...nodeCommand(args), opening: login === undefined ? {} : { login } }
  console.log(commandText(command))
  const server = await startPinned(command, allowedCpus().join(','))
  try {
    await use(server)
  } finally {
    await server.stop()
  }
}

async function besideLogins(options: Options, nodeArgs: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'memring-neighbours-'))
  try {
    const users = join(folder, 'users.yaml')
    execFileSync(process.execPath, [MAIN, 'user', 'add', USER, '--users', users], {
      input: `${PASSWORD}\n`,
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const args = ['--users', users, ...nodeArgs]
    await withServer(args, textLogin(USER, PASSWORD), async server =>
      measure(server, 'logins', options, () => attack(server)),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

runMain(async args => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      beside: { ...text, default: 'logins,metadump,mgdump' },
      rate: { ...text, default: '2000' },
      pairs: { ...text, default: '7' },
      seconds: { ...text, default: '3' },
      items: { ...text, default: '1000000' },
      'node-args': { ...text, default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const [rate, pairs, seconds, items] = [values.rate, values.pairs, values.seconds, values.items]
    .map(Number)
    .map(number => {
      if (number > 0 && number <= 10_000_000) return number
      throw new RangeError(`Cannot use "${number}": expected a number above 0`)
    }) as [number, number, number, number]
  const options = { rate, pairs, seconds, items }
  const nodeArgs = values['node-args'].split(' ').filter(part => part !== '')
  const beside = values.beside.split(',')
  if (beside.includes('logins')) await besideLogins(options, nodeArgs)
  const dumps = (['metadump', 'mgdump'] as const).filter(kind => beside.includes(kind))
  if (dumps.length === 0) return
  await withServer(['-m', '512', ...nodeArgs], undefined, async server => {
    await fill(server, items)
    for (const kind of dumps) {
      await measure(server, kind, options, () => dump(server, kind, items))
    }
  })
})
