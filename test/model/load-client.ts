/**
 * One connection of the node model: batches of mixed commands, each reply checked against what it
 * must or may be.
 *
 *   owned    one client writes, all read: its owner knows every reply exactly
 *   shared   all write: a value must be whole, and no writer's versions may run backwards
 *   counted  incr and decr by all: the numbers must add up in the end
 *   swapped  gets and cas by all: every success is one step, none may be lost
 *   joined   append and prepend by all: no piece may be lost, doubled or out of order
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Prng } from '../../src/base/prng.ts'
import { joinedFault, joinedPiece } from './joined-value.ts'
import { readStamp, stampedValue } from './stamped-value.ts'

export const keyCounts = { owned: 96, shared: 60, counted: 20, swapped: 12, joined: 12 } as const
type KeyKind = keyof typeof keyCounts

export const COUNTED_START = 1_000_000_000
const BATCH = 96
const FAULTS_MAX = 10

/** What has been sent, in the words of `stats`; and what the counted and swapped keys must hold. */
export type Tally = Record<string, number>

type Check = (reply: Reply) => void
type Found = { value: Buffer; cas: string }
type Reply = { line: string; found: Map<string, Found> }

export class LoadClient {
  readonly faults: string[] = []
  readonly tally: Tally = {}
  sent = 0
  received = 0
  operations = 0
  readonly #socket: Socket
  readonly #writer: number
  readonly #clients: number
  readonly #prng: Prng
  readonly #out: (string | Buffer)[] = []
  readonly #checks: Check[] = []
  /** Owned keys: the version stored, or undefined. */
  readonly #owned = new Map<string, number | undefined>()
  readonly #newest = new Map<string, number>()
  readonly #uniques = new Map<string, { cas: string; number: number }>()
  #version = 0
  #input: Buffer = Buffer.alloc(0)
  #at = 0
  #wake: () => void = () => {}
  #ended = false

  private constructor(socket: Socket, writer: number, clients: number, prng: Prng) {
    this.#socket = socket
    this.#writer = writer
    this.#clients = clients
    this.#prng = prng
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => {
      this.received += piece.length
      const rest = this.#input.subarray(this.#at)
      this.#input = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      this.#at = 0
      this.#wake()
    })
    socket.on('error', error => this.#fault(error.message))
    socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** @param writer one of `clients`, which share the owned keys among them. */
  static async open(
    port: number,
    writer: number,
    clients: number,
    prng: Prng,
  ): Promise<LoadClient> {
    const socket = connect({ host: '127.0.0.1', port })
    await once(socket, 'connect')
    return new LoadClient(socket, writer, clients, prng)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Stores a first value under every key that must never be absent. */
  async prepare(): Promise<void> {
    for (let at = 0; at < keyCounts.counted; at += 1) {
      this.#store('set', `counted-${at}`, Buffer.from(String(at < 10 ? 0 : COUNTED_START)))
      this.#expect('STORED')
    }
    for (let at = 0; at < keyCounts.swapped; at += 1) {
      this.#store('set', `swapped-${at}`, swappedValue(`swapped-${at}`, 0))
      this.#expect('STORED')
    }
    for (let at = 0; at < keyCounts.joined; at += 1) this.#joinedSet(`joined-${at}`)
    await this.#exchange()
  }

  async run(operations: number): Promise<void> {
    while (this.operations < operations && this.faults.length === 0) {
      for (let i = 0; i < BATCH; i += 1) this.#operate()
      await this.#exchange()
    }
  }

  #operate(): void {
    this.operations += 1
    const at = this.#prng.below(200)
    if (at < keyCounts.owned) this.#ownedOperation(at)
    else if (at < 156) this.#sharedOperation(`shared-${at - 96}`)
    else if (at < 176) this.#countedOperation(at - 156)
    else if (at < 188) this.#swappedOperation(`swapped-${at - 176}`)
    else this.#joinedOperation(`joined-${at - 188}`)
  }

  #ownedOperation(at: number): void {
    const dice = this.#prng.below(100)
    if (dice < 30) {
      this.#get([`owned-${at}`, ...this.#moreKeys()])
      return
    }
    const mine = at - (at % this.#clients) + this.#writer
    const key = `owned-${mine < keyCounts.owned ? mine : this.#writer}`
    const isThere = this.#owned.get(key) !== undefined
    if (dice < 60) this.#storeStamped('set', key, 'STORED')
    else if (dice < 66) this.#storeStamped('add', key, isThere ? 'NOT_STORED' : 'STORED')
    else if (dice < 74) this.#storeStamped('replace', key, isThere ? 'STORED' : 'NOT_STORED')
    else if (dice < 80) this.#touch(key, isThere ? 'TOUCHED' : 'NOT_FOUND')
    else if (dice < 88) this.#delete(key, isThere ? 'DELETED' : 'NOT_FOUND')
    else this.#get([key])
  }

  #sharedOperation(key: string): void {
    const dice = this.#prng.below(100)
    if (dice < 50) this.#get([key, ...this.#moreKeys()])
    else if (dice < 75) this.#storeStamped('set', key, 'STORED')
    else if (dice < 81) this.#storeStamped('add', key)
    else if (dice < 87) this.#storeStamped('replace', key)
    else if (dice < 91) this.#touch(key)
    else this.#delete(key)
  }

