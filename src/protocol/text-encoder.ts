/** Replies of the classic text protocol, pre-encoded where they are constant. */
import { latin1, putUint, putUint64 } from '../base/bytes.ts'
import { Command } from './command.ts'
import { type Encoder, type Hit, Status } from './encoder.ts'
import type { Output } from './output.ts'
import type { Request } from './request.ts'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20

function line(text: string): Uint8Array {
  return latin1(`${text}\r\n`)
}

const STATUS_LINES: readonly Uint8Array[] = (() => {
  const lines: Uint8Array[] = []
  lines[Status.stored] = line('STORED')
  lines[Status.notStored] = line('NOT_STORED')
  lines[Status.exists] = line('EXISTS')
  lines[Status.notFound] = line('NOT_FOUND')
  lines[Status.deleted] = line('DELETED')
  lines[Status.touched] = line('TOUCHED')
  lines[Status.ok] = line('OK')
  lines[Status.tooLarge] = line('SERVER_ERROR object too large for cache')
  lines[Status.noMemory] = line('SERVER_ERROR out of memory storing object')
  lines[Status.noMemoryForDelta] = line('SERVER_ERROR out of memory')
  lines[Status.noMemoryForReply] = line('SERVER_ERROR out of memory writing get response')
  lines[Status.nonNumeric] = line('CLIENT_ERROR cannot increment or decrement non-numeric value')
  lines[Status.flushNotAllowed] = line('CLIENT_ERROR flush_all not allowed')
  lines[Status.unknownCommand] = line('ERROR')
  lines[Status.memoryLimitTooSmall] = line('MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m')
  lines[Status.memoryLimitInBytes] = line(
    'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes',
  )
  lines[Status.memoryLimitOutOfBounds] = line(
    'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust',
  )
  lines[Status.badKey] = line('CLIENT_ERROR bad command line format')
  lines[Status.keyNotAllowed] = line('CLIENT_ERROR key not allowed')
  return lines
})()

/** Lines that the text protocol itself answers, before any executor is asked. */
export const TextLine = {
  error: line('ERROR'),
  end: line('END'),
  reset: line('RESET'),
  badFormat: line('CLIENT_ERROR bad command line format'),
  badDataChunk: line('CLIENT_ERROR bad data chunk'),
  badDelta: line('CLIENT_ERROR invalid numeric delta argument'),
  badExptime: line('CLIENT_ERROR invalid exptime argument'),
  noMemoryForRequest: line('SERVER_ERROR out of memory reading request'),
  stored: line('STORED'),
  unauthenticated: line('CLIENT_ERROR unauthenticated'),
  authFailure: line('CLIENT_ERROR authentication failure'),
  authTokenTooLong: line('CLIENT_ERROR auth token too long'),
  badTermination: line('CLIENT_ERROR bad command line termination'),
  badTokenFormat: line('CLIENT_ERROR bad authentication token format'),
  commandNotAllowed: line('CLIENT_ERROR command not allowed'),
  keyNotAllowed: line('CLIENT_ERROR key not allowed'),
  tooManyConnections: line('ERROR Too many open connections'),
} as const

/** Errors of meta commands; no quiet flag hides them. */
export const MetaLine = {
  invalidFlag: line('CLIENT_ERROR invalid flag'),
  duplicateFlag: line('CLIENT_ERROR duplicate flag'),
  badArithmeticFlag: line('CLIENT_ERROR invalid or duplicate flag'),
  tooManyFlags: line('CLIENT_ERROR options flags are too long'),
  badToken: line('CLIENT_ERROR bad token in command line format'),
  badKey: line('CLIENT_ERROR error decoding key'),
  opaqueTooLong: line('CLIENT_ERROR opaque token too long'),
  badSetMode: line('CLIENT_ERROR invalid mode for ms M token'),
  badArithmeticMode: line('CLIENT_ERROR invalid mode for ma M token'),
  badInitial: line('CLIENT_ERROR invalid numeric initial value'),
  badDelta: line('CLIENT_ERROR invalid numeric delta value'),
  noop: line('MN'),
} as const

const VALUE = latin1('VALUE ')
const VERSION = latin1('VERSION ')
const SERVER_ERROR = latin1('SERVER_ERROR ')

function wantsCas(command: Command): boolean {
  return command === Command.gets || command === Command.gats
}

export const textEncoder: Encoder = {
  status(output: Output, request: Request, status: Status): void {
    if (!request.quiet) output.put(STATUS_LINES[status]!)
  },

  hitHead(output: Output, request: Request, hit: Hit): void {
    const { bytes } = output
    output.put(VALUE)
    output.copy(request.key, request.keyAt, request.keySize)
    bytes[output.at] = SPACE
    let at = putUint(bytes, output.at + 1, hit.clientFlags)
    bytes[at] = SPACE
    at = putUint(bytes, at + 1, hit.valueSize)
    if (wantsCas(request.command)) {
      bytes[at] = SPACE
      at = putUint64(bytes, at + 1, hit.casLow, hit.casHigh)
    }
    bytes[at] = CR
    bytes[at + 1] = LF
    output.at = at + 2
  },

  hitTail(output: Output): void {
    output.bytes[output.at] = CR
    output.bytes[output.at + 1] = LF
    output.at += 2
  },

  /** A miss is silence: only the END behind the last key is said. */
  miss(): void {},

  number(output: Output, request: Request, value: bigint): void {
    if (!request.quiet) output.put(line(value.toString()))
  },

  version(output: Output, _request: Request, version: Uint8Array): void {
    output.put(VERSION)
    output.put(version)
    textEncoder.hitTail(output)
  },

  serverError(output: Output, request: Request, text: string): void {
    if (request.quiet) return
    output.put(SERVER_ERROR)
    output.put(line(text))
  },
}

/** One line of `stats`. */
export function putStat(output: Output, name: string, value: string | number): void {
  output.put(line(`STAT ${name} ${value}`))
}
