/**
 * A reply that is made as it leaves, no faster than its peer takes it: a value that is larger than
 * the output, or an answer of unknown length. While there is one, its session takes up nothing.
 */
import { REPLY_ROOM } from '../protocol/output.ts'
import type { ReplyProducer, ValueSource } from './executor.ts'
import type { Session } from './session.ts'

/** Pieces of a reply of unknown length that are made before others get their turn. */
const PIECES_PER_TURN = 4

export class ReplyStream {
  readonly #session: Session
  #source: ValueSource | undefined
  #sourceAt = 0
  #afterSource: (() => void) | undefined
  #producer: ReplyProducer | undefined
  #isProducingLater = false

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
    this.#produce()
  }

  /** The peer may have caught up. */
  goOn(): void {
    const session = this.#session
    if (this.#source !== undefined && !session.isBehind) this.#pump()
    if (this.#producer !== undefined && !session.isBehind) this.#produce()
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
    const { output } = session
    for (let pieces = 0; pieces < PIECES_PER_TURN; pieces += 1) {
      if (output.room < REPLY_ROOM && !session.flush()) return
      if (!this.#producer!.produce(output)) {
        this.#producer = undefined
        session.flush()
        return
      }
    }
    if (!session.flush() || this.#isProducingLater) return
    this.#isProducingLater = true
    session.services.later(() => {
      this.#isProducingLater = false
      if (this.#producer === undefined || session.isClosed) return
      session.services.beginTurn()
      session.resume()
    })
  }
}
