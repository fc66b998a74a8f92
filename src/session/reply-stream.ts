/**
 * A reply that is made as it leaves, no faster than its peer takes it: a value that is larger than
 * the output, or an answer of unknown length. While there is one, its session takes up nothing.
 */
import { REPLY_ROOM } from '../protocol/output.ts'
import type { ReplyProducer, ValueSource } from './executor.ts'
import type { Session } from './session.ts'

/** How long a reply of unknown length is being made before others get their turn. */
const SLICE_MS = 0.2
/** After others were heard of: for so long it is made now and then, at most a sixth of the time. */
const OTHERS_MS = 50
/** Pieces that were asked for and empty, one after another: it waits for somebody, a node. */
const IN_VAIN_MAX = 16

export class ReplyStream {
  readonly #session: Session
  #source: ValueSource | undefined
  #sourceAt = 0
  #afterSource: (() => void) | undefined
  #producer: ReplyProducer | undefined
  /** Others have their turn; it is over even if the peer takes more meanwhile. */
  #isPausing = false
  /** What had been received when others were looked for last, and when there were some. */
  #received = 0
  #othersAtMs = 0

  constructor(session: Session) {
    this.#session = session
  }

  get isActive(): boolean {
    return this.#source !== undefined || this.#producer !== undefined
  }

  /** Behind what is in the output; then calls `done`. */
  sendValue(source: ValueSource, done: () => void): void {
    this.#source = source
    this.#sourceAt = 0
    this.#afterSource = done
    this.#pump()
  }

  sendReply(producer: ReplyProducer): void {
    this.#producer = producer
    this.#received = this.#session.services.received
    this.#produce()
  }

  /** The peer may have caught up. */
  goOn(): void {
    const session = this.#session
    if (this.#source !== undefined && !session.isBehind) this.#pump()
    const mayProduce = !session.isBehind && !this.#isPausing
    if (this.#producer !== undefined && mayProduce) this.#produce()
  }

  /** Of an answer of unknown length nothing more comes. */
  stop(): void {
    this.#producer = undefined
  }

  /** The connection is gone. */
  abandon(): void {
    this.#source?.close()
    this.#source = undefined
    this.#producer = undefined
  }

  #pump(): void {
    const session = this.#session
    const { output, services } = session
    const source = this.#source!
    services.stalled.remove(session)
    while (this.#sourceAt < source.size) {
      if (output.room < REPLY_ROOM) session.say()
      if (session.isBehind) {
        services.stalled.add(session, services.nowMs())
        return
      }
      const size = Math.min(output.room - REPLY_ROOM / 2, source.size - this.#sourceAt)
      source.read(this.#sourceAt, output.bytes, output.at, size)
      output.at += size
      this.#sourceAt += size
    }
    source.close()
    this.#source = undefined
    this.#afterSource!()
    session.say()
  }

  /** A slice of a reply, so that other connections are not kept waiting; then the next, later. */
  #produce(): void {
    const session = this.#session
    const { output, services } = session
    const startedAtMs = performance.now()
    let inVain = 0
    do {
      if (output.room < REPLY_ROOM && !session.flush()) break
      const before = output.length
      if (!this.#producer!.produce(output)) {
        this.#producer = undefined
        session.flush()
        return
      }
      inVain = output.length === before ? inVain + 1 : 0
    } while (performance.now() - startedAtMs < SLICE_MS && inVain < IN_VAIN_MAX)
    session.flush()
    this.#isPausing = true
    const goOn = (): void => {
      this.#isPausing = false
      if (this.#producer === undefined || session.isClosed) return
      services.beginTurn()
      session.resume()
    }
    const isWaiting = inVain === IN_VAIN_MAX
    if (isWaiting || this.#hasOthers(startedAtMs)) services.later(goOn)
    else services.nextTurn(goOn)
  }

  /** Whether somebody else has sent something lately (this session is not read meanwhile). */
  #hasOthers(nowMs: number): boolean {
    const { received } = this.#session.services
    if (received !== this.#received) this.#othersAtMs = nowMs
    this.#received = received
    return nowMs - this.#othersAtMs < OTHERS_MS
  }
}
