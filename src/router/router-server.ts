/** A router: the ring, its threads, and the main thread's part in them. Wiring, no logic. */
import type { Account } from '../auth/account.ts'
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
import { Ring } from '../ring/ring.ts'
import { LOOK } from './health.ts'
import { HealthDesk } from './health-desk.ts'
import type { RouterOptions } from './options.ts'
import { rememberVersion } from './config-version.ts'
import { RouterState } from './router-state.ts'
import type { RouterExtras } from './worker.ts'

export type RouterServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /** Other users from now on, where users have to log in at all. @throws RangeError */
  replaceAccounts(accounts: readonly Account[]): void
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
  const stopLookups = await hosts.keep()
  const { stateDir } = options
  const state = stateDir === undefined ? RouterState.none() : RouterState.open(stateDir)
  const configVersion = versionOf(options, hooks.log)
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
  const extras: RouterExtras = {
    // What threads need not know they are not told.
    options: { ...options, configVersion, io: plan.io, accounts: options.accounts && [] },
    tls,
    nodeTls,
    hosts: hosts.handle,
    ring: Ring.build(options.placement, options.nodes).plan,
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
    onMessage: (thread, message) => health.hear(thread, message),
    useKernel: options.useKernel,
    native: plan.io !== 'net',
  })
  wake = thread => host.wake(thread)
  // Where native threads are among them the others look by themselves, a little later.
  if (plan.io === 'net') wakeAll = () => host.tell(LOOK)
  health.start()
  for (const { address, code } of host.skipped) {
    hooks.log.warn({ host: address.host, code }, 'Address is not on this machine, skipped')
  }
  const stopLogging = logEvents(events, control, hooks.log)
  return {
    listening: host.listening,
    io: plan.io,
    replaceAccounts: accounts => desk?.replace(accounts),
    ioReason: nodeTls ? 'TLS towards nodes' : options.ioReason,
    reloadTls: () => {
      if (options.tls === undefined) return
      renewTls(options.tls, {
        warn,
        renewed: material => host.tell({ tls: material } satisfies ReplaceTls),
        say: hooks.log,
      })
    },
    stop: async () => {
      health.stop()
      await host.stop()
      stopLookups()
      desk?.stop()
      stopLogging()
    },
  }
}

/** What auto discovery counts its lists of nodes by. */
function versionOf({ stateDir, nodes, configVersion }: RouterOptions, log: Log): number {
  if (stateDir === undefined) return configVersion
  const { config, problem } = rememberVersion(stateDir, nodes, configVersion)
  if (problem !== '') log.warn({ problem, config }, 'Version of auto discovery may have gone back')
  return config
}
