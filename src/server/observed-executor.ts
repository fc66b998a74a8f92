/**
 * Looks on while another executor answers: counts what is done with keys of each prefix, if that is
 * on, and tells watchers, if there are any. Otherwise every call is passed on at once.
 */
import { Counter } from '../observe/counters.ts'
import { Command, isStorage } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import type { Request } from '../protocol/request.ts'
import type { StatAnswer, Executor, ValueSink } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import { Outcome, PutMode } from '../store/put.ts'
import { type PrefixStats, Use } from './prefix-stats.ts'
import type { StoreExecutor } from './store-executor.ts'
import type { Switches } from './switches.ts'
import { Topic } from './watch-log.ts'
import type { WatchWriter } from './watch-writer.ts'

export type Observers = {
  switches: Switches
  prefixes: PrefixStats
  /** The thread's own: what it has found shows in them. */
  counts: Float64Array
  watch: WatchWriter
}

export class ObservedExecutor implements Executor {
  readonly #inner: StoreExecutor
  readonly #switches: Switches
  readonly #prefixes: PrefixStats
  readonly #counts: Float64Array
  readonly #watch: WatchWriter

  constructor(inner: StoreExecutor, { switches, prefixes, counts, watch }: Observers) {
    this.#inner = inner
    this.#switches = switches
    this.#prefixes = prefixes
    this.#counts = counts
    this.#watch = watch
    const { store } = inner
    store.tally.onEvicted = item => {
      if (watch.isWatched) watch.evicted(store, item)
    }
  }

  mayProceed(): boolean {
    return this.#inner.mayProceed()
  }

  retrieve(session: Session, request: Request): boolean {
    if (this.#isAlone()) return this.#inner.retrieve(session, request)
    const before = this.#hits()
    const goesOn = this.#inner.retrieve(session, request)
    const isHit = this.#hits() > before
    if (this.#countsPrefixes()) this.#countGet(request, isHit)
    if (this.#watch.wants(Topic.fetchers)) this.#tellGet(session, request, isHit)
    return goesOn
  }

  execute(session: Session, request: Request): void {
    if (this.#isAlone()) {
      this.#inner.execute(session, request)
      return
    }
    const { command } = request
    const before = this.#hits()
    const isDelete = command === Command.delete || command === Command.metaDelete
    if (this.#countsPrefixes()) {
      if (isStorage(command)) this.#count(Use.set, request)
      if (isDelete) this.#count(Use.del, request)
    }
    if (!this.#watch.isWatched) this.#inner.execute(session, request)
    else if (isStorage(command)) this.#put(session, request)
    else if (isDelete) this.#delete(session, request)
    else this.#watchOther(session, request)
    if (command !== Command.metaGet) return
    const isHit = this.#hits() > before
    if (this.#countsPrefixes()) this.#countGet(request, isHit)
    const wasThere = isHit && !request.meta!.isCreated
    if (this.#watch.wants(Topic.fetchers)) this.#tellGet(session, request, wasThere)
  }

  openValue(session: Session, request: Request): ValueSink | undefined {
    if (this.#countsPrefixes()) this.#count(Use.set, request)
    const sink = this.#inner.openValue(session, request)
    if (sink === undefined || !this.#watch.isWatched) return sink
    return {
      fill: (bytes, at, length) => sink.fill(bytes, at, length),
      commit: whole => {
        this.#lookUp(session, whole)
        sink.commit(whole)
        this.#tellPut(session, whole)
      },
      abandon: () => sink.abandon(),
    }
  }

  refuse(session: Session, request: Request, status: Status): void {
    this.#inner.refuse(session, request, status)
    if (!this.#watch.isWatched || !this.#watch.wants(Topic.mutations)) return
    this.#watch.refused(session.stream.fd, request, status === Status.tooLarge)
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

  /** Nobody looks on. */
  #isAlone(): boolean {
    return !this.#watch.isWatched && !this.#switches.isDetailed
  }

  #countsPrefixes(): boolean {
    return this.#switches.isDetailed
  }

  #hits(): number {
    return this.#counts[Counter.getHits]! + this.#counts[Counter.touchHits]!
  }

  #put(session: Session, request: Request): void {
    this.#lookUp(session, request)
    this.#inner.execute(session, request)
    this.#tellPut(session, request)
  }

  #delete(session: Session, request: Request): void {
    const { store } = this.#inner
    const size = this.#lookUp(session, request)
    const clientFlags = this.#foundFlags
    const unlinks = store.tally.unlinks
    this.#inner.execute(session, request)
    const isGone = size >= 0 && store.tally.unlinks > unlinks
    if (isGone && this.#watch.wants(Topic.deletions)) {
      this.#watch.deleted(request, size, clientFlags)
    }
  }

  #watchOther(session: Session, request: Request): void {
    const { command } = request
    const isArithmetic = command === Command.incr || command === Command.decr
    const isMeta = command === Command.metaArithmetic
    const looksUp = isArithmetic || isMeta || command === Command.touch
    if (looksUp || command === Command.metaDebug) this.#lookUp(session, request)
    this.#inner.execute(session, request)
    const isCreated = isMeta ? request.meta!.isCreated : isArithmetic && request.creates
    if (!isCreated || !this.#watch.wants(Topic.mutations)) return
    const { store, put } = this.#inner
    const { exptime } = put
    const valueSize = store.number.toString().length
    const written = { mode: PutMode.add, outcome: Outcome.stored, exptime, valueSize }
    this.#watch.stored(session.stream.fd, request, written, store.now)
  }

  /**
   * memcached looks a key up before it changes anything about it, and says so. Returns the size of
   * its value, or -1.
   */
  #lookUp(session: Session, request: Request): number {
    const { store } = this.#inner
    const item = store.find(request.key, request.keyAt, request.keySize)
    const size = item === 0 ? -1 : store.items.valueSize(item)
    this.#foundFlags = item === 0 ? 0 : store.items.clientFlags(item)
    store.unlock()
    if (!this.#watch.wants(Topic.fetchers)) return size
    const { fd } = session.stream
    if (item === 0) this.#watch.missed(fd, request, store.miss)
    else this.#watch.found(fd, request, size, this.#foundFlags)
    return size
  }
  #foundFlags = 0

  #tellGet({ stream }: Session, request: Request, isHit: boolean): void {
    const { store, hit } = this.#inner
    if (isHit) this.#watch.found(stream.fd, request, hit.valueSize, hit.clientFlags)
    else this.#watch.missed(stream.fd, request, store.miss)
  }

  #tellPut({ stream }: Session, request: Request): void {
    if (!this.#watch.wants(Topic.mutations)) return
    const { store, put, outcome } = this.#inner
    const written = { mode: put.mode, outcome, exptime: put.exptime, valueSize: request.valueSize }
    this.#watch.stored(stream.fd, request, written, store.now)
  }

  #countGet(request: Request, isHit: boolean): void {
    this.#count(Use.get, request)
    if (isHit) this.#count(Use.hit, request)
  }

  #count(use: Use, { key, keyAt, keySize }: Request): void {
    this.#prefixes.count(use, key, keyAt, keySize)
  }
}
