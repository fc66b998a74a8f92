/**
 * What watchers hear of, in shared memory: one ring a thread, which only that thread writes and
 * everybody may read. Nobody is waited for: a full ring is written over, and a reader that was too
 * slow finds out, and counts.
 *
 *   words 0 watchers · 1 … 5 watchers of each topic · 6 last gid
 *   ring  claimed · head · written (records), then its words; a record does not wrap:
 *         size, kind, status, command · gid · s · µs · fd · size · ttl · idle · class, fetched,
 *         key size · key
 *
 * The writer claims a record's place before it writes there, and moves the head behind it
 * afterwards. The reader looks at the claim again when it has copied a record: had the writer come
 * near by then, the copy is worth nothing.
 */
import { assert } from '../base/assert.ts'

export const Topic = {
  fetchers: 0,
  mutations: 1,
  evictions: 2,
  connevents: 3,
  deletions: 4,
} as const
export type Topic = (typeof Topic)[keyof typeof Topic]
export const TOPICS = Object.keys(Topic) as (keyof typeof Topic)[]

export const LogKind = { get: 0, store: 1, eviction: 2, open: 3, close: 4, deleted: 5 } as const
export type LogKind = (typeof LogKind)[keyof typeof LogKind]

const TOPIC_OF: readonly Topic[] = [
  Topic.fetchers,
  Topic.mutations,
  Topic.evictions,
  Topic.connevents,
  Topic.connevents,
  Topic.deletions,
]

/** One thing that happened; reused for the next. What has no meaning for its kind is 0. */
export type LogEntry = {
  kind: LogKind
  /** Of a get, a store or a close: how it went, in the order of watch-lines.ts. */
  status: number
  /** Of a store or a delete: by which command. */
  command: number
  fd: number
  size: number
  ttl: number
  idleSeconds: number
  slab: number
  isFetched: boolean
  key: Uint8Array
  keyAt: number
  keySize: number
}

/** An entry as a reader gets it. */
export type LogRecord = LogEntry & { gid: number; seconds: number; microseconds: number }

const WATCHERS = 0
const TOPIC_WORDS = 1
const GID = 6
const HEADER_WORDS = 16
/** A cache line for each ring's positions. */
const RING_HEADER_WORDS = 16
const CLAIMED = 0
const HEAD = 1
const WRITTEN = 2

const FIELD_WORDS = 9
const KEY_BYTES_MAX = 250
const RECORD_WORDS_MAX = FIELD_WORDS + Math.ceil(KEY_BYTES_MAX / 4)
/** Fills a ring's end, where a record does not fit. */
const FILLER = 15
const KIND_SHIFT = 16
const STATUS_SHIFT = 20
const COMMAND_SHIFT = 24
const KEY_SIZE_SHIFT = 16
const FETCHED_SHIFT = 8
/** memcached's WATCHER_LIMIT. */
export const WATCHERS_MAX = 20
const RING_BYTES_MIN = 4096
/** So near to a record that is read the writer must not have come. */
const MARGIN_WORDS = RECORD_WORDS_MAX * 4

export type WatchLogHandle = { buffer: SharedArrayBuffer; threads: number; ringWords: number }

export class WatchLog {
  readonly handle: WatchLogHandle
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #ringWords: number

  constructor(handle: WatchLogHandle) {
    this.handle = handle
    this.#words = new Int32Array(handle.buffer)
    this.#bytes = new Uint8Array(handle.buffer)
    this.#ringWords = handle.ringWords
  }

  /** @param ringBytes of each thread's ring; a power of two is made of it. */
  static create(threads: number, ringBytes: number): WatchLog {
    const ringWords = 2 ** Math.ceil(Math.log2(Math.max(ringBytes, RING_BYTES_MIN))) / 4
    const words = HEADER_WORDS + threads * (RING_HEADER_WORDS + ringWords)
    return new WatchLog({ buffer: new SharedArrayBuffer(words * 4), threads, ringWords })
  }

  get threads(): number {
    return this.handle.threads
  }

  /** Whether anybody watches: what every request asks. */
  get isWatched(): boolean {
    return this.#words[WATCHERS] !== 0
  }

