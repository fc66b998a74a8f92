/**
 * One connection: keeps what was received until it can be used, produces replies only as fast as
 * the peer takes them, and closes in order. It knows no socket (net/transport.ts) and no store
 * (executor.ts); what the bytes mean is its protocol's business.
 *
 *   reading ◀──drain, resume── blocked        output full, peer behind, executor's window full,
 *      │  └───────────────────────▶             a login not decided, enough done in this turn:
 *      │                                        nothing more is parsed, the socket is not read
 *      └──quit, protocol violation, peer's end──▶ closing ──last reply sent──▶ closed
 */
import { copyBytes } from '../base/bytes.ts'
import { type Output, REPLY_ROOM } from '../protocol/output.ts'
import type { Stream, StreamHandler } from '../net/transport.ts'
import type { Executor, ReplyProducer, ValueSource } from './executor.ts'
import type { SessionGuard } from './guard.ts'
import { HeldInput } from './held-input.ts'
import { Login } from './login.ts'
import { PendingReplies, type Reply } from './pending-replies.ts'
import { type Protocol, protocolOf } from './protocol.ts'
import type { Reader } from './reply-memory.ts'
import { PAGED_BYTES_MAX } from './reply-pages.ts'
import { ReplyStream } from './reply-stream.ts'
import type { SessionServices } from './services.ts'

/** Replies that are worth a copy: what is more leaves at once. */
const ASIDE_MAX = 16 * 1024
/** For each request of a turn: a rest that is shorter is done with at once, which is cheaper. */
const REST_BYTES = 200

export class Session implements StreamHandler, Reader {
  readonly stream: Stream
  readonly executor: Executor
  readonly services: SessionServices
  readonly output: Output
  readonly login: Login
  /** Of a connection that can be disowned; undefined: of most. */
  guard: SessionGuard | undefined
  #protocol: Protocol | undefined
  readonly #held: HeldInput
  #behind = false
  #paused = false
  #closing = false
  #closed = false
  #peerEnded = false
  #running = false
  #suspended = false
  #pending: PendingReplies | undefined
  /** Made for the first reply that is made as it leaves. */
  #replying: ReplyStream | undefined
  /** Requests that may still be taken up before others get their turn. */
  #allowance = 0
  #isYielding = false
  /** Replies of a turn that is over, to go on from in the next: one write for all of them. */
  #aside: Uint8Array | undefined
  #asideBytes = 0
  /** Nothing that is sent is looked at any more; what there is to say comes from elsewhere. */
  #listening = false

  constructor(stream: Stream, executor: Executor, services: SessionServices) {
    this.stream = stream
    this.executor = executor
    this.services = services
    this.output = services.output
    this.#held = new HeldInput(services.staging)
    this.login = new Login(this, services.authenticator)
  }

