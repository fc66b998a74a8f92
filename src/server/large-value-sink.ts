/** A value over INLINE_VALUE_MAX on its way into segments of its own. */
import type { Request } from '../protocol/request.ts'
import type { ValueSink } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import type { Upload } from '../store/uploads.ts'
import type { StoreExecutor } from './store-executor.ts'

export class LargeValueSink implements ValueSink {
  readonly #executor: StoreExecutor
  readonly #session: Session
  readonly #upload: Upload

  constructor(executor: StoreExecutor, session: Session, upload: Upload) {
    this.#executor = executor
    this.#session = session
    this.#upload = upload
  }

  fill(bytes: Uint8Array, at: number, length: number): boolean {
    return this.#executor.store.uploads.fill(this.#upload, bytes, at, length)
  }

  commit(request: Request): void {
    this.#executor.commitLarge(this.#session, request, this.#upload)
  }

  abandon(): void {
    this.#executor.store.uploads.abandon(this.#upload)
  }
}
