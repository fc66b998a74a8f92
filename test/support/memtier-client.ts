// A client that sends what memtier_benchmark sends and knows only what memtier's parser knows: in
// text, lines that begin with VALUE, END or STORED, and nothing else; in binary, statuses. Source:
// memtier_benchmark, protocol.cpp.

import { once } from 'node:events'
import type { Socket } from 'node:net'

export type MemtierOptions = {
  readonly protocol: 'memcache_text' | 'memcache_binary'
  /** `--key-prefix`, `--key-minimum`, `--key-maximum`. */
  readonly keys: number
  /** `--data-size`. */
  readonly dataSize: number
  /** `--pipeline`. */
  readonly pipeline: number
  /** `--ratio`: sets, gets. */
  readonly ratio: readonly [sets: number, gets: number]
  /** `--key-pattern`: R is random, P goes through all of them once. */
  readonly pattern: 'R' | 'P'
  /** `--multi-key-get`, in text only; 0: plain gets. */
  readonly multiGet: number
  /** 0 to 1. */
  readonly random: () => number
}

export type MemtierTotals = {
  sets: number
  gets: number
  hits: number
  misses: number
  /** Replies that memtier would end its connection for. */
  unknown: string[]
  /** Values that are not what was stored. */
  wrong: string[]
  /** Binary statuses, by number. */
  statuses: Map<number, number>
}

const PREFIX = 'memtier-'
const GET = 0x00
const SET = 0x01
const SASL_AUTH = 0x21
const HEADER = 24

type Asked = { isSet: boolean; keys: number }

export class MemtierClient {
  readonly totals: MemtierTotals = {
    sets: 0,
    gets: 0,
    hits: 0,
    misses: 0,
    unknown: [],
    wrong: [],
    statuses: new Map(),
  }
  readonly #socket: Socket
  readonly #options: MemtierOptions
  readonly #asked: Asked[] = []
  #buffer = Buffer.alloc(0)
  #hits = 0
  #next = 0
  #turn = 0
  #left = 0
  #done: () => void = () => {}

