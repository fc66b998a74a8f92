/**
 * Answers a node's sessions from its store. One object a data thread, all on one region; nothing
 * here waits, so every request is answered before the next one is looked at.
 */
import { itemSize } from '../base/item-size.ts'
import { Counter } from '../observe/counters.ts'
import { Command } from '../protocol/command.ts'
import { type Hit, Status } from '../protocol/encoder.ts'
import type { Request } from '../protocol/request.ts'
import type { Executor, StatAnswer, ValueSink, ValueSource } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import { StagedValue } from '../session/staged-value.ts'
import { ClassCounter, type ClassTally } from '../store/class-tally.ts'
import { emptyPut, isAppend, Miss, Outcome, type Put, PutMode } from '../store/put.ts'
import { LimitOutcome, type MemoryLimit } from '../store/memory-limit.ts'
import type { Store } from '../store/store.ts'
import type { Upload } from '../store/uploads.ts'
import { countOrCreate } from './create-number.ts'
import { absoluteExptime } from './exptime.ts'
import { MetaExecutor } from './meta-executor.ts'
import { completeMetaPut } from './meta-put.ts'
import type { Fences } from './fences.ts'
import { LargeValueSink } from './large-value-sink.ts'
import { operate, type OperatorHost, signalSelf } from './operator.ts'
import { nodeStats, type StatHost } from './stats.ts'
import type { Watchers } from './watchers.ts'

export type StoreExecutorOptions = StatHost & {
  memoryLimit: MemoryLimit
  watchers: Watchers
  fences: Fences
  threadIndex: number
  cas: boolean
  flush: boolean
  /** Unix seconds at which the process started. */
  startedAt: number
  realMs: () => number
}

const PUT_MODES: Readonly<Record<number, PutMode>> = {
  [Command.set]: PutMode.set,
  [Command.add]: PutMode.add,
  [Command.replace]: PutMode.replace,
  [Command.append]: PutMode.append,
  [Command.prepend]: PutMode.prepend,
  [Command.cas]: PutMode.cas,
}

const PUT_STATUS: readonly Status[] = (() => {
  const statuses: Status[] = []
  statuses[Outcome.stored] = Status.stored
  statuses[Outcome.notStored] = Status.notStored
  statuses[Outcome.exists] = Status.exists
  statuses[Outcome.notFound] = Status.notFound
  statuses[Outcome.noMemory] = Status.noMemory
  return statuses
})()

/** memcached's. */
const VERBOSITY_MAX = 2

const LIMIT_STATUS: Readonly<Record<LimitOutcome, Status>> = {
  [LimitOutcome.done]: Status.ok,
  [LimitOutcome.tooSmall]: Status.memoryLimitTooSmall,
  [LimitOutcome.inBytes]: Status.memoryLimitInBytes,
  [LimitOutcome.outOfBounds]: Status.memoryLimitOutOfBounds,
}

export class StoreExecutor implements Executor {
  readonly #options: StoreExecutorOptions
  readonly #store: Store
  readonly #counts: Float64Array
  readonly #classes: ClassTally
  /** @internal What was stored last, and what came of it. */
  readonly put = emptyPut()
  outcome: Outcome = Outcome.stored
  readonly #meta: MetaExecutor
  readonly #operatorHost: OperatorHost
  /** @internal What was said last of an item that was found. */
  readonly hit: Hit = { clientFlags: 0, casLow: 0, casHigh: 0, valueSize: 0 }

