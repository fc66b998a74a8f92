/**
 * Answers a router's sessions from the nodes: places every key on the ring, forwards it over the
 * thread's shared connections, and keeps each client's replies in the order of its requests.
 *
 *   session ──request──▶ ring ──▶ node connection ──▶ node
 *      ▲                                               │
 *      └──── in order (session.defer) ◀──── answer ◀───┘
 *
 * A client's next request is taken up only while few of its own are on their way (mayProceed).
 */
import type { Cancel } from '../net/transport.ts'
import { Counter } from '../observe/counters.ts'
import { binaryEncoder } from '../protocol/binary-encoder.ts'
import { Command, isStorage } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import { Request } from '../protocol/request.ts'
import { Ring } from '../ring/ring.ts'
import type { Executor, StatAnswer, ValueSink } from '../session/executor.ts'
import type { Reply } from '../session/pending-replies.ts'
import type { Session } from '../session/session.ts'
import { StagedValue } from '../session/staged-value.ts'
import {
  encodeDiscarded,
  encodeFailure,
  encodeOwnValue,
  encodeRefusal,
  encodeStatus,
  isRead,
  isWrite,
} from './answer.ts'
import { type Discovery, isReserved } from './discovery.ts'
import { Gathering } from './gathering.ts'
import { NodeLinks, type NodeLinksOptions } from './node-links.ts'
import { Outstanding } from './outstanding.ts'
import { kept, type Said } from './said.ts'
import { isKeySayable } from './request-meta.ts'
import { type OwnStats, StatQuestions } from './stat-questions.ts'
import { Barrier } from './barrier.ts'
import { limitsOf, type PlacedNode, type Topology } from './topology.ts'

/** Requests of one client that may be on their way. */
const WINDOW = 32
/** Bytes of one client's replies that may wait for an earlier one. */
const BUFFERED_BYTES_MAX = 256 * 1024
const TIMEOUT_CHECK_MS = 50
/** The thread was away itself: what has come is read before anything is late; once, not always. */
const AWAY_MS = 2 * TIMEOUT_CHECK_MS
/** How long nodes get to answer what was asked before the router ends. */
const DRAIN_MS = 250
const DRAIN_STEP_MS = 5
export type RouteExecutorOptions = NodeLinksOptions & {
  ring: Ring
  counts: Float64Array
  discovery: Discovery
  /** The rest of the thread goes by it, too. */
  onTaken: (topology: Topology) => void
  stats: OwnStats
}

export class RouteExecutor implements Executor {
  readonly #options: RouteExecutorOptions
  readonly #links: NodeLinks
  #ring: Ring
  #nodes: readonly PlacedNode[]
  /** Places of the nodes, by their index on the ring. */
  #slots: Uint16Array
  readonly #barrier: Barrier
  readonly #dirty = new Set<Session>()
  readonly #failed = new Outstanding()
  readonly #deletion = new Request()
  readonly #questions: StatQuestions
  readonly #cancelChecks: Cancel
  #closing = false
  #checkedAtMs = Number.POSITIVE_INFINITY

