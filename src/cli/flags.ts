/** Values of command-line flags: parsed strictly, refused with what was expected. */
import { isIPv6 } from 'node:net'
import { ALLOW_MAX, parseNetwork } from '../net/allow-list.ts'
import { InvalidArgumentError, Option } from 'commander'
import { chooseIo, type ChosenIo, type IoChoice, IoError, ioChoices } from '../net/io.ts'

/** memcached's exit code for a flag it cannot take (sysexits.h). */
export const EX_USAGE = 64
/** … for a user that does not exist … */
export const EX_NOUSER = 67
/** … and for something the system refuses, such as a port in use. */
export const EX_OSERR = 71

/** A value that is refused, with the exit code that memcached would have. */
export class FlagError extends InvalidArgumentError {
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** What memcached says to a number that is too small, and how it ends. */
export type Refusal = { said: string; exitCode: number }

/** A whole number in a range, for commander's option parsers. */
export function wholeNumber(min: number, max: number, below?: Refusal): (text: string) => number {
  return text => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    const expected = `expected ${min} to ${max}`
    // As C's atoi: what is no number is 0.
    const isBelow = below !== undefined && !(value > max)
    if (isBelow) throw new FlagError(`${below.said} ("${text}": ${expected})`, below.exitCode)
    throw new FlagError(`Cannot use "${text}": ${expected}`, EX_USAGE)
  }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Bytes with an optional k, m or g. */
export function sizeInBytes(min: number, max: number): (text: string) => number {
  return text => {
    const match = /^(\d{1,12})([kmg]?)$/i.exec(text)
    const value = match ? Number(match[1]) * UNITS[match[2]!.toLowerCase()]! : Number.NaN
    if (value >= min && value <= max) return value
    const range = `${min} to ${max} bytes, with k, m or g`
    throw new FlagError(`Cannot use "${text}": expected ${range}`, EX_USAGE)
  }
}

/** memcached's `-I`, in its words. */
export function itemSize(min: number, max: number): (text: string) => number {
  const parse = sizeInBytes(0, Number.MAX_SAFE_INTEGER)
  return text => {
    const isSize = /^\d{1,12}[kmg]?$/i.test(text)
    const bytes = isSize ? parse(text) : 0
    if (bytes < min) {
      throw new FlagError(`Item max size cannot be less than ${min} bytes. ("${text}")`, EX_USAGE)
    }
    if (bytes <= max) return bytes
    throw new FlagError('Cannot set item size limit higher than a gigabyte.', EX_USAGE)
  }
}

/** `--io`, or MEMRING_IO, which the children of `memring up` inherit. */
export function ioOption(): Option {
  const option = new Option(
    '--io <name>',
    'how sockets are served: auto (the fastest there is), epoll, net',
  )
  return option.argParser(parseIo).env('MEMRING_IO').default('auto')
}

function parseIo(text: string): IoChoice {
  const found = ioChoices.find(name => name === text)
  if (found !== undefined) return found
  throw new FlagError(`Cannot use "${text}": expected ${ioChoices.join(', ')}`, EX_USAGE)
}

/** What serves; refused, before anything listens, when this machine does not have it. */
export function ioOf(choice: IoChoice, refuse: (message: string) => never): ChosenIo {
  try {
    return chooseIo(choice)
  } catch (error) {
    if (error instanceof IoError) return refuse(error.message)
    throw error
  }
}

/** Repeatable, and a list with `,` or `;`. */
export function collectList(text: string, before: readonly string[]): string[] {
  const parts = text.split(/[,;]/).filter(part => part !== '')
  // An empty variable in a start script must not come to mean something else than was written.
  if (parts.length === 0) throw new InvalidArgumentError(`Cannot use "${text}": expected a value`)
  return [...before, ...parts]
}

/** Repeatable, and a list: addresses and networks. */
export function collectNetworks(text: string, before: readonly string[] = []): string[] {
  const networks = collectList(text, before)
  try {
    for (const network of networks) parseNetwork(network)
    if (networks.length <= ALLOW_MAX) return networks
    throw new RangeError(`Cannot allow ${networks.length} networks: expected ${ALLOW_MAX} at most`)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

export type HostPort = { host: string; port: number | undefined }

/** `host`, `host:port`, `[v6]:port`, `v6`, `*`. */
export function parseHostPort(text: string): HostPort {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  const plain = /^([^:[\]]+)(?::(\d+))?$/.exec(text)
  const [, host = text, port] = bracketed ?? plain ?? []
  const isV6 = isIPv6(host)
  // Brackets are for IPv6 only, and only IPv6 has colons of its own.
  const isHost = bracketed || !plain ? isV6 : !/[\s/]/.test(host)
  if (!isHost) {
    throw new InvalidArgumentError(`Cannot use address "${text}": expected host or host:port`)
  }
  if (port === undefined) return { host, port: undefined }
  const number = Number(port)
  if (number < 1 || number > 65535) {
    throw new InvalidArgumentError(`Cannot use port "${port}": expected 1 to 65535`)
  }
  return { host, port: number }
}
