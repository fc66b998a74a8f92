/**
 * A node without sockets or threads: sessions over a fake stream, answered by the real executor from
 * a real store. The stream can be as slow as a test wants it, and time stands still until moved.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { latin1 } from '../../../src/base/bytes.ts'
import { Control } from '../../../src/net/control.ts'
import type { Stream } from '../../../src/net/transport.ts'
import { Counters, readBufferCounters, sessionCounters } from '../../../src/observe/counters.ts'
import { OUTPUT_BYTES, Output } from '../../../src/protocol/output.ts'
import { ClassCounters } from '../../../src/server/class-counters.ts'
import { type NodeOptions, nodeDefaults } from '../../../src/server/options.ts'
import { protocolsOf } from '../../../src/server/worker.ts'
import { ObservedExecutor } from '../../../src/server/observed-executor.ts'
import { PrefixStats } from '../../../src/server/prefix-stats.ts'
import { StoreExecutor } from '../../../src/server/store-executor.ts'
import { ConnectionTable } from '../../../src/server/connection-table.ts'
import { Fences } from '../../../src/server/fences.ts'
import { WatchLog } from '../../../src/server/watch-log.ts'
import { WatchWriter } from '../../../src/server/watch-writer.ts'
import { Watchers } from '../../../src/server/watchers.ts'
import { Switches } from '../../../src/server/switches.ts'
import type { Executor } from '../../../src/session/executor.ts'
import { ReplyMemory } from '../../../src/session/reply-memory.ts'
import { type SessionServices, StalledSessions } from '../../../src/session/services.ts'
import { Staging } from '../../../src/session/staging.ts'
import { Session } from '../../../src/session/session.ts'
import { MemoryLimit } from '../../../src/store/memory-limit.ts'
import type { Store } from '../../../src/store/store.ts'
import { DirectAuthenticator } from './direct-authenticator.ts'
import { makeStore, MIB, NOW, storeOn, wipe } from '../store/support.ts'
import type { TestStore, TestStoreOptions } from '../store/support.ts'

const STAGING_BYTES = 8 * MIB
/** Of all stores together: tests make thousands of them faster than memory is collected. */
const GC_EVERY = 64
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
let stores = 0
const watchLog = WatchLog.create(1, 0)
const connections = ConnectionTable.create(0)
/** One for all nodes: its table is of 19 MB, and `stats detail` has tests of its own. */
const prefixes = new PrefixStats(nodeDefaults.prefixDelimiter)

/** Takes `window` bytes between drains; what is written above that is taken, but answered `false`. */
export class FakeStream implements Stream {
  readonly peer = '127.0.0.1:1'
  readonly fd = 10
  window: number
  paused = false
  ended = false
  destroyed = false
  /** Times that something was written although the last write said to wait. */
  writesWhileBehind = 0
  #pieces: Buffer[] = []
  #fresh: Buffer[] = []
  #taken = 0
  #behind = false

  constructor(window = Number.POSITIVE_INFINITY) {
    this.window = window
  }

  write(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#behind) this.writesWhileBehind += 1
    const piece = Buffer.from(bytes.slice(at, at + length))
    this.#pieces.push(piece)
    this.#fresh.push(piece)
    this.#taken += length
    this.#behind = this.#taken >= this.window
    return !this.#behind
  }

  get isBehind(): boolean {
    return this.#behind
  }

  /** Everything that was ever written. */
  get text(): string {
    this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0]!.toString('latin1')
  }

  /** What was written since last asked. */
  takeFresh(): string {
    const fresh = Buffer.concat(this.#fresh).toString('latin1')
    this.#fresh = []
    return fresh
  }

  /** As if nothing had been written yet. */
  forget(): void {
    this.#pieces = []
    this.#fresh = []
    this.drained()
  }

  get size(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, 0)
  }

  /** The peer has read everything: the caller calls `onDrain`. */
  drained(): void {
    this.#taken = 0
    this.#behind = false
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }
}

export type TestNode = {
  made: TestStore
  store: Store
  executor: Executor
  counters: Counters
  services: SessionServices
  /** Where users have to log in. */
  authenticator: DirectAuthenticator | undefined
  /** What `onClosed` was told, one entry a session. */
  closed: string[]
  /** Seconds go by; sessions see it at their next turn. */
  advance(seconds: number): void
  connect(stream?: FakeStream): Client
}

export type TestNodeOptions = Partial<NodeOptions> & {
  stagingBytes?: number
  /** Of replies that are held. */
  replyBytes?: number
  executor?: Executor
  fences?: Fences
  /** The memory of a node that is over: a new store begins there. */
  memoryOf?: TestNode
}

