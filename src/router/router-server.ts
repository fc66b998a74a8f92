/** A router: the ring, its threads, and the main thread's part in them. Wiring, no logic. */
import type { Account } from '../auth/account.ts'
import { LoginDesk } from '../auth/login-desk.ts'
import { monotonicEpochMs, systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { HostBook } from '../net/host-book.ts'
import type { Io } from '../net/io.ts'
import { ThreadHost, workerBeside } from '../net/thread-host.ts'
import type { ListenAddress } from '../net/transport.ts'
import { Counters } from '../observe/counters.ts'
import { logEvents } from '../observe/event-log.ts'
import { Events } from '../observe/events.ts'
import type { Log } from '../observe/log.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { Ring } from '../ring/ring.ts'
import type { RouterOptions } from './options.ts'
import type { RouterExtras } from './worker.ts'

export type RouterServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /** Other users from now on, where users have to log in at all. @throws RangeError */
  replaceAccounts(accounts: readonly Account[]): void
  readonly ioReason: string
  stop(): Promise<void>
}

export type RouterServerHooks = { log: Log; onFatal: (error: unknown) => void }

/** @throws ListenError when an address cannot be listened on. */
export async function startRouter(
  options: RouterOptions,
  hooks: RouterServerHooks,
): Promise<RouterServer> {
  const control = new Control()
  const counters = Counters.create(options.threads)
  const events = new Events()
  // Undefined until there are threads that could be woken.
  let wake: ((thread: number) => void) | undefined
  const desk =
    options.accounts &&
    new LoginDesk({
      threads: options.threads,
      accounts: options.accounts,
      waitMaxMs: options.loginWaitMs,
      now: () => performance.now(),
      wake: thread => wake?.(thread),
      onError: error => hooks.log.error({ error: String(error) }, 'Cannot check a login'),
    })
  const clockEpochMs = monotonicEpochMs()
  const hosts = HostBook.create(options.nodes.map(node => node.host))
  const stopLookups = await hosts.keep()
  const io = options.useKernel ? options.io : 'net'
  const extras: RouterExtras = {
    // What threads need not know they are not told.
    options: { ...options, io, accounts: options.accounts && [] },
    hosts: hosts.handle,
    ring: Ring.build(options.placement, options.nodes).plan,
    counters: counters.handle,
    events: events.buffer,
    logins: desk?.ring.handle,
    clockEpochMs,
    startedAt: systemClock(clockEpochMs).seconds(),
  }
  const host = await ThreadHost.start({
    workerFile: workerBeside(import.meta.url),
    threads: options.threads,
    portableThreads: 0,
    control,
    listen: options.listen.map(address => ({ ...address, backlog: options.backlog })),
    connectionLimit: options.connectionLimit,
    refusesOverLimit: true,
    refusal: TextLine.tooManyConnections,
    allow: options.allow,
    extras,
    onFatal: hooks.onFatal,
    useKernel: options.useKernel,
    native: io !== 'net',
  })
  wake = thread => host.wake(thread)
  for (const { address, code } of host.skipped) {
    hooks.log.warn({ host: address.host, code }, 'Address is not on this machine, skipped')
  }
  const stopLogging = logEvents(events, control, hooks.log)
  return {
    listening: host.listening,
    io,
    replaceAccounts: accounts => desk?.replace(accounts),
    ioReason: options.ioReason,
    stop: async () => {
      await host.stop()
      stopLookups()
      desk?.stop()
      stopLogging()
    },
  }
}
