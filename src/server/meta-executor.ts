/**
 * Answers mg, md, ma and me from a node's store (memcached proto_parser.c). What has an effect on
 * an item is done in one hold of its bucket's lock; where something has to be stored, it is looked
 * at again, and done over if somebody was faster.
 */
import { itemSize } from '../base/item-size.ts'
import { encodeBase64 } from '../base/base64.ts'
import { latin1, toLatin1 } from '../base/bytes.ts'
import { slabClass } from '../base/slab-class.ts'
import { Counter } from '../observe/counters.ts'
import { Command } from '../protocol/command.ts'
import { type Hit, Status } from '../protocol/encoder.ts'
import { Flag, type MetaFlags } from '../protocol/meta-flags.ts'
import type { Request } from '../protocol/request.ts'
import { endsToken } from '../protocol/text-line.ts'
import type { ValueSource } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import { ClassCounter, type ClassTally } from '../store/class-tally.ts'
import { ItemState } from '../store/items.ts'
import { hasCas } from '../store/judge.ts'
import { Miss, Outcome, type Put, PutMode } from '../store/put.ts'
import type { Store } from '../store/store.ts'
import { createNumber } from './create-number.ts'

const MINUS = 0x2d
const DECREMENT = 0x44
const NO_MEMORY_FOR_ITEM = 'Out of memory allocating new item'

/** What the commands need of the executor they belong to. */
export type MetaHost = {
  store: Store
  /** False (`-C`): every cas is shown as 0. */
  cas: boolean
  count: (counter: Counter) => void
  /** An exptime as sent → unix seconds. */
  exptime: (sent: number) => number
  /** What there is to say of an item. */
  describe: (item: number) => Hit
  /** Key, value, client flags and cas of a request, to be stored. */
  toPut: (request: Request) => Put
  pinned: (item: number) => ValueSource | undefined
}

export class MetaExecutor {
  readonly #host: MetaHost
  readonly #store: Store
  readonly #classes: ClassTally

  constructor(host: MetaHost) {
    this.#host = host
    this.#store = host.store
    this.#classes = host.store.tally.classes
  }

  execute(session: Session, request: Request): void {
    const meta = request.meta!
    const { exptime } = this.#host
    meta.now = this.#store.now
    if (meta.has(Flag.newTtl)) meta.exptime = exptime(meta.exptime)
    if (meta.has(Flag.vivify)) meta.vivifyExptime = exptime(meta.vivifyExptime)
    if (meta.has(Flag.recache)) meta.recacheExptime = exptime(meta.recacheExptime)
    switch (request.command) {
      case Command.metaGet:
        this.#get(session, request)
        return
      case Command.metaDelete:
        this.#delete(session, request)
        return
      case Command.metaArithmetic:
        this.#arithmetic(session, request)
        return
      default:
        this.#debug(session, request)
    }
  }