  #countedOperation(at: number): void {
    const key = `counted-${at}`
    const up = at < 10 || this.#prng.below(2) === 0
    const delta = 1 + this.#prng.below(1000)
    this.#ask(`${up ? 'incr' : 'decr'} ${key} ${delta}\r\n`)
    this.#count(up ? 'incr_hits' : 'decr_hits')
    this.#count(key, up ? delta : -delta)
    this.#checks.push(({ line }) => {
      const before = this.#newest.get(key) ?? 0
      // Those that only go up never look back; the others stay far from zero.
      const isRight = /^\d+$/.test(line) && (at >= 10 || Number(line) > before)
      if (!isRight) this.#fault(`${key}: ${line} after ${before}`)
      this.#newest.set(key, Number(line))
    })
  }

  #swappedOperation(key: string): void {
    const unique = this.#uniques.get(key)
    if (unique === undefined) {
      this.#ask(`gets ${key}\r\n`)
      this.#count('cmd_get')
      this.#checks.push(({ line, found }) => this.#checkSwapped(key, line, found.get(key)))
      return
    }
    this.#uniques.delete(key)
    const value = swappedValue(key, unique.number + 1)
    this.#store('cas', key, value, ` ${unique.cas}`)
    this.#checks.push(({ line }) => {
      if (line === 'STORED') {
        this.#count('cas_hits')
        this.#count(key)
      } else if (line === 'EXISTS') this.#count('cas_badval')
      else this.#fault(`cas ${key}: ${line}`)
    })
  }

  #checkSwapped(key: string, line: string, hit: Found | undefined): void {
    const number = Number(/ (\d+) /.exec(String(hit?.value))?.[1])
    const before = this.#newest.get(key) ?? 0
    const isWhole = hit !== undefined && hit.value.equals(swappedValue(key, number))
    if (line !== 'END' || !isWhole || number < before) {
      this.#fault(`gets ${key}: ${String(hit?.value)} ${line}, after ${before}`)
      return
    }
    this.#count('get_hits')
    this.#newest.set(key, number)
    this.#uniques.set(key, { cas: hit.cas, number })
  }

  #joinedOperation(key: string): void {
    const dice = this.#prng.below(100)
    if (dice < 30) this.#get([key])
    else if (dice < 34) this.#joinedSet(key)
    else {
      const front = dice < 67
      const place = `${key} ${front ? 'front' : 'back'}`
      const number = (this.#newest.get(place) ?? 0) + 1
      this.#newest.set(place, number)
      const piece = joinedPiece(key, front ? 'front' : 'back', this.#writer, number)
      this.#store(front ? 'prepend' : 'append', key, piece)
      this.#expect('STORED')
    }
  }

  #joinedSet(key: string): void {
    this.#version += 1
    const base = joinedPiece(key, 'base', this.#writer, this.#version)
    // Now and then large enough to have segments of its own.
    const times = this.#version % 97 === 0 ? 800 : 1
    this.#store('set', key, Buffer.concat(Array.from({ length: times }, () => base)))
    this.#expect('STORED')
  }

  #moreKeys(): string[] {
    if (this.#prng.below(6) > 0) return []
    const first = this.#prng.below(50)
    return [`shared-${first}`, `owned-${first}`, `absent-${first}`, `shared-${first + 1}`]
  }

  #get(asked: readonly string[]): void {
    const keys = [...new Set(asked)]
    this.#ask(`get ${keys.join(' ')}\r\n`)
    this.#count('cmd_get', keys.length)
    const wanted = keys.map(key => this.#owned.get(key))
    const mine = keys.map(key => this.#isMine(key))
    this.#checks.push(({ line, found }) => {
      if (line !== 'END') this.#fault(`get ${keys.join(' ')}: ${line}`)
      if (![...found.keys()].every(key => keys.includes(key)))
        this.#fault(`not asked: ${keys.join(' ')}`)
      for (const [at, key] of keys.entries()) {
        const hit = found.get(key)
        this.#count(hit === undefined ? 'get_misses' : 'get_hits')
        const version = hit === undefined ? undefined : this.#checkValue(key, hit.value)
        if (mine[at]! && version !== wanted[at]) {
          this.#fault(`${key}: got version ${version}, not ${wanted[at]}`)
        }
      }
    })
  }

  #isMine(key: string): boolean {
    const match = /^owned-(\d+)$/.exec(key)
    return match !== null && Number(match[1]) % this.#clients === this.#writer
  }

  /** The version of a stamped value, after all that can be said of any value. */
  #checkValue(key: string, value: Buffer): number | undefined {
    if (key.startsWith('joined-')) {
      const wrong = joinedFault(key, value)
      if (wrong !== '') this.#fault(wrong)
      return undefined
    }
    const stamp = readStamp(key, value)
    if (typeof stamp === 'string') {
      this.#fault(stamp)
      return undefined
    }
    const place = `${key} ${stamp.writer}`
    const before = this.#newest.get(place) ?? 0
    if (stamp.version < before) {
      this.#fault(`${key}: version ${stamp.version} of ${stamp.writer} after ${before}`)
    }
    this.#newest.set(place, stamp.version)
    return stamp.version
  }

  #storeStamped(verb: string, key: string, wanted?: string): void {
    this.#version += 1
    const version = this.#version
    const dice = this.#prng.below(1000)
    const size = dice < 3 ? 20_000 + this.#prng.below(180_000) : this.#prng.below(600)
    this.#store(verb, key, stampedValue(key, { writer: this.#writer, version }, size))
    if (wanted === 'STORED' && this.#isMine(key)) this.#owned.set(key, version)
    if (wanted === undefined) this.#expect('STORED', 'NOT_STORED')
    else this.#expect(wanted)
  }

  #touch(key: string, wanted?: string): void {
    this.#ask(`touch ${key} 0\r\n`)
    this.#count('cmd_touch')
    this.#expectOneOf(wanted, { TOUCHED: 'touch_hits', NOT_FOUND: 'touch_misses' })
  }

  #delete(key: string, wanted?: string): void {
    this.#ask(`delete ${key}\r\n`)
    this.#owned.delete(key)
    this.#expectOneOf(wanted, { DELETED: 'delete_hits', NOT_FOUND: 'delete_misses' })
  }

  #store(verb: string, key: string, value: Buffer, more = ''): void {
    this.#ask(`${verb} ${key} ${value.length % 7} 0 ${value.length}${more}\r\n`)
    this.#out.push(value, '\r\n')
    this.#count('cmd_set')
  }

  #ask(line: string): void {
    this.#out.push(line)
  }

  #expect(...lines: string[]): void {
    this.#checks.push(({ line }) => {
      if (!lines.includes(line)) this.#fault(`got ${line}, not ${lines.join(' or ')}`)
    })
  }

  /** A reply that is counted by what it says; `wanted`: the only one that is right. */
  #expectOneOf(wanted: string | undefined, names: Readonly<Record<string, string>>): void {
    this.#checks.push(({ line }) => {
      const name = names[line]
      if (name === undefined || (wanted !== undefined && line !== wanted)) {
        this.#fault(`got ${line}, not ${wanted ?? Object.keys(names).join(' or ')}`)
      } else this.#count(name)
    })
  }

  #count(name: string, by = 1): void {
    this.tally[name] = (this.tally[name] ?? 0) + by
  }

  #fault(text: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(text)
  }

  async #exchange(): Promise<void> {
    const pieces = this.#out.map(part => (typeof part === 'string' ? Buffer.from(part) : part))
    const bytes = Buffer.concat(pieces)
    this.#out.length = 0
    this.sent += bytes.length
    this.#socket.write(bytes)
    for (const check of this.#checks.splice(0)) {
      const found = new Map<string, Found>()
      let line = await this.#line()
      while (line.startsWith('VALUE ')) {
        const [, key = '', flags, size, cas = ''] = line.split(' ')
        const value = await this.#take(Number(size) + 2)
        if (!flagsFit(key, Number(flags), Number(size))) this.#fault(`${key}: flags ${flags}`)
        found.set(key, { value: value.subarray(0, -2), cas })
        line = await this.#line()
      }
      check({ line, found })
      if (this.#ended) {
        this.#fault('closed by the server')
        return
      }
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#input.indexOf(10, this.#at)
      if (end >= 0) {
        const line = this.#input.toString('latin1', this.#at, end - 1)
        this.#at = end + 1
        return line
      }
      if (this.#ended) return ''
      await this.#more()
    }
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#input.length - this.#at < size && !this.#ended) await this.#more()
    this.#at += size
    return this.#input.subarray(this.#at - size, this.#at)
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

/** Client flags are stored from the size; what is appended keeps those of the base. */
function flagsFit(key: string, flags: number, size: number): boolean {
  if (key.startsWith('joined-')) return flags === 24 % 7 || flags === (24 * 800) % 7
  return flags === size % 7
}

/** A number that gives itself away when it is torn. */
export function swappedValue(key: string, number: number): Buffer {
  return Buffer.from(`${key} ${number} ${(number * 2654435761) % 4294967296}`)
}

/** The kind of the key at a place of 0 … 199, for whoever reads them all. */
export function keysOf(kind: KeyKind): string[] {
  return Array.from({ length: keyCounts[kind] }, (_, at) => `${kind}-${at}`)
}
