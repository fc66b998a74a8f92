/**
 * The log of a process, written by its main thread only. A terminal gets one readable line an
 * event, a pipe gets JSON (pino's format). Standard error, as memcached; written asynchronously,
 * because a full pipe must not stop the process.
 */
import { pino } from 'pino'

export type LogFields = Readonly<Record<string, unknown>>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** One line in the same form, for the fatal end (net/process-end.ts). */
  lastLine(error: unknown): string
  /** Writes out what is waiting, if that can be done at once; for a process that ends. */
  flush(): void
}

export type LogOptions = { level?: LogLevel; isTerminal?: boolean }

const STDERR = 2
const UNREAD_BYTES_MAX = 1024 * 1024

/** @param name who speaks: `node-1`, `router`, `up`. */
export function createLog(name: string, options: LogOptions = {}): Log {
  const isTerminal = options.isTerminal ?? process.stderr.isTTY
  const settings = { name, level: options.level ?? 'info' }
  let ending = false
  const file = isTerminal
    ? undefined
    : pino.destination({
        fd: STDERR,
        sync: false,
        // Lines that nobody reads are dropped in the end, not kept without bound …
        maxLength: UNREAD_BYTES_MAX,
        // … and never hold up a process that ends.
        retryEAGAIN: () => !ending,
      })
  // A full pipe, or one whose reader has gone, is nothing that could be said anywhere else.
  file?.on('error', () => undefined)
  const readable = { write: (line: string) => process.stderr.write(`${toReadable(line)}\n`) }
  const logger = pino(settings, file ?? readable)
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    lastLine: error => lastLine(name, error, isTerminal),
    flush: () => {
      ending = true
      if (file) flushQuietly(file)
    },
  }
}

function flushQuietly(file: { flushSync(): void }): void {
  try {
    file.flushSync()
  } catch {
    // Not open yet, full, or its reader has gone: there is nobody to tell.
  }
}

const LEVELS: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
}
const NOT_SHOWN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg'])

/** `12:03:44 node-1 WARN message key=value …` */
export function toReadable(line: string): string {
  const event = JSON.parse(line) as Record<string, unknown>
  const time = new Date(Number(event['time'])).toTimeString().slice(0, 8)
  const level = LEVELS[Number(event['level'])] ?? 'info'
  const fields = Object.entries(event)
    .filter(([key]) => !NOT_SHOWN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const said = level === 'info' || level === 'debug' ? '' : `${level} `
  return [`${time} ${String(event['name'])} ${said}${String(event['msg'])}`, ...fields].join(' ')
}

function lastLine(name: string, error: unknown, isTerminal: boolean): string {
  const cause = error instanceof Error ? error : new Error(String(error))
  const event = {
    level: 60,
    time: Date.now(),
    pid: process.pid,
    name,
    err: { type: cause.name, message: cause.message, stack: cause.stack },
    msg: `Cannot go on: ${cause.message}`,
  }
  const line = JSON.stringify(event)
  return isTerminal ? toReadable(line) : line
}