  onData(bytes: Uint8Array, at: number, length: number): void {
    const { services } = this
    services.beginTurn()
    services.received += 1
    services.counters.bytesRead(length)
    services.heard?.(this.stream.fd)
    if (this.#closing || this.#listening) return
    if (this.#held.isEmpty) {
      this.#run(bytes, at, at + length)
    } else if (!this.#held.append(bytes, at, length)) {
      this.#loseInput()
    } else if (!this.#isYielding) {
      this.#runHeld()
    }
  }

  onDrain(): void {
    this.#behind = false
    this.services.replies.caughtUp(this)
    this.resume()
  }

  onEnd(): void {
    this.#peerEnded = true
    this.#settle()
  }

  onIdle(): void {
    // Who watches has nothing to say.
    if (!this.#listening) this.services.onIdle?.(this)
  }

  onClose(error: string): void {
    this.#closed = true
    this.#forgetReplies()
    this.guard?.release()
    this.#replying?.abandon()
    if (this.#aside) this.services.staging.give(this.#aside)
    this.#aside = undefined
    this.services.stalled.remove(this)
    this.#protocol?.abandon()
    this.login.forget()
    this.#held.clear()
    this.executor.closed(this)
    this.services.onClosed(this, error)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** The peer does not take what was sent: nothing more is made until it has. */
  get isBehind(): boolean {
    return this.#behind
  }

  get pendingCount(): number {
    return this.#pending?.length ?? 0
  }

  /** Whether another value may be asked for, beside those awaited: by how large the last were. */
  get mayExpect(): boolean {
    return this.#pending?.mayExpect ?? true
  }

  get bufferedBytes(): number {
    return this.#pending?.bufferedBytes ?? 0
  }

  /** Hangs up at once, whatever is still to be said. */
  cutOff(): void {
    this.#closed = true
    this.#forgetReplies()
    this.stream.destroy()
  }

  /** Whether another request may be taken up: there is room for its reply, and nobody objects. */
  ready(): boolean {
    if (this.#closing || this.#closed || this.#behind || this.#suspended) return false
    if (this.#isStreaming() || this.#listening || this.#isYielding) return false
    if (this.output.room < REPLY_ROOM && !this.flush()) return false
    return this.executor.mayProceed(this)
  }

  /** A request has been dealt with: after some, others get their turn. `restBytes` are left. */
  tookUp(restBytes: number): void {
    this.#allowance -= 1
    if (this.#allowance > 0) return
    this.services.counters.yielded()
    const { requestsPerTurn, staging } = this.services
    // The rest is held meanwhile: who finds no room for it goes on.
    const hasPlace = !this.#held.isEmpty || staging.hasRoom(restBytes)
    if (restBytes > requestsPerTurn * REST_BYTES && hasPlace) this.#isYielding = true
    else this.#allowance = requestsPerTurn
  }

  /**
   * Sends what is in the output buffer, behind all replies still awaited; false: the peer is
   * behind.
   */
  flush(): boolean {
    const { output } = this
    if (output.length === 0) return !this.#behind
    if (this.#pending !== undefined && !this.#pending.isEmpty) {
      this.#pending.push(output.bytes, output.start, output.length)
    } else {
      this.#send(output.bytes, output.start, output.length)
    }
    output.clear()
    return !this.#behind
  }

  /** A place for a reply that comes later, behind all there is so far; with a value, it may be. */
  defer(hasValue = false): Reply {
    this.flush()
    this.#pending ??= new PendingReplies(this.services.replies)
    return this.#pending.open(hasValue)
  }

  /** The bytes of a deferred reply: many leave now if they may, or are kept for `drainPending`. */
  complete(reply: Reply, bytes: Uint8Array, at = 0, length = bytes.length): void {
    const pending = this.#pending!
    if (length > PAGED_BYTES_MAX && this.output.length === 0 && pending.isNext(reply)) {
      pending.left(reply, length)
      this.#send(bytes, at, length)
    } else {
      pending.complete(reply, bytes, at, length)
    }
  }

  /** Sends deferred replies that are due, then goes on with what was received. */
  drainPending(): void {
    const { output } = this
    const pending = this.#pending
    if (pending === undefined || this.#closed) return
    for (let kept = pending.shift(); kept !== undefined; kept = pending.shift()) {
      const { bytes, at, length } = kept
      if (length > output.room && output.length > 0) this.#sendOutput()
      if (length > output.room) this.#send(bytes, at, length)
      else output.copy(bytes, at, length)
      kept.release()
    }
    this.#sendOutput()
    this.resume()
  }

  /** Streams a value larger than the output buffer behind what is in it, then calls `done`. */
  sendValue(source: ValueSource, done: () => void): void {
    this.#replying ??= new ReplyStream(this)
    this.#replying.sendValue(source, done)
  }

  /** Whether something was answered just now, and has not been sent yet. */
  get hasUnsentReplies(): boolean {
    return this.output.length > 0 || this.pendingCount > 0
  }

  /** Sends a reply that is still to be made, behind what is in the output. */
  sendReply(producer: ReplyProducer): void {
    this.#replying ??= new ReplyStream(this)
    this.#replying.sendReply(producer)
  }

  /** From now on the peer only listens: `say` is how it hears anything. */
  listen(): void {
    this.#listening = true
    this.#held.clear()
  }

  /** To a peer that listens: whether it is ready for something to be put into the output. */
  get canHear(): boolean {
    return !this.#closed && !this.#closing && !this.#behind
  }

  /** Sends what was put into the output, ahead of replies awaited. */
  say(): void {
    this.#sendOutput()
  }

  /** Answers what is there, then closes; of a reply that is still being made nothing more comes. */
  close(): void {
    this.#closing = true
    this.#replying?.stop()
  }

  /** Takes up nothing more until `proceed`. */
  suspend(): void {
    this.#suspended = true
  }

  /** After `suspend`, from outside of a turn or within it. */
  proceed(): void {
    this.#suspended = false
    if (this.#running || this.#closed) return
    this.services.beginTurn()
    this.flush()
    this.resume()
  }

  /** Goes on where the session had to wait. */
  resume(): void {
    if (this.#closed || this.#running) return
    this.#replying?.goOn()
    if (!this.#held.isEmpty && !this.#isYielding) this.#runHeld()
    else this.#settle()
  }

  #runHeld(): void {
    this.#run(this.#held.bytes!, this.#held.at, this.#held.end)
  }

  #run(bytes: Uint8Array, at: number, end: number): void {
    if (this.guard?.enter() === false) {
      this.#disowned()
      return
    }
    this.#running = true
    this.#protocol ??= protocolOf(this, bytes[at]!)
    this.#allowance = this.services.requestsPerTurn
    const used = this.ready() ? this.#protocol.process(bytes, at, end) : at
    if (this.#closing || this.#listening) this.#held.clear()
    else if (!this.#held.keep(bytes, used, end)) this.#refuseInput()
    this.#running = false
    this.guard?.leave()
    // Who has to wait anyway is called by whoever it waits for.
    this.#isYielding &&= !this.#held.isEmpty && !this.#isBlocked()
    if (this.#isYielding) this.#yield()
    else this.flush()
    this.#settle()
  }

  /** There is no memory for what has just come. */
  #loseInput(): void {
    this.#refuseInput()
    if (!this.#isYielding) this.flush()
    this.#settle()
  }

  /** Where the answer would come in the middle of another one, the end is all there is to see. */
  #refuseInput(): void {
    if (!this.#isBlocked() && !this.#isYielding) this.#protocol!.refuseInput()
    this.close()
  }

  #disowned(): void {
    this.#closing = true
    this.#held.clear()
    this.output.clear()
    this.stream.destroy()
  }

  /** Leaves the rest for when all others that are ready have had their turn. */
  #yield(): void {
    this.#setAside()
    this.services.nextTurn(() => {
      this.#isYielding = false
      if (this.#closed) return
      this.services.beginTurn()
      this.#takeBack()
      if (this.#held.isEmpty) this.flush()
      this.resume()
    })
  }

  #setAside(): void {
    const { output } = this
    const { length } = output
    if (length === 0) return
    // Others use the output meanwhile.
    const isNext = length <= ASIDE_MAX && this.pendingCount === 0
    this.#aside = isNext ? this.services.staging.take(length) : undefined
    if (this.#aside === undefined) {
      this.flush()
      return
    }
    copyBytes(this.#aside, 0, output.bytes, output.start, length)
    this.#asideBytes = length
    output.clear()
  }

  #takeBack(): void {
    if (this.#aside === undefined) return
    this.output.copy(this.#aside, 0, this.#asideBytes)
    this.services.staging.give(this.#aside)
    this.#aside = undefined
  }

  #isBlocked(): boolean {
    return this.#closing || this.#behind || this.#suspended || this.#isStreaming()
  }

  #isStreaming(): boolean {
    return this.#replying !== undefined && this.#replying.isActive
  }

  #sendOutput(): void {
    const { output } = this
    if (output.length > 0) this.#send(output.bytes, output.start, output.length)
    output.clear()
  }

  #send(bytes: Uint8Array, at: number, length: number): void {
    this.services.counters.bytesWritten(length)
    if (this.stream.write(bytes, at, length)) return
    this.#behind = true
    this.services.replies.unsent(this, length)
  }

  #forgetReplies(): void {
    this.services.replies.caughtUp(this)
    this.#pending?.clear()
  }

  /** After a turn: stops or goes on reading, and closes when there is nothing left to say. */
  #settle(): void {
    if (this.#closed || this.#running) return
    const waits = this.#isStreaming() || this.#suspended || this.#isYielding
    const idle = !waits && (this.#pending?.isEmpty ?? true)
    const stuck = !this.#held.isEmpty && !this.ready()
    if (idle && (this.#closing || (this.#peerEnded && !stuck))) {
      this.#closing = true
      this.stream.end()
      return
    }
    const mustWait = this.#closing || this.#behind || this.#isStreaming() || stuck
    if (mustWait !== this.#paused) {
      this.#paused = mustWait
      if (mustWait) this.stream.pause()
      else this.stream.resume()
    }
  }
}
