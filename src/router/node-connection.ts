/**
 * One connection of a router thread to one node, shared by many clients. Requests go out in
 * batches, one write a turn of the transport; replies come back in the order of the requests.
 *
 *   shut ──admitted──▶ connecting ──open──▶ greeting ──all of it answered──▶ up
 *    ▲                  ▲   │ failed           │ closed, late                 │ closed, wrong reply
 *    │        back-off  │   ▼                  ▼                              ▼
 *    │                  └─ down ◀──────────────┴──────────────────────────────┤
 *    └──the life of the node is over (health.ts), of which this may be the cause
 *
 * A node that only accepts connections is not up: it has answered the greeting (a login, the fence,
 * `version`) first, so one that is full or hangs is neither believed nor asked again at once.
 *
 * Requests wait for the first connection of a life, and for one that is made anew because a quiet
 * one was lost; otherwise they fail at once. A write that is lost ends the node's life.
 */
import type { Credential } from '../auth/account.ts'
import { freeBytes } from '../base/bytes.ts'
import { Command } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { NEED_MORE, readReply, Reply, ReplyKind } from '../protocol/text-reply.ts'
import { HeldInput } from '../session/held-input.ts'
import type { Cancel, OutboundHandler, Stream } from '../net/transport.ts'
import { isWrite } from './answer.ts'
import { AnswerWindow } from './answer-window.ts'
import { isShutLife } from './health.ts'
import type { WatchedConnection } from './health-watch.ts'
import { LateWrites } from './late-writes.ts'
import type { NodeConnectionOptions } from './node-connection-options.ts'
import { type Outstanding, OutstandingQueue } from './outstanding.ts'
import { ReplyMatching } from './reply-matching.ts'
import { RequestBatches } from './request-batches.ts'
import { plainGetOf } from './request-text.ts'
import { SharedGets } from './shared-gets.ts'

/** Replies are no larger than the node's items, and there is one of them at a time. */
const heldReplies = { take: (size: number) => new Uint8Array(size), give: freeBytes }

/**
 * Whoever has waited while the node sent more than this waited for what others had asked for: the
 * node is at work.
 */
const AT_WORK_BYTES = 1024 * 1024

type State = 'shut' | 'connecting' | 'greeting' | 'up' | 'down' | 'closed'

export class NodeConnection implements OutboundHandler, WatchedConnection {
  readonly #options: NodeConnectionOptions
  readonly #late: LateWrites
  readonly #queue: OutstandingQueue
  readonly #matching: ReplyMatching
  readonly #batches = new RequestBatches()
  readonly #shared: SharedGets
  readonly #held = new HeldInput(heldReplies)
  readonly #reply: Reply
  #stream: Stream | undefined
  #state: State = 'shut'
  /** Of the node, in which this connection is or was made. */
  #life: number
  /** Whether requests wait until it is up. */
  #waits: boolean
  #flushScheduled = false
  #backOffMs: number
  #cancelRetry: Cancel | undefined
  /** Replies still to come before the node counts as up, and when they are too late. */
  #greetings: ReplyKind[] = []
  #greetingEndsAtMs = 0
  /** Something has come, or was taken, since timeouts were last checked. */
  #isMoving = false
  #movedAtMs = 0
  #receivedBytes = 0
  readonly #window = new AnswerWindow()

