/**
 * What `memring node` and `memring router` have in common: signals, the fatal end, the supervisor's
 * channel, the port file, and how a port that is taken is said.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { type ConfigureMessage, receiveConfigure, sendReady } from '../cluster/child-protocol.ts'
import { endFatally, endFatallyOnUncaught, endOrderly } from '../net/process-end.ts'
import type { Io } from '../net/io.ts'
import { loadLibc } from '../net/libc.ts'
import { giveBackUnused, limitHeaps } from '../net/process-memory.ts'
import { ListenError } from '../net/thread-host.ts'
import { formatListen, type ListenAddress } from '../net/transport.ts'
import type { Log } from '../observe/log.ts'
import { StateError } from '../router/router-state.ts'
import { RegionError } from '../store/region.ts'
import { EX_OSERR } from './flags.ts'

export type RunningServer = {
  readonly listening: readonly ListenAddress[]
  /** The transport that serves. */
  readonly io: Io
  /** Why not a faster one; empty: this is what was wanted. */
  readonly ioReason: string
  /** SIGHUP: reads again what may change while it runs. */
  reload?(): void
  stop(): Promise<void>
}

export type RunOptions = {
  log: Log
  /** What changes the port: `-p`, or a field of the cluster file. */
  portFlag: string
  /** Whether a supervisor waits to hear that this process serves. */
  supervised: boolean
  /** It serves. */
  onServing?: () => void
  /** It cannot; instead of the line on standard error. */
  onFailed?: (said: string, exitCode: number) => void
  /** It has ended in order. */
  onStopped?: () => void
}

let isServing = false

/** What the supervisor says first; without it a supervised process ends itself, at any time. */
export function configureBySupervisor(): Promise<ConfigureMessage> {
  return receiveConfigure(process, () => {
    // Once it serves it ends in order (endOnSignals).
    if (!isServing) process.exit(1)
  })
}

/** Starts a server and keeps it until a signal ends it; the exit code is set. */
export async function runServer(
  options: RunOptions,
  start: (onFatal: (error: unknown) => void) => Promise<RunningServer>,
): Promise<void> {
  const { log } = options
  const describe = (error: unknown) => {
    log.flush()
    return log.lastLine(error)
  }
  endFatallyOnUncaught(describe)
  limitHeaps(loadLibc())
  let server: RunningServer
  try {
    server = await start(error => endFatally(describe(error)))
  } catch (error) {
    const said = `memring: ${explain(error, options.portFlag)}`
    if (options.onFailed) options.onFailed(said, EX_OSERR)
    else process.stderr.write(`${said}\n`)
    process.exitCode = EX_OSERR
    if (options.supervised) process.disconnect?.()
    return
  }
  const shown = server.listening.map(formatListen).join(', ')
  const addresses = server.listening
    .filter(({ host }) => !host.startsWith('/'))
    .map(({ host, port, secure }) => ({ host, port, secure }))
  const { io, ioReason } = server
  const why = ioReason === '' ? {} : { ioReason }
  log.info({ listening: shown, io, ...why, pid: process.pid }, 'Serving')
  writePortFile(process.env['MEMCACHED_PORT_FILENAME'], addresses)
  endOnSignals(server, options)
  isServing = true
  // The next process to start finds what this one compiled, however this one ends.
  flushCompileCache()
  if (options.supervised) sendReady(process, addresses)
  options.onServing?.()
  giveBackUnused(loadLibc())
}

/** What the system refused, for whoever typed the command; anything else is thrown on. */
function explain(error: unknown, portFlag: string): string {
  if (error instanceof RegionError || error instanceof StateError) return error.message
  if (!(error instanceof ListenError)) throw error
  if (error.code !== 'EADDRINUSE') return error.message
  const { host, port } = error.address
  if (host.startsWith('/')) return `Cannot listen on ${host}: it is in use, choose another path`
  return `Cannot listen on ${host}:${port}: port ${port} is in use, choose another with ${portFlag}`
}

/** SIGUSR1 is memcached's graceful end; here every end is one. */
const END_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const

function endOnSignals(server: RunningServer, { log, supervised, onStopped }: RunOptions): void {
  let ending = false
  const end = (signal: string) => {
    if (ending) return
    ending = true
    log.info({ signal }, 'Stopping')
    server.stop().then(
      () => {
        onStopped?.()
        log.flush()
        process.disconnect?.()
        endOrderly()
      },
      (error: unknown) => endFatally(log.lastLine(error)),
    )
  }
  for (const signal of END_SIGNALS) process.on(signal, () => end(signal))
  process.on('SIGHUP', () => {
    log.info({ signal: 'SIGHUP' }, 'Reloading')
    server.reload?.()
  })
  // The supervisor is gone: nobody else would end this process.
  if (supervised) process.on('disconnect', () => end('disconnect'))
}

/** As memcached does it for its own test-suite: `TCP INET: port`, complete or not there. */
function writePortFile(
  path: string | undefined,
  addresses: readonly { host: string; port: number }[],
): void {
  if (path === undefined || path === '' || addresses.length === 0) return
  const lines = addresses.map(
    ({ host, port }) => `TCP ${host.includes(':') ? 'INET6' : 'INET'}: ${port}`,
  )
  writeFileSync(`${path}.lck`, `${lines.join('\n')}\n`)
  renameSync(`${path}.lck`, path)
}
