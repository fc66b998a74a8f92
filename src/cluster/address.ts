/**
 * Addresses as people write them: `host:port`, IPv6 in brackets (`[::1]:11211`). Nothing is
 * resolved here: a name stays a name, because the ring hashes it as it was written.
 */
import { isIP, isIPv6 } from 'node:net'
import type { Address } from './config.ts'

const PORT_MAX = 65_535
const HOST_NAME_MAX = 253
const HOST_NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i
const EXPECTED = 'host:port, port 0 to 65535, IPv6 as [::1]:11211'

/**
 * @throws {RangeError} for anything but `host:port` or `[IPv6]:port`.
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const bracketed = match?.[1]
  const host = bracketed ?? match?.[2] ?? ''
  const port = Number(match?.[3] ?? PORT_MAX + 1)
  const fits = bracketed === undefined ? isHost(host) : isIPv6(bracketed)
  if (!fits || port > PORT_MAX) {
    throw new RangeError(`Cannot parse address ${JSON.stringify(text)}: expected ${EXPECTED}`)
  }
  return { host, port }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** True for what only this machine can reach; a name counts only if it is `localhost`. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  const address = plainAddress(host)
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** True for the addresses that stand for every interface of the machine. */
export function isWildcard(host: string): boolean {
  const address = plainAddress(host)
  return address === '0.0.0.0' || address === '::'
}

/**
 * One spelling for one listener, for finding addresses given twice: `localhost` is 127.0.0.1,
 * letters are lower case, IPv6 is in its shortest form.
 */
export function canonicalHost(host: string): string {
  if (host.toLowerCase() === 'localhost') return '127.0.0.1'
  return plainAddress(host)
}

/** Whether two listeners on one machine would want the same port of the same interface. */
export function collides(one: Address, other: Address): boolean {
  if (one.port !== other.port || one.port === 0) return false
  if (canonicalHost(one.host) === canonicalHost(other.host)) return true
  const pairs = [one, other].some(address => isWildcard(address.host))
  return pairs && isLocal(one.host) && isLocal(other.host)
}

function isLocal(host: string): boolean {
  return isLoopback(host) || isWildcard(host)
}

function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return isIP(host) === 4
  return host.length <= HOST_NAME_MAX && HOST_NAME.test(host)
}

/** Lower case, the shortest IPv6, and IPv4 out of its IPv6 wrapping. */
function plainAddress(host: string): string {
  if (!isIPv6(host)) return host.toLowerCase()
  // The URL parser knows the shortest form; an address with a scope (fe80::1%eth0) it refuses.
  const url = URL.parse(`http://[${host}]/`)
  const short = url === null ? host.toLowerCase() : url.hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short)
  if (mapped === null) return short
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** An address, or one with the bits of a network behind a slash. */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits ?? 0) <= (version === 6 ? 128 : 32)
}
