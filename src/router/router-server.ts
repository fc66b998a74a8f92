/** A router: the ring, its threads, and the main thread's part in them. Wiring, no logic. */
import { setImmediate } from 'node:timers/promises'
import { LoginDesk } from '../auth/login-desk.ts'
import { monotonicEpochMs, systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { HostBook } from '../net/host-book.ts'
import type { Io } from '../net/io.ts'
import { threadPlanOf } from '../net/thread-plan.ts'
import { readTls, renewTls, type ReplaceTls } from '../net/tls-material.ts'
import { readOutboundTls, TlsDialler } from '../net/tls-outbound.ts'
import { ThreadHost, workerBeside } from '../net/thread-host.ts'
import type { ListenAddress } from '../net/transport.ts'
import { Counters } from '../observe/counters.ts'
import { logEvents } from '../observe/event-log.ts'
import { Events } from '../observe/events.ts'
import type { Log } from '../observe/log.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { type HealthMessage, LOOK } from './health.ts'
import { HealthDesk } from './health-desk.ts'
import type { RouterOptions } from './options.ts'
import { makeDirectory, RouterState } from './router-state.ts'
import { StateLock } from './state-lock.ts'
import type { Go, Topology, TopologyMessage } from './topology.ts'
import { TopologyDesk } from './topology-desk.ts'
import type { RouterExtras } from './worker.ts'

export type RouterServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /**
   * Other users from now on, where users have to log in at all; other nodes and settings a moment
   * later. What cannot change while it runs is logged.
   * @throws RangeError for users that cannot be, or nodes that cannot form a ring: nothing changes.
   */
  change(options: RouterOptions): void
  readonly ioReason: string
  /** Reads certificates again: new connections of clients get them, those there are stay. */
  reloadTls(): void
  stop(): Promise<void>
}

export type RouterServerHooks = { log: Log; onFatal: (error: unknown) => void }

/**
 * @throws ListenError when an address cannot be listened on, TlsError when a certificate or key
 * cannot be used.
 */
export async function startRouter(
  options: RouterOptions,
  hooks: RouterServerHooks,
): Promise<RouterServer> {
  const warn = (warning: string) => hooks.log.warn({}, warning)
  const tls = options.tls && readTls(options.tls, warn)
  const nodeTls = options.nodeTls && readOutboundTls(options.nodeTls)
  // node:tls needs an event loop, and a thread is native or portable as a whole.
  const plan = threadPlanOf(nodeTls ? { ...options, io: 'net' } : options)
  const control = new Control()
  const counters = Counters.create(plan.dataThreads)
  const events = new Events()
  // Undefined until there are threads that could be woken.
  let wake: ((thread: number) => void) | undefined
  const desk =
    options.accounts &&
    new LoginDesk({
      threads: plan.dataThreads,
      accounts: options.accounts,
      waitMaxMs: options.loginWaitMs,
      now: () => performance.now(),
      wake: thread => wake?.(thread),
      onError: error => hooks.log.error({ error: String(error) }, 'Cannot check a login'),
    })
  const clockEpochMs = monotonicEpochMs()
  const hosts = HostBook.create(options.nodes.map(node => node.host))
  const { state, lock } = await stateIn(options.stateDir)
  let wakeAll = (): void => {
    for (let thread = 0; thread < plan.dataThreads; thread += 1) wake?.(thread)
  }
  const health = new HealthDesk({
    router: options,
    threads: plan.dataThreads,
    dialler: nodeTls && new TlsDialler(nodeTls),
    state,
    hosts,
    log: hooks.log,
    wakeAll: () => wakeAll(),
  })
  // Undefined until there are threads that could be told.
  let tellAll: ((message: Topology | Go) => void) | undefined
  const topologies = new TopologyDesk(options, {
    threads: plan.dataThreads,
    health,
    hosts,
    log: hooks.log,
    tellAll: message => tellAll?.(message),
  })
  const first = await topologies.first()
  const extras: RouterExtras = {
    topology: { ...first, options: { ...first.options, io: plan.io } },
    tls,
    nodeTls,
    counters: counters.handle,
    events: events.buffer,
    logins: desk?.ring.handle,
    health: health.health.buffer,
    routerId: state.id,
    clockEpochMs,
    startedAt: systemClock(clockEpochMs).seconds(),
  }
  const host = await ThreadHost.start({
    workerFile: workerBeside(import.meta.url),
    threads: plan.threads,
    portableThreads: plan.portableThreads,
    control,
    listen: options.listen.map(address => ({ ...address, backlog: options.backlog })),
    connectionLimit: options.connectionLimit,
    refusesOverLimit: true,
    refusal: TextLine.tooManyConnections,
    allow: options.allow,
    extras,
    onFatal: hooks.onFatal,
    onMessage: (thread, message) => {
      const said = message as HealthMessage | TopologyMessage
      if (said.type === 'taken' || said.type === 'left') topologies.hear(thread, said)
      else health.hear(thread, said)
    },
    useKernel: options.useKernel,
    native: plan.io !== 'net',
  })
  wake = thread => host.wake(thread)
  // Where native threads are among them the others look by themselves, a little later.
  if (plan.io === 'net') wakeAll = () => host.tell(LOOK)
  tellAll = message => {
    host.tell(message)
    for (let thread = 0; thread < plan.dataThreads; thread += 1) host.wake(thread)
  }
  health.start(topologies.nodes)
  for (const { address, code } of host.skipped) {
    hooks.log.warn({ host: address.host, code }, 'Address is not on this machine, skipped')
  }
  const stopLogging = logEvents(events, control, hooks.log)
  return {
    listening: host.listening,
    io: plan.io,
    ioReason: nodeTls ? 'TLS towards nodes' : options.ioReason,
    reloadTls: () => {
      if (options.tls === undefined) return
      renewTls(options.tls, {
        warn,
        renewed: material => host.tell({ tls: material } satisfies ReplaceTls),
        say: hooks.log,
      })
    },
    change: next => {
      topologies.check(next)
      if (next.accounts) desk?.replace(next.accounts)
      topologies.change(next)
      control.connectionLimit = next.connectionLimit
    },
    stop: async () => {
      topologies.stop()
      health.stop()
      await host.stop()
      // What threads said last is heard first.
      await setImmediate()
      await state.settle()
      lock?.release()
      desk?.stop()
      stopLogging()
    },
  }
}

/** What this router remembers, which nobody else may write as long as it runs. */
async function stateIn(
  directory: string | undefined,
): Promise<{ state: RouterState; lock: StateLock | undefined }> {
  if (directory === undefined) return { state: RouterState.none(), lock: undefined }
  makeDirectory(directory)
  const lock = await StateLock.take(directory)
  return { state: RouterState.open(directory), lock }
}
