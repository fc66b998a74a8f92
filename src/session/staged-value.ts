/**
 * A large value that is kept until it is whole, because there is no place yet where it could stay:
 * a router does not forward parts (a slow client would hold up a connection that others share), and
 * a node joins what is appended to what is there. Counted against the thread's staging memory.
 */
import { copyBytes } from '../base/bytes.ts'
import type { Request } from '../protocol/request.ts'
import type { ValueSink } from './executor.ts'
import type { Session } from './session.ts'

const NOTHING = new Uint8Array(0)

export class StagedValue implements ValueSink {
  readonly #session: Session
  readonly #bytes: Uint8Array
  readonly #forward: (request: Request) => void
  #received = 0

  private constructor(session: Session, bytes: Uint8Array, forward: (request: Request) => void) {
    this.#session = session
    this.#bytes = bytes
    this.#forward = forward
  }

  static open(
    session: Session,
    request: Request,
    forward: (request: Request) => void,
  ): StagedValue | undefined {
    const bytes = session.services.staging.take(request.valueSize)
    return bytes && new StagedValue(session, bytes, forward)
  }

  fill(bytes: Uint8Array, at: number, length: number): boolean {
    copyBytes(this.#bytes, this.#received, bytes, at, length)
    this.#received += length
    return true
  }

  commit(request: Request): void {
    request.value = this.#bytes
    request.valueAt = 0
    this.#forward(request)
    request.value = NOTHING
    this.abandon()
  }

  abandon(): void {
    this.#session.services.staging.give(this.#bytes)
  }
}
