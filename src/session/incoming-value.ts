/**
 * A value that arrives in pieces: staged in a buffer up to INLINE_VALUE_MAX, larger ones put
 * straight where they will stay. `tailSize` bytes behind it (CRLF in the text protocol) are kept
 * with it.
 */
import { copyBytes, copyOf } from '../base/bytes.ts'
import { INLINE_VALUE_MAX } from '../base/item-size.ts'
import type { Request } from '../protocol/request.ts'
import type { ValueSink } from './executor.ts'
import type { Session } from './session.ts'

const NOTHING = new Uint8Array(0)

export class IncomingValue {
  readonly #session: Session
  /** Its last two bytes, the earlier one above: an array of its own would cost each connection. */
  #tail = 0
  #staged: Uint8Array | undefined
  #sink: ValueSink | undefined
  #size = 0
  #tailSize = 0
  #received = 0
  #isLost = false

  constructor(session: Session) {
    this.#session = session
  }

  /** Makes a place; moves the request's key there too. False: there is no memory for it. */
  open(request: Request, tailSize: number): boolean {
    this.#size = request.valueSize
    this.#tailSize = tailSize
    this.#received = 0
    this.#isLost = false
    const key = copyOf(request.key, request.keyAt, request.keySize)
    request.key = key
    request.keyAt = 0
    if (request.valueSize > INLINE_VALUE_MAX) {
      this.#sink = this.#session.executor.openValue(this.#session, request)
      if (this.#sink) this.#noteProgress()
      return this.#sink !== undefined
    }
    this.#staged = this.#session.services.staging.take(Math.max(1, request.valueSize))
    return this.#staged !== undefined
  }

  /**
   * Takes what belongs to the value; returns the offset behind it. Afterwards it may be lost: then
   * there was no memory for it, and the `rest` of it is to be swallowed.
   */
  fill(bytes: Uint8Array, at: number, end: number): number {
    const ofValue = Math.min(end - at, Math.max(0, this.#size - this.#received))
    if (ofValue > 0) {
      this.#received += ofValue
      if (this.#staged) copyBytes(this.#staged, this.#received - ofValue, bytes, at, ofValue)
      else if (!this.#fillSink(bytes, at, ofValue)) return at + ofValue
    }
    let next = at + ofValue
    while (next < end && !this.isWhole) {
      this.#tail = ((this.#tail & 0xff) << 8) | bytes[next]!
      this.#received += 1
      next += 1
    }
    return next
  }

  get isWhole(): boolean {
    return this.rest === 0
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Bytes still to come, those behind the value included. */
  get rest(): number {
    return this.#size + this.#tailSize - this.#received
  }

  get endsInCrlf(): boolean {
    return this.#tail === 0x0d0a
  }

  /** Has the whole value stored and answered. */
  commit(request: Request): void {
    const sink = this.#sink
    this.#sink = undefined
    this.#session.services.stalled.remove(this.#session)
    if (sink) {
      sink.commit(request)
      return
    }
    request.value = this.#staged!
    request.valueAt = 0
    this.#session.executor.execute(this.#session, request)
    request.value = NOTHING
    this.abandon()
  }

  #fillSink(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#sink!.fill(bytes, at, length)) {
      this.#noteProgress()
      return true
    }
    this.#sink = undefined
    this.#isLost = true
    this.#session.services.stalled.remove(this.#session)
    return false
  }

  /** Memory is taken for the whole value: a peer that stops sending may not keep it. */
  #noteProgress(): void {
    const { services } = this.#session
    services.stalled.add(this.#session, services.nowMs())
  }

  abandon(): void {
    // Of a large one only: a reply of the session's may be watched in the same place.
    if (this.#sink) this.#session.services.stalled.remove(this.#session)
    if (this.#staged) this.#session.services.staging.give(this.#staged)
    this.#sink?.abandon()
    this.#staged = undefined
    this.#sink = undefined
  }
}
