/**
 * One connection of a load run: keeps its pipeline full, in a closed loop, or sends what its pace
 * says is due. Every chunk of replies is scanned whole, and the places it freed are filled by one
 * write.
 *
 *     idle ──start──▶ running ──no more requests, or time is up──▶ draining ──all answered──▶ idle
 *                       │                                            │
 *                       └── broke, out of step, no reply in time ────┴──▶ its requests are lost;
 *                           running: connect again after a pause, draining: done
 *
 * A latency is the time from just before the write to the moment at which the chunk that ends the
 * reply is handed over by Node, so it includes the time for which this process was busy. With a
 * pace it starts when the request was due, so it includes what had to wait for a slow server.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { assert } from '../base/assert.ts'
import { Outstanding } from './outstanding.ts'
import { ReplyScanner, type ReplySink, type Outcome } from './reply-scanner.ts'
import type { RequestBytes } from './request-bytes.ts'
import type { Tally } from './tally.ts'
import type { RequestSource } from './workload.ts'

const RECONNECT_PAUSE_MS = 100

/** What a connection begins with: `send` goes out, and exactly `answer` must come back. */
export interface Greeting {
  readonly send: string
  readonly answer: string
}

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  /** TLS, with whatever certificate the server has. */
  readonly tls: boolean
  readonly greeting: Greeting | undefined
  readonly depth: number
  readonly requestTimeoutMs: number
  readonly requests: RequestBytes
  /** Where replies are received; shared by all connections, since each chunk is scanned at once. */
  readonly receiveBuffer: Buffer
}

/** When requests are due: an open loop. */
export interface Pace {
  readonly firstDueMs: number
  readonly intervalMs: number
}

interface Phase {
  readonly source: RequestSource
  readonly tally: Tally
  readonly stopAtMs: number
  readonly pace: Pace | null
  readonly finish: () => void
}