  constructor(options: StoreExecutorOptions) {
    this.#options = options
    this.#store = options.store
    this.#counts = options.counters.ofThread(options.threadIndex)
    this.#classes = options.store.tally.classes
    const { facts } = options
    this.#operatorHost = {
      ...options,
      options: facts.options,
      refreshCertificates: () => facts.control.askReload(),
      signal: signalSelf,
    }
    this.#meta = new MetaExecutor({
      store: options.store,
      cas: options.cas,
      count: counter => this.#count(counter),
      exptime: this.#toExptime,
      describe: item => this.#describe(item),
      toPut: request => this.#toPut(request),
      pinned: item => this.#pinned(item),
    })
  }

  mayProceed(): boolean {
    return true
  }

  closed(session: Session): void {
    this.#options.watchers.closed(session)
  }

  retrieve(session: Session, request: Request): boolean {
    const { items } = this.#store
    const touches = request.command === Command.gat || request.command === Command.gats
    const item = this.#store.find(request.key, request.keyAt, request.keySize)
    let source: ValueSource | undefined
    try {
      this.#countRetrieval(item !== 0, touches)
      if (item === 0) {
        request.encoder.miss(session.output, request)
        return true
      }
      if (touches) this.#store.setExptime(item, this.#exptime(request.exptime))
      this.#store.noteRead(item)
      this.#classes.countItem(items, item, touches ? ClassCounter.touchHits : ClassCounter.getHits)
      if (!items.isLarge(item)) {
        this.#answerInline(session, request, item)
        return true
      }
      source = this.#pinned(item)
      if (source === undefined) {
        request.encoder.status(session.output, request, Status.noMemoryForReply)
        return false
      }
      request.encoder.hitHead(session.output, request, this.#describe(item))
    } finally {
      this.#store.unlock()
      if (touches && item !== 0) this.#store.settle(request.key, request.keyAt, request.keySize)
    }
    this.#stream(session, request, source)
    return true
  }

  /** By itself: what a closure holds on to is allocated as soon as its function is called. */
  #stream(session: Session, request: Request, source: ValueSource): void {
    session.sendValue(source, () => request.encoder.hitTail(session.output))
  }

  execute(session: Session, request: Request): void {
    switch (request.command) {
      case Command.delete:
        this.#delete(session, request)
        return
      case Command.incr:
      case Command.decr:
        this.#arithmetic(session, request)
        return
      case Command.touch:
        this.#touch(session, request)
        return
      case Command.flushAll:
        this.#flushAll(session, request)
        return
      case Command.verbosity:
        this.#options.switches.set('verbosity', Math.min(Number(request.delta), VERBOSITY_MAX))
        request.encoder.status(session.output, request, Status.ok)
        return
      case Command.memoryLimit:
        this.#limitMemory(session, request)
        return
      case Command.metaGet:
      case Command.metaDelete:
      case Command.metaArithmetic:
      case Command.metaDebug:
        this.#meta.execute(session, request)
        return
      default:
        this.#finishPut(session, request, this.#store.put(this.#toPut(request)))
    }
  }

  openValue(session: Session, request: Request): ValueSink | undefined {
    const put = this.#toPut(request)
    if (isAppend(put.mode)) {
      // What is joined to something has no place of its own: it is kept until it is whole.
      return StagedValue.open(session, request, whole => this.execute(session, whole))
    }
    const upload = this.#store.uploads.open(put)
    return upload && new LargeValueSink(this, session, upload)
  }

  /** @internal A large value is whole. */
  commitLarge(session: Session, request: Request, upload: Upload): void {
    this.#finishPut(session, request, this.#store.uploads.link(this.#toPut(request), upload))
  }

  /** @internal Fills a private chain. */
  get store(): Store {
    return this.#store
  }

  refuse(session: Session, request: Request, status: Status): void {
    this.#count(status === Status.tooLarge ? Counter.storeTooLarge : Counter.storeNoMemory)
    if (request.command === Command.set || request.command === Command.metaSet) {
      this.#store.remove(request.key, request.keyAt, request.keySize)
    }
    request.encoder.status(session.output, request, status)
  }

  stats(session: Session, words: readonly string[]): StatAnswer | undefined {
    return nodeStats(this.#options, words, session.stream.fd)
  }

  operate(session: Session, words: readonly string[]): string | undefined {
    return operate(this.#operatorHost, session, words)
  }

  readonly #toExptime = (sent: number): number => this.#exptime(sent)

  #exptime(sent: number): number {
    return absoluteExptime(sent, this.#store.now, this.#options.startedAt)
  }

  #answerInline(session: Session, request: Request, item: number): void {
    const { items } = this.#store
    const hit = this.#describe(item)
    request.encoder.hitHead(session.output, request, hit)
    session.output.copy(this.#store.bytes, items.valueAt(item), hit.valueSize)
    request.encoder.hitTail(session.output)
  }

  #describe(item: number): Hit {
    const { items } = this.#store
    const hit = this.hit
    hit.clientFlags = items.clientFlags(item)
    hit.casLow = this.#options.cas ? items.casLow(item) : 0
    hit.casHigh = this.#options.cas ? items.casHigh(item) : 0
    hit.valueSize = items.valueSize(item)
    return hit
  }

  #pinned(item: number): ValueSource | undefined {
    const { items, large, largeSegments } = this.#store
    if (!largeSegments.pin(item)) return undefined
    return {
      size: items.valueSize(item),
      read: (position, target, at, length) => large.read(item, position, target, at, length),
      close: () => largeSegments.unpin(item),
    }
  }

  #countRetrieval(isHit: boolean, touches: boolean): void {
    if (touches) {
      this.#count(Counter.cmdTouch)
      this.#count(isHit ? Counter.touchHits : Counter.touchMisses)
      return
    }
    this.#count(Counter.cmdGet)
    this.#count(isHit ? Counter.getHits : Counter.getMisses)
    if (isHit) return
    if (this.#store.miss === Miss.expired) this.#count(Counter.getExpired)
    if (this.#store.miss === Miss.flushed) this.#count(Counter.getFlushed)
  }

  #toPut(request: Request): Put {
    const put = this.put
    put.mode = PUT_MODES[request.command] ?? PutMode.set
    put.key = request.key
    put.keyAt = request.keyAt
    put.keySize = request.keySize
    put.value = request.value
    put.valueAt = request.valueAt
    put.valueSize = request.valueSize
    put.clientFlags = request.clientFlags
    put.exptime = this.#exptime(request.exptime)
    // Without cas nothing is ever equal to what a client holds.
    put.casLow = this.#options.cas ? request.casLow : 0
    put.casHigh = this.#options.cas ? request.casHigh : 0
    put.newCasLow = 0
    put.newCasHigh = 0
    put.marks = 0
    if (request.command === Command.metaSet) {
      completeMetaPut(put, request, this.#toExptime)
    }
    return put
  }

  #finishPut(session: Session, request: Request, outcome: Outcome): void {
    this.outcome = outcome
    this.#count(Counter.cmdSet)
    const { mode, keySize, valueSize, clientFlags } = this.put
    const size = itemSize(keySize, valueSize, clientFlags)
    this.#classes.count(size, ClassCounter.cmdSet)
    if (mode === PutMode.cas || mode === PutMode.casOrOlder) {
      if (outcome === Outcome.stored) this.#countCas(size, Counter.casHits, ClassCounter.casHits)
      if (outcome === Outcome.exists) {
        this.#countCas(size, Counter.casBadval, ClassCounter.casBadval)
      }
      if (outcome === Outcome.notFound) this.#count(Counter.casMisses)
    }
    if (outcome === Outcome.noMemory) {
      this.#count(Counter.storeNoMemory)
      this.#classes.count(size, ClassCounter.outOfMemory)
    }
    request.casLow = 0
    request.casHigh = 0
    if (outcome === Outcome.stored) {
      this.#takeCas(request)
      if (isAppend(mode)) request.valueSize = this.#store.joinedSize
    }
    request.encoder.status(session.output, request, PUT_STATUS[outcome]!)
  }

  #delete(session: Session, request: Request): void {
    const { items } = this.#store
    const item = this.#store.find(request.key, request.keyAt, request.keySize)
    const anyCas = request.casLow === 0 && request.casHigh === 0
    const isSame =
      anyCas || (items.casLow(item) === request.casLow && items.casHigh(item) === request.casHigh)
    if (item !== 0 && isSame) {
      this.#classes.countItem(items, item, ClassCounter.deleteHits)
      this.#store.removeFound()
    }
    this.#store.unlock()
    if (item === 0) this.#count(Counter.deleteMisses)
    else if (isSame) this.#count(Counter.deleteHits)
    let status: Status = Status.notFound
    if (item !== 0) status = isSame ? Status.deleted : Status.exists
    request.encoder.status(session.output, request, status)
  }

  #arithmetic(session: Session, request: Request): void {
    const up = request.command === Command.incr
    const outcome = countOrCreate(this.#store, this.#toPut(request), request, up)
    if (outcome === Outcome.stored) {
      const size = itemSize(request.keySize, this.#store.number.toString().length, 0)
      if (!request.creates) {
        this.#count(up ? Counter.incrHits : Counter.decrHits)
        this.#classes.count(size, up ? ClassCounter.incrHits : ClassCounter.decrHits)
      }
      this.#takeCas(request)
      request.encoder.number(session.output, request, this.#store.number)
      return
    }
    let status: Status = Status.nonNumeric
    if (outcome === Outcome.notFound) {
      this.#count(up ? Counter.incrMisses : Counter.decrMisses)
      status = Status.notFound
    }
    if (outcome === Outcome.exists) status = Status.exists
    if (outcome === Outcome.noMemory) status = Status.noMemoryForDelta
    request.encoder.status(session.output, request, status)
  }

  /** That of what the store has just stored or touched. */
  #takeCas(request: Request): void {
    request.casLow = this.#options.cas ? this.#store.casLow : 0
    request.casHigh = this.#options.cas ? this.#store.casHigh : 0
  }

  #touch(session: Session, request: Request): void {
    const { key, keyAt, keySize } = request
    const exptime = this.#exptime(request.exptime)
    const wasThere = this.#store.touch(key, keyAt, keySize, exptime)
    this.#count(Counter.cmdTouch)
    this.#count(wasThere ? Counter.touchHits : Counter.touchMisses)
    if (wasThere) {
      request.clientFlags = this.#store.clientFlags
      this.#takeCas(request)
    }
    request.encoder.status(session.output, request, wasThere ? Status.touched : Status.notFound)
  }

  #flushAll(session: Session, request: Request): void {
    this.#count(Counter.cmdFlush)
    if (!this.#options.flush) {
      request.encoder.status(session.output, request, Status.flushNotAllowed)
      return
    }
    const at = request.exptime > 0 ? this.#exptime(request.exptime) : 0
    this.#store.flush(at > this.#store.now ? at : 0)
    request.encoder.status(session.output, request, Status.ok)
  }

  #limitMemory(session: Session, request: Request): void {
    const outcome = this.#options.memoryLimit.set(Number(request.delta))
    request.encoder.status(session.output, request, LIMIT_STATUS[outcome])
  }

  #countCas(size: number, counter: Counter, ofClass: ClassCounter): void {
    this.#count(counter)
    this.#classes.count(size, ofClass)
  }

  #count(counter: Counter): void {
    this.#counts[counter] = this.#counts[counter]! + 1
  }
}
