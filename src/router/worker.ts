/**
 * A data thread of a router: its clients, its connections to the nodes, its share of the counters.
 */
import { LoginRing, type LoginRingHandle } from '../auth/login-ring.ts'
import { RingAuthenticator } from '../auth/ring-authenticator.ts'
import { latin1 } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { type DataTask, runDataThread } from '../net/data-thread.ts'
import type { Stream } from '../net/transport.ts'
import { HostBook } from '../net/host-book.ts'
import { IO_OUTPUT_BYTES, mapIoMemory, portableMemory } from '../net/io-memory.ts'
import { openTransport } from '../net/io.ts'
import { openDoors } from '../net/open-doors.ts'
import type { ReplaceTls, TlsMaterial } from '../net/tls-material.ts'
import type { OutboundTls, TlsDialler } from '../net/tls-outbound.ts'
import { Counters, type CountersHandle, sessionCounters, tlsCounters } from '../observe/counters.ts'
import { EventKind, Events } from '../observe/events.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import { Output } from '../protocol/output.ts'
import { Ring } from '../ring/ring.ts'
import { ReplyMemory } from '../session/reply-memory.ts'
import { type SessionServices, StalledSessions } from '../session/services.ts'
import { Staging } from '../session/staging.ts'
import { Session } from '../session/session.ts'
import { LOOK, NodeHealth } from './health.ts'
import type { RouterOptions } from './options.ts'
import { Discovery } from './discovery.ts'
import { RouteExecutor } from './route-executor.ts'
import { proxyRows, routerRows } from './stats.ts'
import { type Go, limitsOf, type Topology } from './topology.ts'

export type RouterExtras = {
  /** Built by the main thread; exchanged while the router runs. */
  topology: Topology
  counters: CountersHandle
  events: SharedArrayBuffer
  /** Undefined: nobody has to log in. */
  logins: LoginRingHandle | undefined
  /** What secure listeners show. */
  tls: TlsMaterial | undefined
  /** Undefined: nodes are spoken to in the clear. */
  nodeTls: OutboundTls | undefined
  /** Of the nodes (health.ts). */
  health: SharedArrayBuffer
  routerId: string
  clockEpochMs: number
  startedAt: number
}

const STALLED_CHECK_MS = 1000
/** Between two slices of a long answer. */
const LATER_MS = 1

/** Memory that requests may take until they are whole and forwarded, a thread. */
export const STAGING_BYTES = 64 * 1024 * 1024
/** Replies that wait for their clients, a thread. */
const REPLY_BYTES = 64 * 1024 * 1024

export default async function runRouterThread(task: DataTask & RouterExtras): Promise<void> {
  const { index, topology } = task
  const { options, nodes } = topology
  const clock = systemClock(task.clockEpochMs)
  const counters = new Counters(task.counters)
  const events = new Events(task.events)
  const counts = counters.ofThread(index)
  const io = task.isPortable ? 'net' : options.io
  const memory = io === 'net' ? portableMemory() : mapIoMemory()
  const output = new Output(memory.bytes, memory.at, IO_OUTPUT_BYTES)
  const tls = task.tls && (await openDoors(task.tls, tlsCounters(counts)))
  const dialler = task.nodeTls && (await openDialler(task.nodeTls))
  const transport = openTransport(io, { memory, output, idleSeconds: 0, tls, dialler })
  const control = new Control(task.control)
  const facts = {
    options,
    nodes: nodes.length,
    control,
    counters,
    startedAt: task.startedAt,
    now: () => clock.seconds(),
  }
  const hosts = new HostBook(topology.hosts)
  const discovery = new Discovery(options.configVersion, nodes, host => hosts.addressOf(host))
  const executor = new RouteExecutor({
    ...options,
    nodes,
    limits: limitsOf(options),
    ring: new Ring(topology.ring),
    transport,
    hosts,
    discovery,
    nowMs: () => clock.milliseconds(),
    counts,
    stats: {
      rows: nodes => routerRows(facts, nodes),
      proxy: nodes => proxyRows(facts, nodes),
      reset: () => counters.reset(),
    },
    health: new NodeHealth(task.health),
    onTaken: ({ options: taken, nodes: { length } }) => {
      facts.options = taken
      facts.nodes = length
      services.itemSizeMax = taken.itemSizeMax
    },
    tellMain: message => task.port.postMessage(message),
    waitsForMark: options.stateDir !== undefined,
    routerId: task.routerId,
  })
  const logins =
    task.logins &&
    new RingAuthenticator(new LoginRing(task.logins), index, () => clock.milliseconds())
  const services = {
    ...servicesOf(options, index, counts, events),
    onClosed: (_session: Session, error: string) => {
      control.leave()
      if (error !== '') events.emit(EventKind.connectionFailed, index, error)
    },
    output,
    cluster: discovery,
    authenticator: logins,
    nextTurn: (call: () => void) => transport.atTurnEnd(call),
    later: (call: () => void) => void transport.after(LATER_MS, call),
  }
  const accept = (stream: Stream) => {
    if (options.verbosity > 0) events.emit(EventKind.connectionOpened, index, stream.peer)
    return new Session(stream, executor, services)
  }
  transport.every(STALLED_CHECK_MS, () => {
    services.stalled.check(performance.now())
    logins?.check()
  })
  if (io === 'net') logins?.listen()
  return runDataThread(task, transport, {
    accept,
    drain: done => executor.close(done),
    onWoken: () => {
      logins?.collect()
      executor.look()
    },
    onMessage: message => {
      if (message === LOOK) return executor.look()
      const said = message as Topology | Go | ReplaceTls
      if ('tls' in said) tls?.replace(said.tls)
      else if (said.type === 'topology') executor.prepare(said)
      else executor.go(said.turn)
    },
  })
}

/** node:tls is loaded where nodes are spoken to by TLS. */
async function openDialler(nodeTls: OutboundTls): Promise<TlsDialler> {
  const { TlsDialler } = await import('../net/tls-outbound.ts')
  return new TlsDialler(nodeTls)
}

function servicesOf(
  options: RouterOptions,
  index: number,
  counts: Float64Array,
  events: Events,
): Omit<SessionServices, 'output' | 'authenticator' | 'nextTurn' | 'later' | 'onClosed'> {
  return {
    received: 0,
    beginTurn: () => {},
    nowMs: () => performance.now(),
    counters: sessionCounters(counts, peer => events.emit(EventKind.authFailed, index, peer)),
    protocols: 'both',
    // What a client has on its way through the router is bounded elsewhere.
    requestsPerTurn: Number.MAX_SAFE_INTEGER,
    staging: new Staging(STAGING_BYTES),
    stalled: new StalledSessions(),
    replies: new ReplyMemory(REPLY_BYTES),
    itemSizeMax: options.itemSizeMax,
    flushAllowed: true,
    version: latin1(COMPATIBLE_VERSION),
  }
}