  constructor(options: NodeConnectionOptions) {
    this.#options = options
    this.#late = new LateWrites(options.health, options.index)
    this.#queue = new OutstandingQueue(this.#late)
    this.#reply = new Reply(options.valueSizeMax)
    this.#backOffMs = options.limits.reconnectMinMs
    this.#shared = new SharedGets(this.#queue, {
      send: outstanding => {
        this.#queue.append(outstanding)
        this.#put(outstanding, outstanding.request, outstanding.asked)
      },
      onAnswer: options.onAnswer,
    })
    this.#matching = new ReplyMatching(this.#queue, this.#shared, {
      onAnswer: (outstanding, said, isTrouble) => {
        options.onAnswer(outstanding, said)
        this.#window.count(isTrouble)
      },
      onEnd: () => options.health.answered(options.index),
    })
    this.#life = options.health.life(options.index)
    this.#waits = !options.health.isDecided(options.index)
    if (!isShutLife(this.#life)) this.admitted(this.#life)
  }

  get name(): string {
    return this.#options.node.name
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  get outstandingCount(): number {
    return this.#queue.length + this.#shared.waitingCount
  }

  get isGone(): boolean {
    // What was lost is said before.
    return this.#stream === undefined && this.#queue.length === 0
  }

  /** Whether it cannot take a request only because there are so many, or one is late. */
  get isOverloaded(): boolean {
    return (this.#state === 'up' || this.#waits) && this.#isOfNow()
  }

  get failure(): string {
    return `${this.name} is ${this.isOverloaded ? 'overloaded' : 'down'}`
  }

  /** The node's life has not ended meanwhile. */
  #isOfNow(): boolean {
    return this.#options.health.life(this.#options.index) === this.#life
  }

  /** Forwards a request; undefined when the node cannot take it (`failure` says why). */
  send(request: Request): Outstanding | undefined {
    if ((this.#state !== 'up' && !this.#waits) || !this.#isOfNow()) return undefined
    const { limits, nowMs } = this.#options
    if (this.outstandingCount >= limits.outstandingMax || this.#batches.isFull) return undefined
    if (this.#late.blocks(request)) return undefined
    const plain = plainGetOf(request)
    const shareable = limits.coalesces ? plain : Command.unknown
    let outstanding = this.#shared.join(request, shareable)
    if (outstanding === undefined) {
      outstanding = this.#queue.push()
      this.#put(outstanding, request, plain)
      if (shareable !== Command.unknown) this.#shared.lead(outstanding)
    }
    outstanding.sentAtMs = nowMs()
    outstanding.sentAtByte = this.#receivedBytes
    return outstanding
  }

  /** For the one that was added to the queue last. */
  #put(outstanding: Outstanding, request: Request, plain: Command): void {
    outstanding.asked = this.#batches.put(request, plain)
    outstanding.endsReply = true
    if (this.#batches.hasJoined) this.#queue.beforeLast().endsReply = false
    this.#scheduleFlush()
  }

  /** Once in a while: answers what has waited too long, and finds out a node that says nothing. */
  checkTimeouts(): void {
    const { limits, nowMs, onFailure } = this.#options
    const { requestTimeoutMs, healthSettings } = limits
    const now = nowMs()
    if (this.#isMoving) this.#movedAtMs = now
    this.#isMoving = false
    if (this.#state === 'greeting' && now >= this.#greetingEndsAtMs) {
      this.#stream?.destroy()
      return
    }
    const first = this.#queue.first()
    if (this.#state === 'up') {
      const quietMs = first === undefined ? 0 : now - Math.max(first.sentAtMs, this.#movedAtMs)
      if (quietMs >= healthSettings.timeoutMs)
        return this.#unfit(`silent for ${Math.round(quietMs)} ms`)
      if (this.#window.isTooBad(now, healthSettings.errorPercent))
        return this.#unfit('too many errors')
    }
    const onLate = (late: Outstanding): void => onFailure(late, `${this.name} timed out`)
    for (let i = 0; i < this.#queue.length; i += 1) {
      const outstanding = this.#queue.at(i)
      if (outstanding.isLeader) this.#shared.expire(outstanding, now - requestTimeoutMs, onLate)
      // What waited for another has been there longer than what went out before it.
      if (now - outstanding.sentAtMs < requestTimeoutMs) continue
      if (outstanding.session === undefined) continue
      const receivedBytes = this.#receivedBytes - outstanding.sentAtByte
      if (receivedBytes < AT_WORK_BYTES) this.#window.count(true)
      outstanding.lateSlot = this.#late.add(outstanding.request)
      onLate(outstanding)
      // Its place in the queue stays: the late reply is swallowed.
      outstanding.session = undefined
      outstanding.gathering = undefined
    }
  }

  admitted(life: number): void {
    if (this.#state === 'closed') return
    this.#life = life
    this.#waits = true
    this.#backOffMs = this.#options.limits.reconnectMinMs
    this.#connect()
  }

  shutOut(): void {
    if (this.#state === 'closed' || this.#state === 'shut') return
    this.#state = 'shut'
    this.#waits = false
    this.#cancelRetry?.()
    if (this.#stream === undefined) this.#failAll(`${this.name} is down`)
    else this.#stream.destroy()
  }

  giveUpWaiting(): void {
    if (!this.#waits) return
    this.#waits = false
    this.#failAll(`${this.name} is down`)
  }

  #unfit(reason: string): void {
    this.#options.onUnfit(this.#life, reason)
  }

  /** The node has gone: what still waits for it fails. */
  leave(): void {
    this.giveUpWaiting()
    this.shutOut()
    this.close()
  }

  /** The router ends: what has not been answered will not be, so its writes are missed. */
  end(): void {
    if (this.#hasWrites() && this.#isOfNow()) this.#unfit('the router ended before it answered')
    this.#failAll(`${this.name} is down`)
    this.close()
  }

  close(): void {
    this.#state = 'closed'
    this.#cancelRetry?.()
    this.#stream?.destroy()
  }

  onOpen(): void {
    if (this.#state !== 'connecting') return
    const { credential, health, index, routerId, limits, nowMs } = this.#options
    this.#state = 'greeting'
    const generation = health.generation(index)
    const fence = generation === undefined ? '' : `fence ${routerId} ${generation}\r\n`
    const { stored, ok, version } = ReplyKind
    this.#greetings = [version]
    if (fence !== '') this.#greetings.unshift(ok)
    if (credential !== undefined) this.#greetings.unshift(stored)
    this.#greetingEndsAtMs = nowMs() + limits.healthSettings.timeoutMs
    const greeting = Buffer.from(`${loginOf(credential)}${fence}version\r\n`)
    this.#stream!.write(greeting, 0, greeting.length)
  }

  onData(bytes: Uint8Array, at: number, length: number): void {
    this.#isMoving = true
    this.#receivedBytes += length
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
    this.#batches.drained()
    this.#isMoving = true
    this.#sendBatches()
  }

  onEnd(): void {
    this.#stream?.destroy()
  }

  onClose(error: string): void {
    const { health, index, hosts, node, limits } = this.#options
    this.#stream = undefined
    this.#held.clear()
    const wasQuiet = this.#state === 'up' && this.#queue.length === 0
    if (this.#state !== 'closed') {
      hosts.want(node.host)
      const failures = this.#isOfNow() ? health.fail(index) : 0
      const reason = error === '' ? 'connection closed' : error
      if (this.#hasWrites() || failures >= limits.healthSettings.failures) this.#unfit(reason)
    }
    const isOver = !this.#isOfNow() || this.#state === 'closed' || this.#state === 'shut'
    this.#waits = wasQuiet && !isOver
    this.#failAll(`${this.name} is down`)
    if (isOver) {
      if (this.#state !== 'closed') this.#state = 'shut'
      this.#options.onGone()
      return
    }
    this.#state = 'down'
    this.#cancelRetry = this.#options.transport.after(wasQuiet ? 0 : this.#backOffMs, () =>
      this.#connect(),
    )
    if (!wasQuiet) {
      this.#backOffMs = Math.min(limits.reconnectMaxMs, this.#backOffMs * 2)
    }
  }

  /** Whether there are writes among what has not been answered, or too late. */
  #hasWrites(): boolean {
    for (let i = 0; i < this.#queue.length; i += 1) {
      if (isWrite(this.#queue.at(i).request.command)) return true
    }
    return false
  }

  #connect(): void {
    const { node, hosts, transport, limits } = this.#options
    this.#state = 'connecting'
    const address = hosts.addressOf(node.host)
    if (address === undefined) {
      transport.atTurnEnd(() => this.onClose(`Cannot find an address of ${node.host}`))
      return
    }
    this.#stream = transport.connect(address, node.port, limits.connectTimeoutMs, this, node.host)
  }

  #becomeUp(): void {
    this.#state = 'up'
    this.#waits = false
    this.#backOffMs = this.#options.limits.reconnectMinMs
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
    return this.#matching.accept(bytes, this.#reply)
  }

  #acceptGreeting(): boolean {
    if (this.#reply.kind !== this.#greetings.shift()) return false
    if (this.#greetings.length === 0) this.#becomeUp()
    return true
  }

  #failAll(reason: string): void {
    const { onFailure, onLost, onTurnEnd } = this.#options
    this.#batches.clear()
    for (let first = this.#queue.first(); first !== undefined; first = this.#queue.first()) {
      if (isWrite(first.request.command)) onLost(first, reason)
      else if (first.session !== undefined) onFailure(first, reason)
      if (first.isLeader) this.#shared.fail(first, one => onFailure(one, reason))
      this.#queue.shift()
    }
    onTurnEnd()
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

  #sendBatches(): void {
    this.#shared.left()
    if (this.#state === 'up' && this.#stream !== undefined) this.#batches.sendTo(this.#stream)
  }
}

/** As memcached's ASCII authentication wants it; nothing when the node asks nobody. */
function loginOf(credential: Credential | undefined): string {
  if (credential === undefined) return ''
  const data = `${credential.name} ${credential.password}`
  return `set auth 0 0 ${Buffer.byteLength(data)}\r\n${data}\r\n`
}