export class LoadConnection implements ReplySink {
  readonly #options: ConnectionOptions
  readonly #outstanding: Outstanding
  readonly #scanner: ReplyScanner
  #socket: Socket | null = null
  /** Why there is no socket, for the next phase to report. */
  #lossReason = 'never connected'
  #lastComplaint = ''
  /** When the last working connection broke; 0 while there is one. */
  #lostAtMs = 0
  #phase: Phase | null = null
  /** Stays 0 without a pace: everything is due. */
  #nextDueMs = 0
  #sendBuffer: Buffer
  #nowMs = 0
  #reconnectTimer: NodeJS.Timeout | null = null
  #closed = false
  /** What is still to come of the greeting's answer. */
  #awaited = ''
  #opened = (): void => {}

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#outstanding = new Outstanding(options.depth)
    this.#scanner = new ReplyScanner(options.requests, this.#outstanding, this)
    this.#sendBuffer = Buffer.allocUnsafe(this.#sendBufferSize())
  }

  /** @throws whatever the socket reports, or an error that the time was not enough. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { host, port, tls, greeting, requestTimeoutMs, receiveBuffer } = this.#options
      const onread = {
        buffer: receiveBuffer,
        callback: (size: number, bytes: Uint8Array): boolean =>
          this.#onChunk(socket, bytes as Buffer, size),
      }
      const where = { host, port, noDelay: true, onread }
      const socket = tls ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where)
      const timer = setTimeout(() => {
        const expected = `expected within ${requestTimeoutMs} ms`
        socket.destroy(new Error(`Cannot connect to ${host}:${port}: no answer, ${expected}`))
      }, requestTimeoutMs)
      this.#socket = socket
      const end = (error: Error): void => {
        clearTimeout(timer)
        // Once connected, the promise is settled and ignores this.
        reject(error)
        this.#lose(socket, connected ? 'connection broke' : 'cannot connect', error.message)
      }
      let connected = false
      this.#opened = () => {
        connected = true
        clearTimeout(timer)
        this.#lostAtMs = 0
        resolve()
      }
      this.#awaited = greeting?.answer ?? ''
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        if (greeting === undefined) this.#opened()
        else socket.write(greeting.send, 'latin1')
      })
      socket.once('error', end)
      socket.once('end', () => end(new Error('closed by the server')))
      socket.once('close', () => end(new Error('closed')))
    })
  }

  /**
   * Sends from `source` until it ends or `stopAtMs` comes (Infinity: only the source ends it);
   * resolves when all is answered or lost.
   */
  start(
    source: RequestSource,
    tally: Tally,
    stopAtMs: number,
    pace: Pace | null = null,
  ): Promise<void> {
    assert(this.#phase === null, 'a phase starts after the one before has ended')
    return new Promise(resolve => {
      const finish = (): void => {
        this.#phase = null
        resolve()
      }
      this.#phase = { source, tally, stopAtMs, pace, finish }
      this.#nextDueMs = pace?.firstDueMs ?? 0
      if (this.#socket === null) {
        tally.connectionsLost += 1
        tally.addComplaint('connection was lost while idle', this.#lossReason)
        this.#reconnect()
      } else {
        this.#fill(this.#socket, this.#phase)
      }
    })
  }

  /** Sends what is due; called as often as the process can while a phase has a pace. */
  sendDue(nowMs: number): void {
    const phase = this.#phase
    if (phase === null || this.#socket === null) return
    if (nowMs >= Math.min(this.#nextDueMs, phase.stopAtMs)) this.#fill(this.#socket, phase)
  }

  /** Gives up a connection whose oldest request has waited too long; called now and then. */
  checkTimeout(nowMs: number): void {
    const { requestTimeoutMs } = this.#options
    if (this.#socket === null || this.#outstanding.count === 0) return
    if (nowMs - this.#outstanding.sentAtMs <= requestTimeoutMs) return
    this.#lose(this.#socket, 'no reply in time', `expected one within ${requestTimeoutMs} ms`)
  }

  close(): void {
    this.#closed = true
    if (this.#reconnectTimer !== null) clearTimeout(this.#reconnectTimer)
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
    this.#phase?.finish()
  }

  onReply(outcome: Outcome): void {
    const { isSet, sentAtMs } = this.#outstanding
    this.#phase?.tally.addReply(outcome, isSet, sentAtMs, this.#nowMs)
    this.#outstanding.shift()
  }

  onComplaint(kind: string, detail: string): void {
    this.#phase?.tally.addComplaint(kind, detail)
    this.#lastComplaint = `${kind}: ${detail}`
  }

  #onChunk(socket: Socket, bytes: Buffer, size: number): boolean {
    if (socket !== this.#socket) return false
    if (this.#awaited !== '') return this.#greet(socket, bytes.toString('latin1', 0, size))
    this.#nowMs = performance.now()
    if (this.#phase !== null) this.#phase.tally.bytesReceived += size
    if (!this.#scanner.push(bytes, size)) {
      this.#lose(socket, 'connection given up', this.#lastComplaint)
      return false
    }
    if (this.#phase !== null) this.#fill(socket, this.#phase)
    return true
  }

  #greet(socket: Socket, text: string): boolean {
    const isRight = this.#awaited.startsWith(text)
    if (!isRight) socket.destroy(new Error(`Cannot begin: answered ${JSON.stringify(text)}`))
    this.#awaited = this.#awaited.slice(text.length)
    if (isRight && this.#awaited === '') this.#opened()
    return isRight
  }

  /** Fills the pipeline by one write, and ends the phase when there is nothing left to wait for. */
  #fill(socket: Socket, phase: Phase): void {
    const nowMs = performance.now()
    const isOver = nowMs >= phase.stopAtMs
    const size = isOver ? 0 : this.#encode(phase, nowMs)
    if (size > 0) {
      phase.tally.bytesSent += size
      socket.write(this.#sendBuffer.subarray(0, size))
      // What the kernel did not take at once still refers to the buffer: leave that one alone.
      if (socket.writableLength > 0) this.#sendBuffer = Buffer.allocUnsafe(this.#sendBufferSize())
    }
    if (this.#outstanding.count === 0 && (isOver || phase.pace === null)) phase.finish()
  }

  #encode({ source, pace }: Phase, nowMs: number): number {
    const { requests } = this.#options
    const buffer = this.#sendBuffer
    let size = 0
    while (!this.#outstanding.isFull && this.#nextDueMs <= nowMs && source.next()) {
      const { isSet, key } = source
      size = isSet ? requests.putSet(buffer, size, key) : requests.putGet(buffer, size, key)
      this.#outstanding.push(isSet, key, pace === null ? nowMs : this.#nextDueMs)
      this.#nextDueMs += pace?.intervalMs ?? 0
    }
    return size
  }

  #lose(socket: Socket, kind: string, detail: string): void {
    if (socket !== this.#socket) return
    this.#socket = null
    socket.destroy()
    const lost = this.#outstanding.count
    this.#outstanding.clear()
    this.#scanner.reset()
    this.#lossReason = `${kind}: ${detail}`
    if (this.#lostAtMs === 0) this.#lostAtMs = performance.now()
    const phase = this.#phase
    if (phase === null) return
    phase.tally.connectionsLost += 1
    phase.tally.lost += lost
    phase.tally.addComplaint(kind, detail)
    this.#reconnect()
  }

  #reconnect(): void {
    const phase = this.#phase
    if (phase === null || this.#closed) return
    // A phase without a time of its own must not wait for a dead server for ever.
    const { requestTimeoutMs } = this.#options
    const giveUpAtMs = Number.isFinite(phase.stopAtMs)
      ? phase.stopAtMs
      : this.#lostAtMs + requestTimeoutMs
    if (performance.now() + RECONNECT_PAUSE_MS >= giveUpAtMs) {
      phase.finish()
      return
    }
    this.#reconnectTimer = setTimeout(() => {
      this.open().then(
        () => {
          if (this.#socket !== null) this.#fill(this.#socket, phase)
        },
        () => {
          // #lose has counted it and tries again until the phase ends.
        },
      )
    }, RECONNECT_PAUSE_MS)
  }

  #sendBufferSize(): number {
    const { requests, depth } = this.#options
    return depth * Math.max(requests.setSize, requests.getSize)
  }
}
