/**
 * One io_uring of one thread: entries go in by `sqe`, to the kernel by `submit` or `wait`, and what
 * came of them comes out by `reap`.
 *
 *   sqe() … sqe()  ──submit()──▶ kernel ──▶ completions ──reap(handler)──▶ handler
 *    queued, not yet told          └─ wait(): tells it and waits, in one call
 *
 * Set up and entered by one thread (SINGLE_ISSUER), with completions posted only inside its calls
 * (DEFER_TASKRUN). So nobody else writes these words while this thread runs, and plain loads and
 * stores are enough where rings shared with the kernel otherwise want acquire and release.
 */
import { assert } from '../../base/assert.ts'
import {
  CQE_WORDS,
  CqeWord,
  EnterFlag,
  Feature,
  MapOffset,
  Params,
  PARAMS_BYTES,
  SetupFlag,
  SqFlag,
  SQE_WORDS,
  SqeWord,
  TIMESPEC_BYTES,
  WAIT_ARGUMENT_BYTES,
  WaitArgument,
} from './abi.ts'
import type { System } from './system.ts'

const { userLow: CQE_LOW, userHigh: CQE_HIGH, result: CQE_RESULT, flags: CQE_FLAGS } = CqeWord
const FLAGS_NEEDED =
  SetupFlag.cqSize |
  SetupFlag.submitAll |
  SetupFlag.coopTaskrun |
  SetupFlag.singleIssuer |
  SetupFlag.deferTaskrun
const FEATURES_NEEDED = Feature.singleMmap | Feature.noDrop | Feature.extArg | Feature.cqeSkip

const EINTR = 4
const EAGAIN = 11
const EBUSY = 16
const EINVAL = 22
const ETIME = 62
/** What a wait or a submission may come to without anything being wrong. */
const PASSING = new Set([EINTR, EAGAIN, EBUSY, ETIME])

/** What the ring keeps in a page of its own: parameters, then the argument of a wait. */
const WAIT_AT = 128
const TIMESPEC_AT = WAIT_AT + WAIT_ARGUMENT_BYTES + 8
const SCRATCH_AT = 256
const PAGE_BYTES = 4096
export const SCRATCH_BYTES = PAGE_BYTES - SCRATCH_AT

export interface CompletionHandler {
  onCompletion(userLow: number, userHigh: number, result: number, flags: number): void
}

/** The kernel does not give a ring, or one without what is needed. */
export class RingError extends Error {
  override name = 'RingError'
  readonly errno: number
  constructor(action: string, errno: number) {
    super(`${action} failed: errno ${errno}`)
    this.errno = errno
  }
}

export class Ring {
  readonly fd: number
  readonly sqEntries: number
  readonly cqEntries: number
  /** Submission entries; `sqe` says at which word one begins. */
  readonly words: Uint32Array
  readonly #system: System
  readonly #page: number
  readonly #pageView: DataView
  readonly #maps: readonly (readonly [address: number, sizeBytes: number])[]
  readonly #rings: Uint32Array
  /** The same memory: results are signed. */
  readonly #results: Int32Array
  readonly #sqHead: number
  readonly #sqTail: number
  readonly #sqFlags: number
  readonly #cqHead: number
  readonly #cqTail: number
  readonly #cqes: number
  #tail = 0
  /** Completions before this one have been peeked at. */
  #peeked = 0