  constructor(options: RouteExecutorOptions) {
    this.#options = options
    this.#ring = options.ring
    this.#nodes = options.nodes
    this.#slots = slotsOf(options.nodes)
    this.#links = new NodeLinks(options, {
      onAnswer: (outstanding, said) => this.#onAnswer(outstanding, said),
      onFailure: (outstanding, reason) => this.#onFailure(outstanding, reason),
      onMissed: (node, outstanding, reason) => this.#answerMissed(node, outstanding, reason),
      onTurnEnd: () => this.#drain(),
    })
    this.#questions = new StatQuestions(this.#links, options.stats)
    this.#barrier = new Barrier({
      transport: options.transport,
      nowMs: options.nowMs,
      isQuiet: () => !this.#links.all.some(({ outstandingCount }) => outstandingCount > 0),
      take: topology => this.#take(topology),
    })
    this.#cancelChecks = options.transport.every(TIMEOUT_CHECK_MS, () => this.#checkTimeouts())
  }

  /** Takes up nothing new, waits a moment for answers that are on their way, then hangs up. */
  close(done: () => void): void {
    this.#closing = true
    const { nowMs, transport } = this.#options
    const connections = this.#links.all
    const deadline = nowMs() + DRAIN_MS
    const step = (): void => {
      const busy = connections.some(connection => connection.outstandingCount > 0)
      if (busy && nowMs() < deadline) {
        transport.after(DRAIN_STEP_MS, step)
        return
      }
      this.#cancelChecks()
      for (const connection of connections) connection.end()
      done()
    }
    step()
  }

  mayProceed(session: Session): boolean {
    if (this.#closing || this.#barrier.holds(session)) return false
    const { pendingCount } = session
    if (pendingCount === 0) return true
    if (pendingCount >= WINDOW || session.bufferedBytes >= BUFFERED_BYTES_MAX) return false
    return session.mayExpect
  }

  closed(session: Session): void {
    this.#dirty.delete(session)
    this.#barrier.forget(session)
  }

  /** Takes nothing up until what is on its way is answered, or nearly; then goes by `topology`. */
  prepare(topology: Topology): void {
    this.#barrier.shut(topology)
  }

  /** Every thread goes by the topology of this turn. */
  go(turn: number): void {
    this.#barrier.open(turn)
  }

  #take(topology: Topology): void {
    const { options, nodes, turn, hosts, ring } = topology
    const live = this.#options
    live.hosts.exchange(hosts)
    live.deadNode = options.deadNode
    live.itemSizeMax = options.itemSizeMax
    Object.assign(live.limits, limitsOf(options))
    this.#ring = new Ring(ring)
    this.#nodes = nodes
    this.#slots = slotsOf(nodes)
    this.#links.adopt(nodes)
    live.discovery.replace(options.configVersion, nodes)
    live.onTaken(topology)
    live.tellMain({ type: 'taken', turn })
  }

  retrieve(session: Session, request: Request): boolean {
    if (isReserved(request)) {
      this.#answerReserved(session, request)
      return true
    }
    this.#count(Counter.cmdGet)
    return this.#forward(session, request)
  }

  execute(session: Session, request: Request): void {
    switch (request.command) {
      case Command.flushAll:
        this.#count(Counter.cmdFlush)
        this.#toAll(session, request)
        return
      case Command.verbosity:
        this.#toAll(session, request)
        return
      case Command.memoryLimit:
        // A router holds nothing; its nodes are told one by one.
        request.encoder.status(session.output, request, Status.unknownCommand)
        return
      default:
        if (isReserved(request)) {
          this.#answerReserved(session, request)
          return
        }
        if (isStorage(request.command)) this.#count(Counter.cmdSet)
        else if (isRead(request.command)) this.#count(Counter.cmdGet)
        this.#forward(session, request)
    }
  }

  /** The key that tells of the cluster can be read only. */
  #answerReserved(session: Session, request: Request): void {
    const { output } = session
    if (request.command === Command.metaDebug) {
      request.encoder.miss(output, request)
    } else if (isRead(request.command)) {
      const reply = session.defer()
      this.#answerSoon(session, reply, encodeOwnValue(request, this.#options.discovery.text()))
    } else {
      request.encoder.status(output, request, Status.keyNotAllowed)
    }
  }

  openValue(session: Session, request: Request): ValueSink | undefined {
    return StagedValue.open(session, request, whole => this.execute(session, whole))
  }

  refuse(session: Session, request: Request, status: Status): void {
    this.#count(status === Status.tooLarge ? Counter.storeTooLarge : Counter.storeNoMemory)
    if (request.command !== Command.set && request.command !== Command.metaSet) {
      request.encoder.status(session.output, request, status)
      return
    }
    // The refusal leaves once the old value is gone: behind the delete's own answer.
    const reply = session.defer()
    const bytes = kept(encodeStatus(request, status))
    const deletion = this.#deletion
    deletion.reset(Command.delete)
    // Binary: its key may be no text.
    deletion.encoder = binaryEncoder
    deletion.key = request.key
    deletion.keyAt = request.keyAt
    deletion.keySize = request.keySize
    const node = this.#nodeOf(deletion)
    const connection = this.#links.of(node, session)
    const outstanding = this.#links.send(node, connection, deletion)
    if (outstanding === undefined) {
      const answer = (): void => this.#answerSoon(session, reply, bytes)
      if (connection.isOverloaded) answer()
      else this.#links.watch.whenMarked(node, answer)
      return
    }
    outstanding.take(session, undefined, deletion)
    outstanding.gathering = new Gathering(1, () => this.#answer(session, reply, bytes))
  }

  stats(session: Session, words: readonly string[]): StatAnswer | undefined {
    return this.#questions.stats(session, words, this.#nodes)
  }

  /** A router holds nothing: its nodes are asked one by one. */
  operate(): string {
    return 'ERROR'
  }

  /** Main has changed something about a node. */
  look(): void {
    this.#links.watch.look()
    this.#drain()
  }

  /** Its place. */
  #nodeOf(request: Request): number {
    return this.#slots[this.#ring.locate(request.key, request.keyAt, request.keySize)]!
  }

  /** False: it cannot be asked at all, and was refused. */
  #forward(session: Session, request: Request): boolean {
    if (!isKeySayable(request)) {
      request.encoder.status(session.output, request, Status.badKey)
      return false
    }
    const node = this.#nodeOf(request)
    const connection = this.#links.of(node, session)
    if (isRead(request.command) && this.#refusesReads(node)) {
      this.#count(Counter.getMisses)
      request.encoder.serverError(session.output, request, connection.failure)
      return false
    }
    const reply = session.defer(isRead(request.command))
    const outstanding = this.#links.send(node, connection, request)
    if (outstanding !== undefined) {
      outstanding.take(session, reply, request)
      return true
    }
    const failed = this.#failed
    failed.take(session, reply, request)
    const isMissed = isWrite(request.command) && !connection.isOverloaded
    if (isMissed) this.#answerMissed(node, failed, connection.failure)
    else this.#onFailure(failed, connection.failure)
    // The session is in the middle of its input: what is due leaves when it flushes next.
    this.#drainSoon()
    return true
  }

  #refusesReads(node: number): boolean {
    const { deadNode, health } = this.#options
    return deadNode.reads === 'error' && health.isDecided(node) && !health.isAdmitted(node)
  }

  #toAll(session: Session, request: Request): void {
    const reply = session.defer()
    const nodes = this.#nodes
    const { encoder, opcode, opaque, quiet, command } = request
    const gathering = new Gathering(nodes.length, failure => {
      const asked = Object.assign(this.#failed.request, { encoder, opcode, opaque, quiet, command })
      const bytes = failure === '' ? encodeStatus(asked, Status.ok) : encodeRefusal(asked, failure)
      this.#answer(session, reply, bytes)
    })
    for (const { slot: node } of nodes) {
      const connection = this.#links.of(node, session)
      const outstanding = this.#links.send(node, connection, request)
      if (outstanding === undefined) {
        const failure = `SERVER_ERROR ${connection.failure}`
        const isMissed = isWrite(request.command) && !connection.isOverloaded
        if (isMissed) this.#links.watch.whenMarked(node, () => gathering.answer(failure))
        else gathering.answer(failure)
        continue
      }
      outstanding.take(session, undefined, request)
      outstanding.gathering = gathering
    }
    // If no node could be asked, the answer is there already.
    this.#drainSoon()
  }

  #onAnswer(outstanding: Outstanding, said: Said): void {
    const session = outstanding.session!
    if (isRead(outstanding.request.command)) {
      if (!session.isClosed && !session.services.replies.allows(session, said.length)) {
        this.#count(Counter.repliesDropped)
        return this.#onFailure(outstanding, 'out of memory')
      }
      this.#count(outstanding.hit ? Counter.getHits : Counter.getMisses)
      if (outstanding.isFollower) this.#count(Counter.getsShared)
    }
    this.#answer(session, outstanding.reply!, said)
  }

  #onFailure(outstanding: Outstanding, reason: string): void {
    if (outstanding.gathering) {
      outstanding.gathering.answer(`SERVER_ERROR ${reason}`)
      return
    }
    if (isRead(outstanding.request.command)) this.#count(Counter.getMisses)
    this.#answer(outstanding.session!, outstanding.reply!, encodeFailure(outstanding, reason))
  }

  /** The node did not get a write, or nobody knows: said once a restart would know that too. */
  #answerMissed(node: number, outstanding: Outstanding, reason: string): void {
    const { gathering } = outstanding
    if (gathering) {
      this.#links.watch.whenMarked(node, () => gathering.answer(`SERVER_ERROR ${reason}`))
      return
    }
    const session = outstanding.session!
    const reply = outstanding.reply!
    const failure = kept(encodeFailure(outstanding, reason))
    const { deadNode, health } = this.#options
    const discards = deadNode.writes === 'discard' && health.isFenceable(node)
    const discarded = discards ? encodeDiscarded(outstanding) : undefined
    const said = discarded === undefined ? failure : kept(discarded)
    this.#count(said === failure ? Counter.writesMissed : Counter.writesDiscarded)
    this.#links.watch.whenMarked(node, isMarked => {
      this.#answer(session, reply, isMarked ? said : failure)
    })
  }

  #answer(session: Session, reply: Reply, { bytes, at, length }: Said): void {
    if (session.isClosed) return
    session.complete(reply, bytes, at, length)
    this.#dirty.add(session)
  }

  /** For an answer found while the session is in the middle of its input. */
  #answerSoon(session: Session, reply: Reply, said: Said): void {
    this.#answer(session, reply, said)
    this.#drainSoon()
  }

  #drainSoon(): void {
    this.#options.transport.atTurnEnd(() => this.#drain())
  }

  /** Sends what has become due, once a turn for each client that got something. */
  #drain(): void {
    if (this.#dirty.size === 0) return
    const due = [...this.#dirty]
    this.#dirty.clear()
    for (const session of due) session.drainPending()
    // Going on may have failed at once, and so made more due.
    if (this.#dirty.size > 0) this.#drainSoon()
  }

  #checkTimeouts(): void {
    const nowMs = this.#options.nowMs()
    const wasAway = nowMs - this.#checkedAtMs > AWAY_MS
    this.#checkedAtMs = wasAway ? Number.POSITIVE_INFINITY : nowMs
    if (wasAway) return
    for (const connection of this.#links.all) connection.checkTimeouts()
    this.#links.checkLeaving()
    this.look()
  }

  #count(counter: Counter): void {
    const { counts } = this.#options
    counts[counter] = counts[counter]! + 1
  }
}

function slotsOf(nodes: readonly PlacedNode[]): Uint16Array {
  return Uint16Array.from(nodes, ({ slot }) => slot)
}
