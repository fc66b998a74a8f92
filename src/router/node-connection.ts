/**
 * One connection of a router thread to one node, shared by many clients. Requests go out in
 * batches, one write a turn of the transport; replies come back in the order of the requests.
 *
 *   connecting ──open──▶ greeting ──logged in, version answered──▶ up
 *       ▲                    │                                      │ close, wrong reply, silence
 *       └── back-off over ── down ◀─────────────────────────────────┘
 *
 * A node that only accepts connections is not up: it has answered `version` (and the login before
 * it) first, so one that is full or hangs is neither believed nor asked again at once.
 *
 * While it connects for the first time requests wait; later a node that is down fails them at once.
 */
import { copyOf, latin1, toLatin1 } from '../base/bytes.ts'
import { Command, isStorage } from '../protocol/command.ts'
import type { Credential } from '../auth/account.ts'
import { OUTPUT_BYTES, Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { isReplyPart, NEED_MORE, readReply, Reply, ReplyKind } from '../protocol/text-reply.ts'
import { HeldInput } from '../session/held-input.ts'
import type { HostBook } from '../net/host-book.ts'
import type { Cancel, OutboundHandler, Stream, Transport } from '../net/transport.ts'
import { encodeEnd, encodeHit, failureOf, fits, isAskedFor } from './answer.ts'
import { type Outstanding, OutstandingQueue } from './outstanding.ts'
import { putRequestLine } from './request-text.ts'

/** Longest line of a request: verb, key, three numbers and a cas. */
const LINE_ROOM = 512
/** Requests that may wait for one connection; more fail at once. */
const OUTSTANDING_MAX = 65536
/**
 * How long after its timeout the oldest request may still be unanswered before the link is given
 * up.
 */
const SILENCE_FACTOR = 3
const CRLF = latin1('\r\n')

export type NodeConnectionOptions = {
  transport: Transport
  /** Where names are looked up. */
  hosts: HostBook
  node: { name: string; host: string; port: number }
  credential: Credential | undefined
  connectTimeoutMs: number
  requestTimeoutMs: number
  reconnectMinMs: number
  reconnectMaxMs: number
  valueSizeMax: number
  nowMs: () => number
  /** An answer in the client's protocol, for a request that has not been given up. */
  onAnswer: (outstanding: Outstanding, bytes: Uint8Array) => void
  /** No answer will come; `reason` says why. */
  onFailure: (outstanding: Outstanding, reason: string) => void
  /** After a batch of answers. */
  onTurnEnd: () => void
  onStateChange: (isUp: boolean, reason: string) => void
}

type State = 'connecting' | 'greeting' | 'up' | 'down' | 'closed'

export class NodeConnection implements OutboundHandler {
  readonly #options: NodeConnectionOptions
  readonly #queue = new OutstandingQueue()
  readonly #output = new Output(new Uint8Array(OUTPUT_BYTES), 0, OUTPUT_BYTES)
  readonly #held = new HeldInput()
  readonly #reply: Reply
  #stream: Stream | undefined
  #state: State = 'down'
  #hasBeenDown = false
  #behind = false
  /** Batches that the node has not taken yet. */
  #unsent: Uint8Array[] = []
  #unsentBytes = 0
  #flushScheduled = false
  #backOffMs: number
  #cancelRetry: Cancel | undefined
  /** Replies still to come before the node counts as up, and when they are too late. */
  #greetings = 0
  #greetingEndsAtMs = 0

  constructor(options: NodeConnectionOptions) {
    this.#options = options
    this.#reply = new Reply(options.valueSizeMax)
    this.#backOffMs = options.reconnectMinMs
    this.#connect()
  }

  get name(): string {
    return this.#options.node.name
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  get outstandingCount(): number {
    return this.#queue.length
  }

  /** Forwards a request; undefined when the node cannot take it (`failure` says why). */
  send(request: Request): Outstanding | undefined {
    const waits = !this.#hasBeenDown && this.#state !== 'closed'
    if (this.#state !== 'up' && !waits) return undefined
    if (this.#queue.length >= OUTSTANDING_MAX || this.#unsentBytes > UNSENT_MAX) return undefined
    const output = this.#output
    if (output.room < LINE_ROOM) this.#batch()
    const asked = putRequestLine(output, request)
    if (isStorage(request.command)) this.#putValue(request)
    this.#scheduleFlush()
    const outstanding = this.#queue.push()
    outstanding.asked = asked
    outstanding.sentAtMs = this.#options.nowMs()
    return outstanding
  }

  get failure(): string {
    return this.#state === 'up' ? `${this.name} is overloaded` : `${this.name} is down`
  }

  /** Once in a while: answers what has waited too long, and gives up a node that says nothing. */
  checkTimeouts(): void {
    const { requestTimeoutMs, nowMs, onFailure } = this.#options
    const now = nowMs()
    if (this.#state === 'greeting' && now >= this.#greetingEndsAtMs) {
      this.#stream?.destroy()
      return
    }
    for (let i = 0; i < this.#queue.length; i += 1) {
      const outstanding = this.#queue.at(i)
      const waitedMs = now - outstanding.sentAtMs
      if (waitedMs < requestTimeoutMs) break
      if (waitedMs >= requestTimeoutMs * SILENCE_FACTOR && this.#state === 'up') {
        this.#stream?.destroy()
        return
      }
      if (outstanding.session === undefined) continue
      onFailure(outstanding, `${this.name} timed out`)
      // Its place in the queue stays: the late reply is swallowed.
      outstanding.session = undefined
      outstanding.gathering = undefined
    }
  }

  close(): void {
    this.#state = 'closed'
    this.#cancelRetry?.()
    this.#stream?.destroy()
  }

  onOpen(): void {
    const { credential, nowMs, requestTimeoutMs } = this.#options
    this.#state = 'greeting'
    this.#greetings = credential === undefined ? 1 : 2
    this.#greetingEndsAtMs = nowMs() + requestTimeoutMs
    const greeting = Buffer.from(`${loginOf(credential)}version\r\n`)
    this.#stream!.write(greeting, 0, greeting.length)
  }

  onData(bytes: Uint8Array, at: number, length: number): void {
    if (this.#held.isEmpty) {
      this.#read(bytes, at, at + length)
    } else {
      this.#held.append(bytes, at, length, this.#reply.unitSize)
      const { end, at: from } = this.#held
      if (end - from >= this.#reply.unitSize) this.#read(this.#held.bytes!, from, end)
    }
    this.#options.onTurnEnd()
  }

  onDrain(): void {
    this.#behind = false
    this.#sendBatches()
  }

  onEnd(): void {
    this.#stream?.destroy()
  }

  onClose(error: string): void {
    this.#stream = undefined
    this.#held.clear()
    this.#output.clear()
    this.#unsent = []
    this.#unsentBytes = 0
    this.#behind = false
    const wasUp = this.#state === 'up'
    const closed = this.#state === 'closed'
    if (!closed) this.#state = 'down'
    const first = !this.#hasBeenDown
    this.#hasBeenDown = true
    this.#failAll(`${this.name} is down`)
    if (closed) return
    this.#options.hosts.want(this.#options.node.host)
    if (wasUp || first) this.#options.onStateChange(false, error)
    this.#cancelRetry = this.#options.transport.after(this.#backOffMs, () => this.#connect())
    this.#backOffMs = Math.min(this.#options.reconnectMaxMs, this.#backOffMs * 2)
  }

  #connect(): void {
    const { node, hosts, transport, connectTimeoutMs } = this.#options
    this.#state = 'connecting'
    const address = hosts.addressOf(node.host)
    if (address === undefined) {
      transport.atTurnEnd(() => this.onClose(`Cannot find an address of ${node.host}`))
      return
    }
    this.#stream = transport.connect(address, node.port, connectTimeoutMs, this, node.host)
  }

  #becomeUp(): void {
    const { onStateChange, reconnectMinMs } = this.#options
    this.#state = 'up'
    this.#hasBeenDown = true
    this.#backOffMs = reconnectMinMs
    onStateChange(true, '')
    this.#sendBatches()
  }

  #read(bytes: Uint8Array, at: number, end: number): void {
    let position = at
    while (position < end) {
      const next = readReply(bytes, position, end, this.#reply)
      if (next === NEED_MORE) break
      if (next < 0 || !this.#accept(bytes)) {
        this.#stream?.destroy()
        return
      }
      position = next
      this.#reply.unitSize = 0
    }
    this.#held.keep(bytes, position, end)
  }

  /** False: the reply does not fit what was asked, so the place in the stream is lost. */
  #accept(bytes: Uint8Array): boolean {
    if (this.#state === 'greeting') return this.#acceptGreeting()
    const outstanding = this.#queue.first()
    if (outstanding === undefined) return false
    if (this.#reply.kind === ReplyKind.value) {
      if (outstanding.hit !== undefined || !isAskedFor(outstanding, bytes, this.#reply))
        return false
      outstanding.hit = encodeHit(outstanding, bytes, this.#reply)
      return true
    }
    if (isReplyPart(this.#reply.kind)) return acceptRow(outstanding, bytes, this.#reply)
    if (outstanding.gathering !== undefined) {
      if (!fits(outstanding.asked, this.#reply.kind)) return false
      outstanding.gathering.answer(failureOf(bytes, this.#reply))
    } else {
      const answer = encodeEnd(outstanding, bytes, this.#reply)
      if (answer === undefined) return false
      if (outstanding.session !== undefined) this.#options.onAnswer(outstanding, answer)
    }
    this.#queue.shift()
    return true
  }

  /** First STORED for the login, if there was one, then VERSION. */
  #acceptGreeting(): boolean {
    const expected = this.#greetings === 2 ? ReplyKind.stored : ReplyKind.version
    if (this.#reply.kind !== expected) return false
    this.#greetings -= 1
    if (this.#greetings === 0) this.#becomeUp()
    return true
  }

  #failAll(reason: string): void {
    const { onFailure, onTurnEnd } = this.#options
    for (let first = this.#queue.first(); first !== undefined; first = this.#queue.first()) {
      if (first.session !== undefined) onFailure(first, reason)
      this.#queue.shift()
    }
    onTurnEnd()
  }

  #putValue(request: Request): void {
    const output = this.#output
    if (output.room >= request.valueSize + CRLF.length) {
      output.copy(request.value, request.valueAt, request.valueSize)
    } else {
      this.#batch()
      this.#queueBytes(copyOf(request.value, request.valueAt, request.valueSize))
    }
    output.put(CRLF)
  }

  /** All requests of this turn leave in one write. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    this.#options.transport.atTurnEnd(this.#flushAtTurnEnd)
  }

  readonly #flushAtTurnEnd = (): void => {
    this.#flushScheduled = false
    this.#sendBatches()
  }

  #batch(): void {
    const output = this.#output
    if (output.length > 0) this.#queueBytes(output.bytes.slice(output.start, output.at))
    output.clear()
  }

  #queueBytes(bytes: Uint8Array): void {
    this.#unsent.push(bytes)
    this.#unsentBytes += bytes.length
  }

  #sendBatches(): void {
    if (this.#state !== 'up' || this.#behind || this.#stream === undefined) return
    if (this.#unsent.length > 0) this.#batch()
    const output = this.#output
    if (output.length > 0) {
      this.#behind = !this.#stream.write(output.bytes, output.start, output.length)
      output.clear()
      return
    }
    while (this.#unsent.length > 0 && !this.#behind) {
      const bytes = this.#unsent.shift()!
      this.#unsentBytes -= bytes.length
      this.#behind = !this.#stream.write(bytes, 0, bytes.length)
    }
  }
}

/** One line of statistics; false when none were asked for. */
function acceptRow({ asked, gathering }: Outstanding, bytes: Uint8Array, reply: Reply): boolean {
  if (asked !== Command.stats) return false
  const { keyAt, keyLength, valueAt, valueLength } = reply
  // Nobody waits any more once it has timed out.
  gathering?.row?.(toLatin1(bytes, keyAt, keyLength), toLatin1(bytes, valueAt, valueLength))
  return true
}

/** Bytes that may wait for a node that does not read; requests above it fail at once. */
const UNSENT_MAX = 32 * 1024 * 1024

/** As memcached's ASCII authentication wants it; nothing when the node asks nobody. */
function loginOf(credential: Credential | undefined): string {
  if (credential === undefined) return ''
  const data = `${credential.name} ${credential.password}`
  return `set auth 0 0 ${Buffer.byteLength(data)}\r\n${data}\r\n`
}
