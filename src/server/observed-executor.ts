/**
 * Looks on while another executor answers: counts what is done with keys of each prefix, if that is
 * on. Otherwise every call is passed on at once.
 */
import { Counter } from '../observe/counters.ts'
import { Command, isStorage } from '../protocol/command.ts'
import type { Status } from '../protocol/encoder.ts'
import type { Request } from '../protocol/request.ts'
import type { Executor, StatAnswer, ValueSink } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import { type PrefixStats, Use } from './prefix-stats.ts'
import type { Switches } from './switches.ts'

export class ObservedExecutor implements Executor {
  readonly #inner: Executor
  readonly #switches: Switches
  readonly #prefixes: PrefixStats
  /** The thread's own: what it has found shows in them. */
  readonly #counts: Float64Array

  constructor(inner: Executor, switches: Switches, prefixes: PrefixStats, counts: Float64Array) {
    this.#inner = inner
    this.#switches = switches
    this.#prefixes = prefixes
    this.#counts = counts
  }

  mayProceed(session: Session): boolean {
    return this.#inner.mayProceed(session)
  }

  retrieve(session: Session, request: Request): boolean {
    if (this.#switches.get('detail') === 0) return this.#inner.retrieve(session, request)
    const before = this.#hits
    const goesOn = this.#inner.retrieve(session, request)
    this.#countGet(request, before)
    return goesOn
  }

  execute(session: Session, request: Request): void {
    if (this.#switches.get('detail') === 0) {
      this.#inner.execute(session, request)
      return
    }
    const { command } = request
    const before = this.#hits
    if (isStorage(command)) this.#count(Use.set, request)
    if (command === Command.delete || command === Command.metaDelete) this.#count(Use.del, request)
    this.#inner.execute(session, request)
    if (command === Command.metaGet) this.#countGet(request, before)
  }

  openValue(session: Session, request: Request): ValueSink | undefined {
    if (this.#switches.get('detail') !== 0) this.#count(Use.set, request)
    return this.#inner.openValue(session, request)
  }

  refuse(session: Session, request: Request, status: Status): void {
    this.#inner.refuse(session, request, status)
  }

  stats(session: Session, words: readonly string[]): StatAnswer | undefined {
    return this.#inner.stats(session, words)
  }

  operate(session: Session, words: readonly string[]): string | undefined {
    return this.#inner.operate(session, words)
  }

  closed(session: Session): void {
    this.#inner.closed(session)
  }

  get #hits(): number {
    return this.#counts[Counter.getHits]! + this.#counts[Counter.touchHits]!
  }

  #countGet(request: Request, hitsBefore: number): void {
    this.#count(Use.get, request)
    if (this.#hits > hitsBefore) this.#count(Use.hit, request)
  }

  #count(use: Use, { key, keyAt, keySize }: Request): void {
    this.#prefixes.count(use, key, keyAt, keySize)
  }
}
