/**
 * What `memring node` and `memring router` have in common: signals, the fatal end, the supervisor's
 * channel, the port file, and how a port that is taken is said.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { type ConfigureMessage, receiveConfigure, sendReady } from '../cluster/child-protocol.ts'
import { endFatally, endFatallyOnUncaught, endOrderly } from '../net/process-end.ts'
import { ListenError } from '../net/thread-host.ts'
import type { ListenAddress } from '../net/transport.ts'
import type { Log } from '../observe/log.ts'
import { RegionError } from '../store/region.ts'
import { EX_OSERR } from './flags.ts'

export type RunningServer = {
  readonly listening: readonly ListenAddress[]
  stop(): Promise<void>
}

export type RunOptions = {
  log: Log
  /** What changes the port: `-p`, or a field of the cluster file. */
  portFlag: string
  /** Whether a supervisor waits to hear that this process serves. */
  supervised: boolean
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
  let server: RunningServer
  try {
    server = await start(error => endFatally(describe(error)))
  } catch (error) {
    process.stderr.write(`memring: ${explain(error, options.portFlag)}\n`)
    process.exitCode = EX_OSERR
    process.disconnect?.()
    return
  }
  const addresses = server.listening.map(({ host, port }) => ({ host, port }))
  const shown = addresses.map(
    ({ host, port }) => (host.includes(':') ? `[${host}]` : host) + `:${port}`,
  )
  log.info({ listening: shown.join(', '), pid: process.pid }, 'Serving')
  writePortFile(process.env['MEMCACHED_PORT_FILENAME'], addresses)
  endOnSignals(server, log)
  isServing = true
  // The next process to start finds what this one compiled, however this one ends.
  flushCompileCache()
  if (options.supervised) sendReady(process, addresses)
}

/** What the system refused, for whoever typed the command; anything else is thrown on. */
function explain(error: unknown, portFlag: string): string {
  if (error instanceof RegionError) return error.message
  if (!(error instanceof ListenError)) throw error
  if (error.code !== 'EADDRINUSE') return error.message
  const { host, port } = error.address
  return `Cannot listen on ${host}:${port}: port ${port} is in use, choose another with ${portFlag}`
}

function endOnSignals(server: RunningServer, log: Log): void {
  let ending = false
  const end = (signal: string) => {
    if (ending) return
    ending = true
    log.info({ signal }, 'Stopping')
    server.stop().then(
      () => {
        log.flush()
        process.disconnect?.()
        endOrderly()
      },
      (error: unknown) => endFatally(log.lastLine(error)),
    )
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  // The supervisor is gone: nobody else would end this process.
  process.on('disconnect', () => end('disconnect'))
}

/** As memcached does it for its own test-suite: `TCP INET: port`, complete or not there. */
function writePortFile(
  path: string | undefined,
  addresses: readonly { host: string; port: number }[],
): void {
  if (path === undefined || path === '') return
  const lines = addresses.map(
    ({ host, port }) => `TCP ${host.includes(':') ? 'INET6' : 'INET'}: ${port}`,
  )
  writeFileSync(`${path}.lck`, `${lines.join('\n')}\n`)
  renameSync(`${path}.lck`, path)
}
