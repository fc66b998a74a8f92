/** A cache node: the region, its threads, and the main thread's part in them. Wiring, no logic. */
import type { Account } from '../auth/account.ts'
import { LoginDesk } from '../auth/login-desk.ts'
import { type Clock, monotonicEpochMs, systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { ThreadHost, workerBeside } from '../net/thread-host.ts'
import type { Io } from '../net/io.ts'
import { threadPlanOf } from '../net/thread-plan.ts'
import { readTls, renewTls, type ReplaceTls } from '../net/tls-material.ts'
import type { ListenAddress } from '../net/transport.ts'
import { Counters } from '../observe/counters.ts'
import { logEvents } from '../observe/event-log.ts'
import { Events } from '../observe/events.ts'
import type { Log } from '../observe/log.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { Store } from '../store/store.ts'
import { keepHouse } from './housekeeping.ts'
import { createMemory } from './memory.ts'
import { ConnectionTable } from './connection-table.ts'
import { Fences } from './fences.ts'
import { ClassCounters } from './class-counters.ts'
import type { NodeOptions } from './options.ts'
import { PrefixStats } from './prefix-stats.ts'
import { Switches } from './switches.ts'
import { WatchLog } from './watch-log.ts'
import { WatchWriter } from './watch-writer.ts'
import type { NodeExtras } from './worker.ts'

export type NodeServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /** Other users from now on, where users have to log in at all. @throws RangeError */
  replaceAccounts(accounts: readonly Account[]): void
  readonly ioReason: string
  /**
   * Reads certificates again: new connections get them, those there are stay. What cannot be used
   * changes nothing and is logged.
   */
  reloadTls(): void
  /** The orderly end: stop accepting, send what is due, return every thread. */
  stop(): Promise<void>
}

export type NodeServerHooks = {
  log: Log
  onFatal: (error: unknown) => void
  /** Tests put a worker of their own here. */
  workerFile?: URL
}

/**
 * @throws ListenError when an address cannot be listened on, RegionError when there is no memory,
 * TlsError when a certificate or key cannot be used.
 */
export async function startNode(options: NodeOptions, hooks: NodeServerHooks): Promise<NodeServer> {
  const plan = threadPlanOf(options)
  const tls = options.tls && readTls(options.tls, warning => hooks.log.warn({}, warning))
  const { layout, region } = createMemory(options, plan.dataThreads)
  Store.format(region, layout, crypto.getRandomValues(new Uint32Array(4)))
  const control = new Control()
  // One block more than data threads: main frees what has expired, and what is over the limit.
  const counters = Counters.create(plan.dataThreads + 1)
  const classes = ClassCounters.create(plan.dataThreads + 1)
  const switches = Switches.of(options)
  const watchLog = WatchLog.create(plan.dataThreads + 1, options.extended.workerLogbufBytes)
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
  if (!options.extended.maxconnsFast && !options.useKernel) {
    hooks.log.warn({}, 'no_maxconns_fast has no effect without koffi: too many are refused')
  }
  const clockEpochMs = monotonicEpochMs()
  const clock = systemClock(clockEpochMs)
  const connections = ConnectionTable.create(options.connectionLimit)
  const extras: NodeExtras = {
    // What threads need not know they are not told.
    options: { ...options, io: plan.io, accounts: options.accounts && [] },
    region: region.handle,
    layout,
    counters: counters.handle,
    classes: classes.handle,
    switches: switches.buffer,
    prefixes: new PrefixStats(options.prefixDelimiter).buffer,
    watchLog: watchLog.handle,
    connections: connections.buffer,
    fences: Fences.create(options.connectionLimit).buffer,
    events: events.buffer,
    logins: desk?.ring.handle,
    tls,
    clockEpochMs,
    startedAt: clock.seconds(),
    tcpPort: options.listen[0]?.port ?? 0,
  }
  const host = await ThreadHost.start({
    workerFile: hooks.workerFile ?? workerBeside(import.meta.url),
    threads: plan.threads,
    portableThreads: plan.portableThreads,
    control,
    listen: options.listen.map(address => ({ ...address, backlog: options.backlog })),
    connectionLimit: options.connectionLimit,
    refusesOverLimit: options.extended.maxconnsFast,
    refusal: TextLine.tooManyConnections,
    allow: options.allow,
    extras,
    onFatal: hooks.onFatal,
    useKernel: options.useKernel,
    native: plan.io !== 'net',
  })
  wake = thread => host.wake(thread)
  for (const fd of host.listenerFds) connections.listens(fd, extras.startedAt)
  const stopHousekeeping = keepHouse({
    region,
    layout,
    counters: counters.storeOfThread(plan.dataThreads),
    classes: classes.ofThread(plan.dataThreads),
    clockEpochMs,
    watch: watchOf(watchLog, counters, clock),
    switches,
    nodeOptions: options,
    evict: options.evict,
  })
  const reloadTls = (): void => {
    if (options.tls === undefined) return
    renewTls(options.tls, {
      warn: warning => hooks.log.warn({}, warning),
      renewed: material => {
        host.tell({ tls: material } satisfies ReplaceTls)
        control.certificateReadAt = clock.seconds()
      },
      say: hooks.log,
    })
  }
  control.certificateReadAt = clock.seconds()
  const stopObeying = obeyReloads(control, reloadTls)
  const stopLogging = logEvents(events, control, hooks.log)
  return {
    listening: host.listening,
    io: plan.io,
    replaceAccounts: accounts => desk?.replace(accounts),
    ioReason: options.ioReason,
    reloadTls,
    stop: async () => {
      stopHousekeeping()
      stopObeying()
      await host.stop()
      desk?.stop()
      stopLogging()
    },
  }
}

/** Main evicts too, when a limit is lowered: it has the last ring. */
function watchOf(log: WatchLog, counters: Counters, clock: Clock): WatchWriter {
  const thread = log.threads - 1
  const counts = counters.ofThread(thread)
  return new WatchWriter(log, { thread, counts, nowMs: () => clock.milliseconds() })
}

const RELOAD_CHECK_MS = 100

/** Data threads ask for a reload through a word, because native ones cannot send a message. */
function obeyReloads(control: Control, reload: () => void): () => void {
  let seen = control.reloadsAsked
  const timer = setInterval(() => {
    if (control.reloadsAsked === seen) return
    seen = control.reloadsAsked
    reload()
  }, RELOAD_CHECK_MS)
  return () => clearInterval(timer)
}
