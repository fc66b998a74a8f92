/**
 * A data thread of a cache node (net/thread-host.ts draws the threads): its own connections,
 * buffers and counters, one store for all. It does not return before it is told to.
 */
import { LoginRing, type LoginRingHandle } from '../auth/login-ring.ts'
import { RingAuthenticator } from '../auth/ring-authenticator.ts'
import { latin1 } from '../base/bytes.ts'
import { CAS_BYTES } from '../base/item-size.ts'
import { systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { type DataTask, runDataThread } from '../net/data-thread.ts'
import { IO_OUTPUT_BYTES } from '../net/io-memory.ts'
import { inputBuffers, type Io, openTransport } from '../net/io.ts'
import { openDoors } from '../net/open-doors.ts'
import type { ReplaceTls, TlsMaterial } from '../net/tls-material.ts'
import type { Stream } from '../net/transport.ts'
import {
  Counter,
  Counters,
  type CountersHandle,
  readBufferCounters,
  sessionCounters,
  tlsCounters,
} from '../observe/counters.ts'
import { EventKind, Events } from '../observe/events.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import { Output } from '../protocol/output.ts'
import { ReplyMemory } from '../session/reply-memory.ts'
import { type SessionServices, StalledSessions } from '../session/services.ts'
import { Staging } from '../session/staging.ts'
import { Session } from '../session/session.ts'
import type { Layout } from '../store/layout.ts'
import { MemoryLimit } from '../store/memory-limit.ts'
import { openRegion, type RegionHandle } from '../store/region.ts'
import { Store } from '../store/store.ts'
import { ConnectionTable } from './connection-table.ts'
import { ClassCounters, type ClassCountersHandle } from './class-counters.ts'
import { Fences } from './fences.ts'
import { ioMemoryOf } from './memory.ts'
import type { NodeOptions } from './options.ts'
import { ObservedExecutor } from './observed-executor.ts'
import { PrefixStats } from './prefix-stats.ts'
import { StoreExecutor } from './store-executor.ts'
import { Switches } from './switches.ts'
import { Topic, WatchLog, type WatchLogHandle } from './watch-log.ts'
import { WatchWriter } from './watch-writer.ts'
import { Watchers } from './watchers.ts'

export type NodeExtras = {
  options: NodeOptions
  region: RegionHandle
  layout: Layout
  counters: CountersHandle
  classes: ClassCountersHandle
  switches: SharedArrayBuffer
  prefixes: SharedArrayBuffer
  watchLog: WatchLogHandle
  connections: SharedArrayBuffer
  fences: SharedArrayBuffer
  events: SharedArrayBuffer
  /** Undefined: nobody has to log in. */
  logins: LoginRingHandle | undefined
  /** What secure listeners show. */
  tls: TlsMaterial | undefined
  clockEpochMs: number
  startedAt: number
  /** As clients see it; 0 until known. */
  tcpPort: number
}

const STALLED_CHECK_MS = 1000
/** Between two slices of a long answer: nobody else waits longer than one of them. */
const LATER_MS = 1

/** Memory that requests may take while they arrive in pieces, a thread. */
export const STAGING_BYTES = 12 * 1024 * 1024
/** … at least, whatever `read_buf_mem_limit` says: what may come in one piece. */
const STAGING_MIN_BYTES = 64 * 1024

export default async function runNodeThread(task: DataTask & NodeExtras): Promise<void> {
  const options = { ...task.options, itemSizeMax: effectiveItemSizeMax(task.options) }
  const { index } = task
  const control = new Control(task.control)
  const counters = new Counters(task.counters)
  const classes = new ClassCounters(task.classes)
  const switches = new Switches(task.switches)
  const realClock = systemClock(task.clockEpochMs)
  const clock = switches.clock(realClock, options)
  const prefixes = new PrefixStats(options.prefixDelimiter, task.prefixes)
  const events = new Events(task.events)
  const region = openRegion(task.region)
  const store = new Store(region, task.layout, {
    evict: options.evict,
    itemSizeMax: options.itemSizeMax,
    counters: counters.storeOfThread(index),
    classes: classes.ofThread(index),
  })
  const memoryLimit = new MemoryLimit(store, region)
  const counts = counters.ofThread(index)
  const connections = new ConnectionTable(task.connections)
  const watchLog = new WatchLog(task.watchLog)
  const nowMs = (): number => realClock.milliseconds()
  const watch = new WatchWriter(watchLog, { thread: index, counts, nowMs })
  const watchers = new Watchers({
    log: watchLog,
    counts,
    bufferBytes: options.extended.watcherLogbufBytes,
    after: (ms, call) => void transport.after(ms, call),
  })
  const storeExecutor = new StoreExecutor({
    store,
    memoryLimit,
    counters,
    classes,
    switches,
    prefixes,
    watchLog,
    watchers,
    connections,
    fences: new Fences(task.fences),
    threadIndex: index,
    cas: options.cas,
    flush: options.flush,
    startedAt: task.startedAt,
    realMs: () => realClock.milliseconds(),
    facts: {
      options: task.options,
      control,
      startedAt: task.startedAt,
      port: task.tcpPort,
      memoryLimitBytes: () => memoryLimit.bytes,
      indexBytes: () => store.index.sizeBytes,
      hashPower: () => Math.floor(Math.log2(store.index.bucketCount)),
    },
  })
  const executor = new ObservedExecutor(storeExecutor, { switches, prefixes, counts, watch })
  const logins =
    task.logins &&
    new RingAuthenticator(new LoginRing(task.logins), index, () => realClock.milliseconds())
  const io = task.isPortable ? 'net' : options.io
  const memory = ioMemoryOf(region, task.layout, index, io !== 'net')
  const output = new Output(memory.bytes, memory.at, IO_OUTPUT_BYTES)
  const tls = task.tls && (await openDoors(task.tls, tlsCounters(counters.ofThread(index))))
  const { idleTimeout: idleSeconds } = options.extended
  const transport = openTransport(io, { memory, output, idleSeconds, tls })
  const services = {
    ...servicesOf(options, index, counts, events, io),
    onClosed: ({ stream: { fd } }: Session, error: string) => {
      control.leave()
      const peer = connections.close(fd)
      if (watch.isWatched && watch.wants(Topic.connevents)) {
        watch.closed(fd, peer, error === '' ? 'normal' : 'error')
      }
      if (error !== '') events.emit(EventKind.connectionFailed, index, error)
      else if (switches.get('verbosity') > 0) {
        events.emit(EventKind.connectionClosed, index, peer)
      }
    },
    onIdle: ({ stream }: Session) => {
      // As with memcached, idle_timeout is about the network.
      if (stream.peer === 'unix') return
      counts[Counter.idleKicks] = counts[Counter.idleKicks]! + 1
      stream.end()
    },
    output,
    authenticator: logins,
    beginTurn: () => store.tick(clock.seconds()),
    nowMs,
    heard: (fd: number) => connections.heard(fd, store.now),
    nextTurn: (call: () => void) => transport.atTurnEnd(call),
    later: (call: () => void) => void transport.after(LATER_MS, call),
  }
  transport.every(STALLED_CHECK_MS, () => {
    services.stalled.check(realClock.milliseconds())
    logins?.check()
  })
  const accept = (stream: Stream) => {
    const { peer, fd } = stream
    connections.open(fd, peer, clock.seconds())
    if (watch.isWatched && watch.wants(Topic.connevents)) watch.opened(fd, peer)
    if (switches.get('verbosity') > 0) events.emit(EventKind.connectionOpened, index, peer)
    return new Session(stream, executor, services)
  }
  if (task.isPortable) logins?.listen()
  return runDataThread(task, transport, {
    accept,
    onWoken: () => logins?.collect(),
    onMessage: message => tls?.replace((message as ReplaceTls).tls),
  })
}

/** Without cas an item is that much smaller, and so may hold that much more. */
function effectiveItemSizeMax({ cas, itemSizeMax }: NodeOptions): number {
  return cas ? itemSizeMax : itemSizeMax + CAS_BYTES
}

/** ASCII authentication alone leaves no way to log in on the binary protocol. */
export function protocolsOf({
  protocol,
  accounts,
  sasl,
}: NodeOptions): SessionServices['protocols'] {
  if (protocol !== 'auto') return protocol
  return accounts && !sasl ? 'ascii' : 'both'
}

/** As memcached, each thread has its share. */
export function stagingBytes({ extended, threads }: NodeOptions): number {
  const { readBufMemLimitBytes: limit } = extended
  return limit === 0 ? STAGING_BYTES : Math.max(STAGING_MIN_BYTES, Math.floor(limit / threads))
}

function servicesOf(
  options: NodeOptions,
  index: number,
  counts: Float64Array,
  events: Events,
  io: Io,
): Omit<
  SessionServices,
  'beginTurn' | 'nowMs' | 'output' | 'authenticator' | 'nextTurn' | 'later' | 'onClosed'
> {
  return {
    received: 0,
    counters: sessionCounters(counts, peer => events.emit(EventKind.authFailed, index, peer)),
    protocols: protocolsOf(options),
    requestsPerTurn: options.requestsPerEvent,
    staging: new Staging(stagingBytes(options), readBufferCounters(counts, inputBuffers(io))),
    stalled: new StalledSessions(),
    replies: new ReplyMemory(),
    itemSizeMax: options.itemSizeMax,
    flushAllowed: options.flush,
    version: latin1(COMPATIBLE_VERSION),
    onRedisPeer: session => events.emit(EventKind.redisPeer, index, session.stream.peer),
  }
}