  get watchers(): number {
    return Atomics.load(this.#words, WATCHERS)
  }

  wants(topic: Topic): boolean {
    return this.#words[TOPIC_WORDS + topic] !== 0
  }

  /** Counts a watcher in; false: there are as many as there may be. */
  join(topics: ReadonlySet<Topic>): boolean {
    if (Atomics.add(this.#words, WATCHERS, 1) >= WATCHERS_MAX) {
      Atomics.sub(this.#words, WATCHERS, 1)
      return false
    }
    for (const topic of topics) Atomics.add(this.#words, TOPIC_WORDS + topic, 1)
    return true
  }

  leave(topics: ReadonlySet<Topic>): void {
    for (const topic of topics) Atomics.sub(this.#words, TOPIC_WORDS + topic, 1)
    Atomics.sub(this.#words, WATCHERS, 1)
  }

  /** The calling thread's part; nobody else may write to ring `thread`. */
  write(thread: number, entry: LogEntry, nowMs: number): void {
    const words = this.#words
    const header = this.#header(thread)
    const keySize = Math.min(entry.keySize, KEY_BYTES_MAX)
    const size = FIELD_WORDS + ((keySize + 3) >> 2)
    let head = words[header + HEAD]!
    const left = this.#ringWords - (head & (this.#ringWords - 1))
    const filler = left < size ? left : 0
    Atomics.store(words, header + CLAIMED, (head + filler + size) | 0)
    if (filler > 0) {
      words[this.#place(thread, head)] = filler | (FILLER << KIND_SHIFT)
      head = (head + filler) | 0
    }
    const at = this.#place(thread, head)
    const { kind, status, command } = entry
    const seconds = Math.floor(nowMs / 1000)
    words[at] = size | (kind << KIND_SHIFT) | (status << STATUS_SHIFT) | (command << COMMAND_SHIFT)
    words[at + 1] = Atomics.add(words, GID, 1) + 1
    words[at + 2] = seconds
    words[at + 3] = Math.floor((nowMs - seconds * 1000) * 1000)
    words[at + 4] = entry.fd
    words[at + 5] = entry.size
    words[at + 6] = entry.ttl
    words[at + 7] = entry.idleSeconds
    words[at + 8] =
      entry.slab | (Number(entry.isFetched) << FETCHED_SHIFT) | (keySize << KEY_SIZE_SHIFT)
    const keyTo = (at + FIELD_WORDS) * 4
    for (let i = 0; i < keySize; i += 1) this.#bytes[keyTo + i] = entry.key[entry.keyAt + i]!
    words[header + WRITTEN] = (words[header + WRITTEN]! + 1) | 0
    Atomics.store(words, header + HEAD, (head + size) | 0)
  }

  /** Reads ring `thread`, from what is written from now on. */
  reader(thread: number): WatchReader {
    return new WatchReader(this, thread)
  }

  /** @internal */
  head(thread: number): number {
    return Atomics.load(this.#words, this.#header(thread) + HEAD)
  }

  /** @internal Records that were ever written to a ring; wraps. */
  written(thread: number): number {
    return Atomics.load(this.#words, this.#header(thread) + WRITTEN)
  }

  /** @internal Whether what lies at `position` may be written over by now. */
  isLost(thread: number, position: number): boolean {
    const claimed = Atomics.load(this.#words, this.#header(thread) + CLAIMED)
    return ((claimed - position) | 0) > this.#ringWords - MARGIN_WORDS
  }

  /** @internal Copies the record at `position`; its size in words, and whether it was a filler. */
  copy(thread: number, position: number, into: LogRecord): { size: number; isFiller: boolean } {
    const words = this.#words
    const at = this.#place(thread, position)
    const first = words[at]!
    const size = first & 0xffff
    const kind = (first >> KIND_SHIFT) & 0xf
    if (kind === FILLER) return { size, isFiller: true }
    into.kind = kind as LogKind
    into.status = (first >> STATUS_SHIFT) & 0xf
    into.command = (first >> COMMAND_SHIFT) & 0xff
    into.gid = words[at + 1]! >>> 0
    into.seconds = words[at + 2]!
    into.microseconds = words[at + 3]!
    into.fd = words[at + 4]!
    into.size = words[at + 5]!
    into.ttl = words[at + 6]!
    into.idleSeconds = words[at + 7]!
    const last = words[at + 8]!
    into.slab = last & 0xff
    into.isFetched = ((last >> FETCHED_SHIFT) & 1) === 1
    into.keySize = Math.min(last >>> KEY_SIZE_SHIFT, KEY_BYTES_MAX)
    const keyFrom = (at + FIELD_WORDS) * 4
    for (let i = 0; i < into.keySize; i += 1) into.key[i] = this.#bytes[keyFrom + i]!
    return { size, isFiller: false }
  }

  #header(thread: number): number {
    return HEADER_WORDS + thread * RING_HEADER_WORDS
  }

  #place(thread: number, position: number): number {
    const rings = HEADER_WORDS + this.handle.threads * RING_HEADER_WORDS
    return rings + thread * this.#ringWords + (position & (this.#ringWords - 1))
  }
}

/** One reader's place in one ring. */
export class WatchReader {
  readonly #log: WatchLog
  readonly #thread: number
  #position: number
  #seen: number
  /** Records that were written over before they were read, since last asked. */
  lost = 0

  constructor(log: WatchLog, thread: number) {
    this.#log = log
    this.#thread = thread
    this.#seen = log.written(thread)
    this.#position = log.head(thread)
  }

  /** The next record into `into`; false: there is none. */
  next(into: LogRecord): boolean {
    while (this.#position !== this.#log.head(this.#thread)) {
      const { size, isFiller } = this.#log.copy(this.#thread, this.#position, into)
      if (this.#log.isLost(this.#thread, this.#position)) {
        this.#skip()
        continue
      }
      assert(size > 0, 'a record has a size')
      this.#position = (this.#position + size) | 0
      if (isFiller) continue
      this.#seen = (this.#seen + 1) | 0
      return true
    }
    return false
  }

  #skip(): void {
    const written = this.#log.written(this.#thread)
    this.#position = this.#log.head(this.#thread)
    this.lost += Math.max(0, (written - this.#seen) | 0)
    this.#seen = written
  }
}

export function emptyEntry(): LogEntry {
  return {
    kind: LogKind.get,
    status: 0,
    command: 0,
    fd: -1,
    size: 0,
    ttl: 0,
    idleSeconds: 0,
    slab: 0,
    isFetched: false,
    key: new Uint8Array(0),
    keyAt: 0,
    keySize: 0,
  }
}

export function emptyRecord(): LogRecord {
  const key = new Uint8Array(KEY_BYTES_MAX)
  return { ...emptyEntry(), key, gid: 0, seconds: 0, microseconds: 0 }
}

export function topicOf(kind: LogKind): Topic {
  return TOPIC_OF[kind]!
}

// Invariants
assert(TOPICS.length === GID - TOPIC_WORDS, 'each topic has a word')
assert(MARGIN_WORDS * 2 < RING_BYTES_MIN / 4, 'the smallest ring holds records')
