// One client of the soak: connects, talks for a while, leaves in one of many ways, most of them
// rude, and comes back. Everything that it is answered is checked against what was asked, in order.

import { connect, type Socket } from 'node:net'
import type { Prng } from '../../src/base/prng.ts'
import {
  anyRequest,
  type Expected,
  largeRetrieval,
  NO_MEMORY,
  partOfASet,
} from './soak-requests.ts'
import { soakFault } from './soak-value.ts'

const BATCHES_MAX = 12
const DEPTH_MAX = 32
const SILENCE_MS = 1500
const FAULTS_MAX = 10
const LF = 0x0a

/** How a conversation ends. */
const leavings = [
  'end',
  'destroy',
  'reset',
  'quit',
  'half of a line',
  'half of a value',
  'half of a value, reset',
  'half of a value, half-closed',
  'unread replies',
  'unread replies, reset',
  'half-closed',
  'silent for a while',
] as const
type Leaving = (typeof leavings)[number]

export type SoakCounts = {
  requests: number
  connections: number
  hits: number
  refusals: number
  faults: string[]
}

export class SoakClient {
  readonly #port: number
  readonly #prng: Prng
  readonly #counts: SoakCounts
  readonly #stays: boolean
  #socket!: Socket
  #input = Buffer.allocUnsafe(64 * 1024)
  #at = 0
  #end = 0
  #expected: Expected[] = []
  #next = 0
  /** Of the reply that is being read: the first of its keys that may still come. */
  #nextKey = 0
  #batches = 0
  #leaving: Leaving | undefined
  /** What the socket said; a reset is what some leavings are about. */
  #error = ''
  #isStopping = false
  #stopped: () => void = () => {}

  /** @param stays whether it keeps its first connection to the end. */
  constructor(port: number, prng: Prng, counts: SoakCounts, stays: boolean) {
    this.#port = port
    this.#prng = prng
    this.#counts = counts
    this.#stays = stays
  }

  /** Resolves when it has been told to stop and its last connection is closed. */
  run(): Promise<void> {
    return new Promise(resolve => {
      this.#stopped = resolve
      this.#open()
    })
  }

  stop(): void {
    this.#isStopping = true
  }

