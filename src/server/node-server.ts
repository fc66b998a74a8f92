/** A cache node: the region, its threads, and the main thread's part in them. Wiring, no logic. */
import type { Account } from '../auth/account.ts'
import { LoginDesk } from '../auth/login-desk.ts'
import { monotonicEpochMs, systemClock } from '../base/clock.ts'
import { Control } from '../net/control.ts'
import { ThreadHost, workerBeside } from '../net/thread-host.ts'
import type { Io } from '../net/io.ts'
import type { ListenAddress } from '../net/transport.ts'
import { Counters } from '../observe/counters.ts'
import { logEvents } from '../observe/event-log.ts'
import { Events } from '../observe/events.ts'
import type { Log } from '../observe/log.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { Store } from '../store/store.ts'
import { keepHouse } from './housekeeping.ts'
import { createMemory } from './memory.ts'
import { ClassCounters } from './class-counters.ts'
import type { NodeOptions } from './options.ts'
import { Switches } from './switches.ts'
import type { NodeExtras } from './worker.ts'

export type NodeServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /** Other users from now on, where users have to log in at all. @throws RangeError */
  replaceAccounts(accounts: readonly Account[]): void
  readonly ioReason: string
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
 * @throws ListenError when an address cannot be listened on, RegionError when there is no memory.
 */
export async function startNode(options: NodeOptions, hooks: NodeServerHooks): Promise<NodeServer> {
  const { layout, region } = createMemory(options)
  Store.format(region, layout, crypto.getRandomValues(new Uint32Array(4)))
  const control = new Control()
  // One block more than data threads: main frees what has expired, and what is over the limit.
  const counters = Counters.create(options.threads + 1)
  const classes = ClassCounters.create(options.threads + 1)
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
  const io = options.useKernel ? options.io : 'net'
  const extras: NodeExtras = {
    // What threads need not know they are not told.
    options: { ...options, io, accounts: options.accounts && [] },
    region: region.handle,
    layout,
    counters: counters.handle,
    classes: classes.handle,
    switches: Switches.of(options).buffer,
    events: events.buffer,
    logins: desk?.ring.handle,
    clockEpochMs,
    startedAt: systemClock(clockEpochMs).seconds(),
    tcpPort: options.listen[0]?.port ?? 0,
  }
  const host = await ThreadHost.start({
    workerFile: hooks.workerFile ?? workerBeside(import.meta.url),
    threads: options.threads,
    control,
    listen: options.listen.map(address => ({ ...address, backlog: options.backlog })),
    connectionLimit: options.connectionLimit,
    refusal: TextLine.tooManyConnections,
    extras,
    onFatal: hooks.onFatal,
    useKernel: options.useKernel,
    native: io !== 'net',
  })
  wake = thread => host.wake(thread)
  const stopHousekeeping = keepHouse({
    region,
    layout,
    counters: counters.storeOfThread(options.threads),
    classes: classes.ofThread(options.threads),
    clockEpochMs,
    evict: options.evict,
  })
  const stopLogging = logEvents(events, control, hooks.log)
  return {
    listening: host.listening,
    io,
    replaceAccounts: accounts => desk?.replace(accounts),
    ioReason: options.ioReason,
    stop: async () => {
      stopHousekeeping()
      await host.stop()
      desk?.stop()
      stopLogging()
    },
  }
}