export function makeNode(given: TestNodeOptions = {}): TestNode {
  const options: NodeOptions = { ...nodeDefaults, memoryBytes: 8 * MIB, threads: 1, ...given }
  const { memoryBytes, evict, itemSizeMax } = options
  const counters = Counters.create(1)
  const classes = ClassCounters.create(1)
  const switches = Switches.of(options)
  const later: (() => void)[] = []
  const ofStore = {
    memoryBytes,
    evict,
    itemSizeMax,
    counters: counters.storeOfThread(0),
    classes: classes.ofThread(0),
  }
  const made = given.memoryOf ? storeAfter(given.memoryOf, ofStore) : newStore(ofStore)
  let now = NOW
  const { store } = made
  const memoryLimit = new MemoryLimit(store, made.region)
  const facts = {
    options,
    control: new Control(),
    startedAt: NOW - 100,
    port: 11211,
    memoryLimitBytes: () => memoryLimit.bytes,
    indexBytes: () => store.index.sizeBytes,
    hashPower: () => Math.floor(Math.log2(store.index.bucketCount)),
  }
  const counts = counters.ofThread(0)
  const nowMs = (): number => now * 1000
  const watch = new WatchWriter(watchLog, { thread: 0, counts, nowMs })
  const watchers = new Watchers({
    log: watchLog,
    counts,
    bufferBytes: options.extended.watcherLogbufBytes,
    // Nobody is told anything: the rings have tests of their own.
    after: () => {},
  })
  const ownExecutor = new StoreExecutor({
    watchLog,
    watchers,
    connections,
    fences: given.fences ?? new Fences(new SharedArrayBuffer(32 * 64)),
    store,
    memoryLimit,
    counters,
    classes,
    switches,
    prefixes,
    realMs: () => now * 1000,
    threadIndex: 0,
    cas: options.cas,
    flush: options.flush,
    startedAt: facts.startedAt,
    facts,
  })
  const observed = new ObservedExecutor(ownExecutor, { switches, prefixes, counts, watch })
  const executor = given.executor ?? observed
  const closed: string[] = []
  const authenticator = options.accounts && new DirectAuthenticator(options.accounts)
  const readBuffers = readBufferCounters(counters.ofThread(0), { count: 0, bytes: 0 })
  const services: SessionServices = {
    received: 0,
    beginTurn: () => store.tick(now),
    nowMs: () => now * 1000,
    requestsPerTurn: options.requestsPerEvent,
    nextTurn: call => void later.push(call),
    later: call => void later.push(call),
    stalled: new StalledSessions(),
    replies: new ReplyMemory(given.replyBytes, () => Date.now()),
    output: new Output(new Uint8Array(OUTPUT_BYTES), 0, OUTPUT_BYTES),
    counters: sessionCounters(counters.ofThread(0), () => {}),
    authenticator,
    protocols: protocolsOf(options),
    staging: new Staging(given.stagingBytes ?? STAGING_BYTES, readBuffers),
    itemSizeMax,
    flushAllowed: options.flush,
    version: latin1('1.6.45'),
    onClosed: (_, error) => closed.push(error),
  }
  return {
    made,
    store,
    executor,
    counters,
    services,
    authenticator,
    closed,
    advance: seconds => {
      now += seconds
    },
    connect: stream => new Client(stream ?? new FakeStream(), executor, services, later),
  }
}

function newStore(options: TestStoreOptions): TestStore {
  stores += 1
  if (stores % GC_EVERY === 0) collect()
  return makeStore(options)
}

function storeAfter({ made: { region, layout } }: TestNode, options: TestStoreOptions): TestStore {
  wipe(region, layout)
  return storeOn(region, layout, options)
}

/** One connection: what it sends, in whatever pieces, and what it has got. */
export class Client {
  readonly stream: FakeStream
  readonly session: Session
  /** What sessions want done when others have had their turn. */
  readonly #later: (() => void)[]

  constructor(
    stream: FakeStream,
    executor: Executor,
    services: SessionServices,
    later: (() => void)[] = [],
  ) {
    this.stream = stream
    this.#later = later
    this.session = new Session(stream, executor, services)
  }

  /** Hands bytes over as a transport does: in a buffer that is overwritten afterwards. */
  deliver(bytes: Uint8Array): void {
    const shared = new Uint8Array(bytes.length + 7).fill(0x58)
    shared.set(bytes, 3)
    this.session.onData(shared, 3, bytes.length)
    shared.fill(0x21)
  }

  /** Sends in pieces of these sizes, the last one repeated; a slow peer drains in between. */
  send(text: string | Uint8Array, sizes: readonly number[] = [Number.POSITIVE_INFINITY]): this {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : Buffer.from(text)
    let at = 0
    for (let piece = 0; at < bytes.length && !this.stream.ended; piece += 1) {
      const size = Math.min(sizes[Math.min(piece, sizes.length - 1)]!, bytes.length - at)
      this.deliver(bytes.subarray(at, at + size))
      at += size
      this.drain()
    }
    return this
  }

  /** Reads everything, as often as there is something to read. */
  drain(): void {
    for (let turns = 0; this.stream.isBehind || this.#later.length > 0; turns += 1) {
      if (turns > 1e6) throw new Error('Cannot drain: the session writes without end')
      for (const call of this.#later.splice(0)) call()
      if (!this.stream.isBehind) continue
      this.stream.drained()
      this.session.onDrain()
    }
  }

  /** What has come since last asked. */
  get reply(): string {
    return this.stream.takeFresh()
  }

  ask(text: string): string {
    this.send(text)
    return this.reply
  }

  disconnect(error = ''): void {
    this.session.onClose(error)
  }
}