  #open(): void {
    this.#at = this.#end = this.#next = this.#nextKey = 0
    this.#expected = []
    this.#error = ''
    this.#leaving = undefined
    this.#batches = this.#stays ? Infinity : this.#prng.below(BATCHES_MAX)
    this.#counts.connections += 1
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true })
    this.#socket = socket
    socket.on('connect', () => this.#talk())
    socket.on('data', (piece: Buffer) => this.#receive(piece))
    socket.on('error', error => {
      this.#error = ` (${error.message})`
    })
    socket.on('close', () => this.#closed())
  }

  #closed(): void {
    const mayMiss = this.#leaving !== undefined && this.#leaving !== 'half-closed'
    if (!mayMiss && (this.#leaving === undefined || this.#next < this.#expected.length)) {
      const missing = this.#expected.length - this.#next
      this.#fault(`closed by the server, ${missing} replies missing${this.#error}`)
      if (this.#counts.faults.length >= FAULTS_MAX) this.#isStopping = true
    }
    if (this.#isStopping) this.#stopped()
    else setImmediate(() => this.#open())
  }

  /** Asks again, or leaves. */
  #talk(): void {
    if (this.#isStopping || this.#counts.faults.length > 0) {
      this.#leaving = 'end'
      this.#socket.end()
    } else if (this.#batches > 0) {
      this.#batches -= 1
      this.#ask(1 + this.#prng.below(DEPTH_MAX))
    } else {
      this.#leave(leavings[this.#prng.below(leavings.length)]!)
    }
  }

  #ask(count: number): void {
    const parts: Buffer[] = []
    this.#expected = []
    this.#next = this.#nextKey = 0
    while (this.#expected.length < count) {
      const { bytes, expected } = anyRequest(this.#prng)
      for (const part of bytes) parts.push(Buffer.from(part))
      if (expected !== undefined) this.#expected.push(expected)
      this.#counts.requests += 1
    }
    this.#socket.write(Buffer.concat(parts))
  }

  #leave(leaving: Leaving): void {
    const socket = this.#socket
    this.#leaving = leaving
    switch (leaving) {
      case 'end':
        socket.end()
        return
      case 'destroy':
        socket.destroy()
        return
      case 'reset':
        socket.resetAndDestroy()
        return
      case 'quit':
        socket.write('quit\r\n')
        return
      case 'half of a line':
        socket.write('get key-1 key-', () => socket.destroy())
        return
      case 'half of a value':
        socket.write(partOfASet(this.#prng), () => socket.destroy())
        return
      case 'half of a value, reset':
        socket.write(partOfASet(this.#prng), () => socket.resetAndDestroy())
        return
      case 'half of a value, half-closed':
        socket.end(partOfASet(this.#prng))
        return
      case 'unread replies':
      case 'unread replies, reset':
        this.#leaveUnread(leaving === 'unread replies')
        return
      case 'half-closed':
        this.#ask(DEPTH_MAX)
        socket.end()
        return
      case 'silent for a while':
        setTimeout(() => socket.destroy(), this.#prng.below(SILENCE_MS))
    }
  }

  #leaveUnread(isOrderly: boolean): void {
    const socket = this.#socket
    socket.pause()
    const lines = Array.from({ length: 8 }, () => String(largeRetrieval(this.#prng).bytes[0]))
    socket.write(lines.join(''))
    setTimeout(
      () => {
        if (isOrderly) socket.destroy()
        else socket.resetAndDestroy()
      },
      this.#prng.below(SILENCE_MS / 4),
    )
  }

  #receive(piece: Buffer): void {
    if (this.#leaving !== undefined && this.#leaving !== 'half-closed') return
    this.#append(piece)
    while (this.#next < this.#expected.length) if (!this.#step()) return
    if (this.#at < this.#end) {
      this.#fault(`not asked for: ${this.#input.toString('latin1', this.#at, this.#at + 60)}`)
      this.#at = this.#end
    }
    if (this.#leaving === undefined) this.#talk()
  }

  #append(piece: Buffer): void {
    const kept = this.#end - this.#at
    if (this.#end + piece.length > this.#input.length) {
      const size = Math.max(this.#input.length, 2 * (kept + piece.length))
      const grown = size > this.#input.length ? Buffer.allocUnsafe(size) : this.#input
      this.#input.copy(grown, 0, this.#at, this.#end)
      this.#input = grown
      this.#at = 0
      this.#end = kept
    }
    piece.copy(this.#input, this.#end)
    this.#end += piece.length
  }

  /** One line, or one value with its line; false: it is not there yet. */
  #step(): boolean {
    const input = this.#input
    const newline = input.subarray(this.#at, this.#end).indexOf(LF)
    if (newline < 0) return false
    const lineEnd = this.#at + newline
    const line = input.toString('latin1', this.#at, lineEnd - 1)
    if (!line.startsWith('VALUE ')) {
      this.#at = lineEnd + 1
      this.#checkLine(this.#expected[this.#next]!, line)
      this.#next += 1
      this.#nextKey = 0
      return true
    }
    const [, key = '', , size] = line.split(' ')
    const valueAt = lineEnd + 1
    const valueEnd = valueAt + Number(size)
    if (valueEnd + 2 > this.#end) return false
    this.#checkValue(key, input.subarray(valueAt, valueEnd))
    this.#at = valueEnd + 2
    return true
  }

  #checkValue(key: string, value: Buffer): void {
    const { keys } = this.#expected[this.#next]!
    const at = keys.indexOf(key, this.#nextKey)
    if (at < 0) this.#fault(`${key} came out of order, asked were ${keys.join(' ')}`)
    this.#nextKey = at + 1
    this.#counts.hits += 1
    const fault = soakFault(key, value)
    if (fault !== '') this.#fault(fault)
  }

  #checkLine({ what, lines, orNumber }: Expected, line: string): void {
    if (line.startsWith(NO_MEMORY)) this.#counts.refusals += 1
    const isNumber = orNumber === true && /^\d+$/.test(line)
    if (!isNumber && !lines.has(line)) this.#fault(`${what} was answered ${line}`)
  }

  #fault(text: string): void {
    if (this.#counts.faults.length < FAULTS_MAX) this.#counts.faults.push(text)
  }
}