  /** @throws RingError */
  constructor(system: System, sqEntries: number, cqEntries: number) {
    this.#system = system
    const page = system.map(PAGE_BYTES, -1, 0)
    if (page < 0) throw new RingError('mmap', -page)
    this.#page = page
    const view = new DataView(system.view(page, PAGE_BYTES))
    this.#pageView = view
    this.fd = setUp(system, page, view, { sqEntries, cqEntries })
    const at = (offset: number) => view.getUint32(offset, true)
    this.sqEntries = at(0)
    this.cqEntries = at(Params.cqEntries)
    const cqesAt = at(Params.cqEntriesArray)
    const ringBytes = Math.max(
      cqesAt + this.cqEntries * CQE_WORDS * 4,
      at(Params.sqArray) + this.sqEntries * 4,
    )
    const sqeBytes = this.sqEntries * SQE_WORDS * 4
    const rings = this.#map(ringBytes, MapOffset.rings)
    const sqes = this.#map(sqeBytes, MapOffset.sqes)
    this.#maps = [
      [rings, ringBytes],
      [sqes, sqeBytes],
      [page, PAGE_BYTES],
    ]
    const ringView = system.view(rings, ringBytes)
    this.#rings = new Uint32Array(ringView)
    this.#results = new Int32Array(ringView)
    this.words = new Uint32Array(system.view(sqes, sqeBytes))
    this.#sqHead = at(Params.sqHead) / 4
    this.#sqTail = at(Params.sqTail) / 4
    this.#sqFlags = at(Params.sqFlags) / 4
    this.#cqHead = at(Params.cqHead) / 4
    this.#cqTail = at(Params.cqTail) / 4
    this.#cqes = cqesAt / 4
    if ((at(Params.flags) & SetupFlag.noSqArray) === 0) this.#fillArray(at(Params.sqArray) / 4)
    view.setBigUint64(WAIT_AT + WaitArgument.timespec, BigInt(page + TIMESPEC_AT), true)
  }

  /** Entries queued and not yet told to the kernel. */
  get queued(): number {
    return (this.#tail - this.#rings[this.#sqHead]!) >>> 0
  }

  /** Whether the entry at `word` is among those. */
  isPending(word: number): boolean {
    const place = (word / SQE_WORDS - this.#rings[this.#sqHead]!) & (this.sqEntries - 1)
    return place < this.queued
  }

  /** Completions that are there. */
  get ready(): number {
    return (this.#rings[this.#cqTail]! - this.#rings[this.#cqHead]!) >>> 0
  }

  /** Whether the kernel keeps completions that found no room; `wait` fetches them. */
  get isOverflown(): boolean {
    return (this.#rings[this.#sqFlags]! & SqFlag.cqOverflow) !== 0
  }

  get isFull(): boolean {
    return this.queued === this.sqEntries
  }

  /** A new entry, all zero; its word. The queue is not full (`isFull`). */
  sqe(): number {
    assert(!this.isFull, 'whoever queues an entry has made room for it')
    const { words } = this
    const word = (this.#tail % this.sqEntries) * SQE_WORDS
    this.#tail = (this.#tail + 1) >>> 0
    words.fill(0, word, word + SQE_WORDS)
    return word
  }

  /** Room for small arguments that the kernel reads at submission. */
  get scratch(): { view: DataView; at: number; address: number } {
    return { view: this.#pageView, at: SCRATCH_AT, address: this.#page + SCRATCH_AT }
  }

  /** Tells the kernel what is queued; what can be done at once is done when this returns. */
  submit(): void {
    while (this.queued > 0) {
      const result = this.#enter(0, 0)
      // Out of memory for requests, or of room for completions: they have to be reaped first.
      if (result === -EAGAIN || result === -EBUSY) return
    }
  }

  /**
   * Tells the kernel what is queued, and waits for a completion, a signal or the end of the time.
   * @param timeoutMs less than 0: for ever
   */
  wait(timeoutMs: number): void {
    if (timeoutMs < 0) {
      this.#enter(1, EnterFlag.getEvents)
      return
    }
    const seconds = Math.floor(timeoutMs / 1000)
    const nanoseconds = Math.round((timeoutMs - seconds * 1000) * 1e6)
    const page = this.#pageView
    page.setUint32(TIMESPEC_AT, seconds, true)
    page.setUint32(TIMESPEC_AT + 8, Math.min(nanoseconds, 999_999_999), true)
    this.#enter(1, EnterFlag.getEvents | EnterFlag.extArg)
  }

  /** Shows completions that nobody has seen yet, and leaves them where they are. */
  peek(handler: CompletionHandler): void {
    const tail = this.#rings[this.#cqTail]!
    const head = this.#rings[this.#cqHead]!
    const isBehind = ((head - this.#peeked) | 0) > 0
    for (let at = isBehind ? head : this.#peeked; at !== tail; at = (at + 1) >>> 0) {
      this.#show(at, handler)
    }
    this.#peeked = tail
  }

  /** Hands over every completion that is there now; those that come meanwhile wait. */
  reap(handler: CompletionHandler): number {
    const rings = this.#rings
    let head = rings[this.#cqHead]!
    const tail = rings[this.#cqTail]!
    const count = (tail - head) >>> 0
    for (; head !== tail; head = (head + 1) >>> 0) {
      this.#show(head, handler)
      // Given back one by one: a submission in the next call may need the room.
      rings[this.#cqHead] = head + 1
    }
    return count
  }

  #show(at: number, handler: CompletionHandler): void {
    const rings = this.#rings
    const cqe = this.#cqes + (at & (this.cqEntries - 1)) * CQE_WORDS
    const low = rings[cqe + CQE_LOW]!
    const high = rings[cqe + CQE_HIGH]!
    handler.onCompletion(low, high, this.#results[cqe + CQE_RESULT]!, rings[cqe + CQE_FLAGS]!)
  }

  /** @throws RingError */
  register(operation: number, argument: number, count: number): void {
    const result = this.#system.register(this.fd, operation, argument, count)
    if (result < 0) throw new RingError('io_uring_register', -result)
  }

  close(): void {
    this.#system.close(this.fd)
    for (const [address, sizeBytes] of this.#maps) this.#system.unmap(address, sizeBytes)
  }

  #enter(minComplete: number, flags: number): number {
    const rings = this.#rings
    rings[this.#sqTail] = this.#tail
    const withArgument = (flags & EnterFlag.extArg) !== 0
    const result = this.#system.enter(
      this.fd,
      (this.#tail - rings[this.#sqHead]!) >>> 0,
      minComplete,
      flags,
      withArgument ? this.#page + WAIT_AT : 0,
      withArgument ? WAIT_ARGUMENT_BYTES : 0,
    )
    if (result < 0 && !PASSING.has(-result)) throw new RingError('io_uring_enter', -result)
    return result
  }

  #map(sizeBytes: number, offset: number): number {
    const address = this.#system.map(sizeBytes, this.fd, offset)
    if (address < 0) throw new RingError('mmap', -address)
    return address
  }

  /** Entry i is at place i, for kernels that ask. */
  #fillArray(word: number): void {
    for (let i = 0; i < this.sqEntries; i += 1) this.#rings[word + i] = i
  }
}

/** The descriptor of a new ring; what the kernel chose stands in the page. */
function setUp(
  system: System,
  page: number,
  view: DataView,
  sizes: { sqEntries: number; cqEntries: number },
): number {
  let fd = -EINVAL
  for (const flags of [FLAGS_NEEDED | SetupFlag.noSqArray, FLAGS_NEEDED]) {
    for (let at = 0; at < PARAMS_BYTES; at += 4) view.setUint32(at, 0, true)
    view.setUint32(Params.cqEntries, sizes.cqEntries, true)
    view.setUint32(Params.flags, flags, true)
    fd = system.setup(sizes.sqEntries, page)
    if (fd !== -EINVAL) break
  }
  const features = view.getUint32(Params.features, true)
  const suits = (features & FEATURES_NEEDED) === FEATURES_NEEDED
  if (fd >= 0 && suits) return fd
  if (fd >= 0) system.close(fd)
  system.unmap(page, PAGE_BYTES)
  throw new RingError('io_uring_setup', fd >= 0 ? EINVAL : -fd)
}

// Invariants
assert(PARAMS_BYTES <= WAIT_AT && TIMESPEC_AT + TIMESPEC_BYTES <= SCRATCH_AT, 'the page holds all')
assert(SqeWord.bufferGroup < SQE_WORDS, 'fields lie inside an entry')