  #get(session: Session, request: Request): void {
    const meta = request.meta!
    const { store } = this.#host
    const { items } = store
    let source: ValueSource | undefined
    let item = store.find(request.key, request.keyAt, request.keySize)
    const wasThere = item !== 0
    if (!wasThere && meta.has(Flag.vivify)) {
      store.unlock()
      item = this.#vivify(request)
    }
    try {
      this.#countGet(item, meta)
      if (item === 0) {
        request.encoder.miss(session.output, request)
        return
      }
      this.#lookAt(item, meta)
      if (meta.wantsValue && meta.has(Flag.compareCas)) {
        meta.wantsValue = !hasCas(items, item, request.casLow, request.casHigh)
      }
      if (meta.wantsValue && items.isLarge(item)) {
        source = this.#host.pinned(item)
        if (source === undefined) {
          request.encoder.status(session.output, request, Status.noMemoryForReply)
          return
        }
      }
      this.#answerGet(session, request, item)
    } finally {
      store.unlock()
      const moves = item !== 0 && (meta.has(Flag.newTtl) || meta.isCreated)
      if (moves) store.settle(request.key, request.keyAt, request.keySize)
    }
    if (source !== undefined) {
      session.sendValue(source, () => request.encoder.hitTail(session.output))
    }
  }

  /** Everything that a reader changes of an item, and its answer. Caller holds the bucket lock. */
  #answerGet(session: Session, request: Request, item: number): void {
    const meta = request.meta!
    const { store } = this.#host
    const { items } = store
    this.#applyTimes(item, meta)
    if (meta.isStale && !meta.isTokenSent) meta.isWon = true
    if (meta.isWon) items.mark(item, ItemState.tokenSent)
    if (!meta.has(Flag.noUpdate)) store.noteRead(item)
    const hit = this.#host.describe(item)
    request.encoder.hitHead(session.output, request, hit)
    if (!meta.wantsValue || items.isLarge(item)) return
    session.output.copy(store.bytes, items.valueAt(item), hit.valueSize)
    request.encoder.hitTail(session.output)
  }

  /** What the answer says of the item, as it was before this request. */
  #lookAt(item: number, meta: MetaFlags): void {
    const { items, now } = this.#store
    meta.itemExptime = items.exptime(item)
    meta.idleSeconds = Math.max(0, now - items.lastAccess(item))
    meta.isFetched = items.isMarked(item, ItemState.read)
    meta.isBinaryKey = items.isMarked(item, ItemState.binaryKey)
    meta.isStale = items.isMarked(item, ItemState.stale)
    meta.isTokenSent = items.isMarked(item, ItemState.tokenSent)
    meta.isWon = meta.isCreated
  }

  /** T, N and R in the order given. Caller holds the bucket lock. */
  #applyTimes(item: number, meta: MetaFlags): void {
    let exptime = meta.isCreated ? 0 : meta.itemExptime
    for (let i = 0; i < meta.count; i += 1) {
      const letter = meta.bytes[i]!
      if (letter === Flag.newTtl) exptime = meta.exptime
      else if (letter === Flag.vivify && meta.isCreated) exptime = meta.vivifyExptime
      else if (letter === Flag.recache && !meta.isTokenSent && !meta.isCreated) {
        if (exptime !== 0 && exptime < meta.recacheExptime) meta.isWon = true
      }
    }
    if (exptime !== meta.itemExptime) this.#store.setExptime(item, exptime)
  }

  /** Makes an empty item; returns what is there then, its bucket locked. */
  #vivify(request: Request): number {
    const meta = request.meta!
    const store = this.#store
    const put = this.#host.toPut(request)
    put.mode = PutMode.add
    put.clientFlags = 0
    put.newCasLow = meta.newCasLow
    put.newCasHigh = meta.newCasHigh
    // Even if its time is over at once, this request still gets it.
    put.exptime = meta.vivifyExptime > store.now ? meta.vivifyExptime : 0
    for (;;) {
      const outcome = store.put(put)
      const item = store.find(request.key, request.keyAt, request.keySize)
      if (outcome === Outcome.stored && item !== 0) meta.isCreated = this.#isLatest(item)
      if (outcome !== Outcome.notStored || item !== 0) return item
      store.unlock()
    }
  }

  /** Whether an item is what this thread stored last; without cas there is no telling. */
  #isLatest(item: number): boolean {
    const { items, casLow, casHigh } = this.#store
    return !items.hasCas || hasCas(items, item, casLow, casHigh)
  }

  /** Caller holds the bucket lock of an item. */
  #countGet(item: number, meta: MetaFlags): void {
    const { count } = this.#host
    const touches = item !== 0 && meta.has(Flag.newTtl)
    count(touches ? Counter.cmdTouch : Counter.cmdGet)
    if (item !== 0) {
      count(touches ? Counter.touchHits : Counter.getHits)
      const ofClass = touches ? ClassCounter.touchHits : ClassCounter.getHits
      this.#classes.countItem(this.#store.items, item, ofClass)
      return
    }
    count(Counter.getMisses)
    if (this.#store.miss === Miss.expired) count(Counter.getExpired)
    if (this.#store.miss === Miss.flushed) count(Counter.getFlushed)
  }

  #delete(session: Session, request: Request): void {
    const meta = request.meta!
    const { store, count } = this.#host
    const { items } = store
    let status: Status
    for (;;) {
      const item = store.find(request.key, request.keyAt, request.keySize)
      const isAnother =
        meta.has(Flag.compareCas) && !hasCas(items, item, request.casLow, request.casHigh)
      if (item === 0 || isAnother) {
        store.unlock()
        count(Counter.deleteMisses)
        status = item === 0 ? Status.notFound : Status.exists
        break
      }
      const size = items.memcachedBytes(item)
      if (meta.has(Flag.removeValue)) {
        const outcome = this.#removeValue(request, item)
        if (outcome !== Outcome.stored && outcome !== Outcome.noMemory) continue
        status = outcome === Outcome.stored ? Status.deleted : Status.noMemoryForDelta
      } else {
        if (meta.has(Flag.invalidate)) this.#invalidate(request, item)
        else store.removeFound()
        store.unlock()
        if (meta.has(Flag.newTtl)) store.settle(request.key, request.keyAt, request.keySize)
        status = Status.deleted
      }
      if (status === Status.deleted && !meta.has(Flag.invalidate)) {
        count(Counter.deleteHits)
        this.#classes.count(size, ClassCounter.deleteHits)
      }
      break
    }
    request.encoder.status(session.output, request, status)
  }

  /** Caller holds the bucket lock. */
  #invalidate({ meta }: Request, item: number): void {
    const { items } = this.#store
    if (meta!.has(Flag.newTtl)) this.#store.setExptime(item, meta!.exptime)
    items.mark(item, ItemState.stale)
    items.unmark(item, ItemState.tokenSent)
    this.#store.stampCas(item, meta!.newCasLow, meta!.newCasHigh)
  }

  /** Puts nothing in the place of an item; unlocks its bucket. */
  #removeValue(request: Request, item: number): Outcome {
    const meta = request.meta!
    const { store } = this.#host
    const put = this.#host.toPut(request)
    const isStale = meta.has(Flag.invalidate)
    put.mode = store.items.hasCas ? PutMode.cas : PutMode.replace
    put.casLow = store.items.casLow(item)
    put.casHigh = store.items.casHigh(item)
    store.unlock()
    const keepsCas = !isStale && !meta.has(Flag.newCas)
    put.newCasLow = keepsCas ? put.casLow : meta.newCasLow
    put.newCasHigh = keepsCas ? put.casHigh : meta.newCasHigh
    put.exptime = meta.has(Flag.newTtl) ? meta.exptime : 0
    put.marks = isStale ? ItemState.stale : 0
    return store.put(put)
  }

  #arithmetic(session: Session, request: Request): void {
    const meta = request.meta!
    const { store, count } = this.#host
    const down = meta.has(Flag.mode) && (meta.mode === DECREMENT || meta.mode === MINUS)
    const put = this.#host.toPut(request)
    put.newCasLow = meta.newCasLow
    put.newCasHigh = meta.newCasHigh
    let outcome = store.arithmetic(put, request.delta, !down)
    while (outcome === Outcome.notFound && meta.has(Flag.vivify)) {
      const created = this.#createNumber(request)
      if (created === Outcome.noMemory) {
        request.encoder.serverError(session.output, request, NO_MEMORY_FOR_ITEM)
        return
      }
      if (created === Outcome.stored) {
        this.#answerNumber(session, request)
        return
      }
      outcome = store.arithmetic(put, request.delta, !down)
    }
    if (outcome === Outcome.stored) {
      count(down ? Counter.decrHits : Counter.incrHits)
      const size = itemSize(request.keySize, store.number.toString().length, 0)
      this.#classes.count(size, down ? ClassCounter.decrHits : ClassCounter.incrHits)
      meta.itemExptime = store.exptime
      if (meta.has(Flag.newTtl)) this.#touchNumber(request)
      this.#answerNumber(session, request)
      return
    }
    if (outcome === Outcome.notFound) count(down ? Counter.decrMisses : Counter.incrMisses)
    request.encoder.status(session.output, request, arithmeticStatus(outcome))
  }

  #createNumber(request: Request): Outcome {
    const meta = request.meta!
    const put = this.#host.toPut(request)
    put.newCasLow = meta.newCasLow
    put.newCasHigh = meta.newCasHigh
    const outcome = createNumber(this.#store, put, request.initial, lastExptime(meta))
    meta.isCreated = outcome === Outcome.stored
    return outcome
  }

  /** If it is still the number that this request made. */
  #touchNumber({ key, keyAt, keySize, meta }: Request): void {
    const store = this.#store
    const item = store.find(key, keyAt, keySize)
    const isSame = item !== 0 && this.#isLatest(item)
    if (isSame) store.setExptime(item, meta!.exptime)
    store.unlock()
    if (isSame) store.settle(key, keyAt, keySize)
  }

  #answerNumber(session: Session, request: Request): void {
    request.casLow = this.#host.cas ? this.#store.casLow : 0
    request.casHigh = this.#host.cas ? this.#store.casHigh : 0
    request.encoder.number(session.output, request, this.#store.number)
  }

  #debug(session: Session, request: Request): void {
    const { key, keyAt, keySize } = request
    const { output } = session
    const { items, now } = this.#store
    this.#host.count(Counter.cmdMeta)
    const item = this.#store.find(key, keyAt, keySize)
    if (item === 0) {
      this.#store.unlock()
      request.encoder.miss(output, request)
      return
    }
    const { casLow, casHigh, clientFlags, valueSize } = this.#host.describe(item)
    const exptime = items.exptime(item)
    const idle = Math.max(0, now - items.lastAccess(item))
    const isFetched = items.isMarked(item, ItemState.read)
    const isBinary = items.isMarked(item, ItemState.binaryKey) || endsToken(key, keyAt, keySize)
    this.#store.unlock()
    const size = itemSize(keySize, valueSize, clientFlags)
    const cas = (BigInt(casHigh) << 32n) | BigInt(casLow)
    output.put(latin1('ME '))
    if (isBinary) output.at = encodeBase64(output.bytes, output.at, key, keyAt, keySize)
    else output.put(latin1(toLatin1(key, keyAt, keySize)))
    const facts = `exp=${exptime === 0 ? -1 : exptime - now} la=${idle} cas=${cas}`
    const fetched = `fetch=${isFetched ? 'yes' : 'no'}`
    output.put(latin1(` ${facts} ${fetched} cls=${slabClass(size)} size=${size}\r\n`))
  }
}

/** The exptime of a number that is made: T and N in the order given, the last one counts. */
function lastExptime(meta: MetaFlags): number {
  let exptime = 0
  for (let i = 0; i < meta.count; i += 1) {
    if (meta.bytes[i] === Flag.newTtl) exptime = meta.exptime
    if (meta.bytes[i] === Flag.vivify) exptime = meta.vivifyExptime
  }
  return exptime
}

function arithmeticStatus(outcome: Outcome): Status {
  if (outcome === Outcome.notFound) return Status.notFound
  if (outcome === Outcome.exists) return Status.exists
  return outcome === Outcome.noMemory ? Status.noMemoryForDelta : Status.nonNumeric
}