  constructor(socket: Socket, options: MemtierOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => this.#received(piece))
    socket.on('close', () => {
      if (this.#left > 0) this.#fail('connection closed')
    })
  }

  /** SASL PLAIN, as `--authenticate user:password` does it. */
  async login(user: string, password: string): Promise<void> {
    const body = Buffer.from(`\0${user}\0${password}`)
    this.#socket.write(packet(SASL_AUTH, 'PLAIN', Buffer.alloc(0), body))
    this.#socket.removeAllListeners('data')
    const [answer] = (await once(this.#socket, 'data')) as [Buffer]
    if (answer.readUInt16BE(6) !== 0) throw new Error(`Cannot log in: ${answer.toString('latin1')}`)
    this.#socket.on('data', (piece: Buffer) => this.#received(piece))
  }

  /** `-n requests`; resolves when all have been answered, or one could not be read. */
  run(requests: number): Promise<void> {
    this.#left = requests
    return new Promise(resolve => {
      this.#done = resolve
      for (let i = 0; i < Math.min(requests, this.#options.pipeline); i += 1) this.#ask()
    })
  }

  get hasEnded(): boolean {
    return this.#left <= 0
  }

  stop(): void {
    this.#socket.destroy()
  }

  #key(): string {
    const { pattern, keys, random } = this.#options
    if (pattern === 'R') return `${PREFIX}${Math.floor(random() * keys)}`
    this.#next += 1
    return `${PREFIX}${(this.#next - 1) % keys}`
  }

  #ask(): void {
    const { ratio, multiGet, protocol } = this.#options
    const isSet = this.#turn % (ratio[0] + ratio[1]) < ratio[0]
    this.#turn += 1
    const keys = isSet || multiGet === 0 ? 1 : multiGet
    const names = Array.from({ length: keys }, () => this.#key())
    this.#asked.push({ isSet, keys })
    const write = protocol === 'memcache_text' ? textRequest : binaryRequest
    this.#socket.write(write(isSet, names, valueOf(names[0]!, this.#options.dataSize)))
  }

  #received(piece: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, piece])
    while (this.#left > 0 && this.#parse());
  }

  #parse(): boolean {
    return this.#options.protocol === 'memcache_text' ? this.#text() : this.#binary()
  }

  /** One line, or one value; false: there is no whole one. */
  #text(): boolean {
    const end = this.#buffer.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#buffer.toString('latin1', 0, end)
    if (line.startsWith('VALUE')) {
      const [, key = '', , size = ''] = line.split(' ')
      const whole = end + 2 + Number(size) + 2
      if (this.#buffer.length < whole) return false
      this.#check(key, this.#buffer.toString('latin1', end + 2, whole - 2))
      this.#buffer = this.#buffer.subarray(whole)
      this.#hits += 1
      return true
    }
    this.#buffer = this.#buffer.subarray(end + 2)
    if (!line.startsWith('END') && !line.startsWith('STORED')) return this.#fail(line)
    const asked = this.#asked[0]
    if (asked?.isSet !== line.startsWith('STORED')) return this.#fail(`${line} out of place`)
    this.#answered()
    return true
  }

  #binary(): boolean {
    if (this.#buffer.length < HEADER) return false
    const whole = HEADER + this.#buffer.readUInt32BE(8)
    if (this.#buffer.length < whole) return false
    const [magic, opcode] = [this.#buffer[0], this.#buffer[1]]
    const status = this.#buffer.readUInt16BE(6)
    if (magic !== 0x81) return this.#fail(`magic ${magic}`)
    const asked = this.#asked[0]
    if (asked === undefined || (opcode === SET) !== asked.isSet)
      return this.#fail(`opcode ${opcode}`)
    const { statuses } = this.totals
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (opcode === GET && status === 0) {
      const value = this.#buffer.toString('latin1', HEADER + this.#buffer[4]!, whole)
      this.#check(value.split(' ')[0]!, value)
      this.#hits += 1
    }
    this.#buffer = this.#buffer.subarray(whole)
    this.#answered()
    return true
  }

  #check(key: string, value: string): void {
    if (value !== valueOf(key, this.#options.dataSize)) this.totals.wrong.push(`${key}: ${value}`)
  }

  #answered(): void {
    const { isSet, keys } = this.#asked.shift()!
    if (isSet) this.totals.sets += 1
    else {
      this.totals.gets += 1
      this.totals.hits += this.#hits
      this.totals.misses += keys - this.#hits
    }
    this.#hits = 0
    this.#left -= 1
    if (this.#left === 0) this.#done()
    else if (this.#left >= this.#options.pipeline) this.#ask()
  }

  #fail(said: string): false {
    this.totals.unknown.push(said)
    this.#left = 0
    this.#done()
    return false
  }
}

/** It says whose it is. */
function valueOf(key: string, size: number): string {
  return `${key} `.padEnd(size, 'x').slice(0, Math.max(size, key.length + 1))
}

function textRequest(isSet: boolean, keys: readonly string[], value: string): string {
  if (!isSet) return `get ${keys.join(' ')}\r\n`
  return `set ${keys[0]} 0 0 ${value.length}\r\n${value}\r\n`
}

function binaryRequest(isSet: boolean, [key = '']: readonly string[], value: string): Buffer {
  if (!isSet) return packet(GET, key, Buffer.alloc(0), Buffer.alloc(0))
  return packet(SET, key, Buffer.alloc(8), Buffer.from(value))
}

function packet(opcode: number, key: string, extras: Buffer, value: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header[0] = 0x80
  header[1] = opcode
  header.writeUInt16BE(key.length, 2)
  header[4] = extras.length
  header.writeUInt32BE(extras.length + key.length + value.length, 8)
  return Buffer.concat([header, extras, Buffer.from(key), value])
}
