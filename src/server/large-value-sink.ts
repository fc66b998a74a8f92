/** A value over INLINE_VALUE_MAX on its way into segments of its own. */
import type { Request } from '../protocol/request.ts'
import type { ValueSink } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import type { StoreExecutor } from './store-executor.ts'

export class LargeValueSink implements ValueSink {
  readonly #executor: StoreExecutor
  readonly #session: Session
  readonly #head: number

  constructor(executor: StoreExecutor, session: Session, head: number) {
    this.#executor = executor
    this.#session = session
    this.#head = head
  }

  fill(position: number, bytes: Uint8Array, at: number, length: number): void {
    this.#executor.store.large.fill(this.#head, position, bytes, at, length)
  }

  commit(request: Request): void {
    this.#executor.commitLarge(this.#session, request, this.#head)
  }

  abandon(): void {
    this.#executor.store.abandonLarge(this.#head)
  }
}
