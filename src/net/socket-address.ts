/**
 * Socket addresses as the kernel takes them; x86-64 and arm64 have the same layouts.
 * Sources: include/uapi/linux/in.h, in6.h, un.h.
 *
 *   sockaddr_in   family u16 · port u16 be · address 4 · zero 8
 *   sockaddr_in6  family u16 · port u16 be · flow info u32 · address 16 · scope id u32
 *   sockaddr_un   family u16 · path, at most 107 bytes and a zero
 */
import { isIPv6 } from 'node:net'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
/** What any of them fits in. */
export const SOCKADDR_BYTES = 110
const SOCKADDR_IN_BYTES = 16
const SOCKADDR_IN6_BYTES = 28
export const UNIX_PATH_MAX = 107

/** @param host an IPv4 or IPv6 address, or a path that begins with a slash. */
export function familyOf(host: string): number {
  if (host.startsWith('/')) return AF_UNIX
  return isIPv6(host) ? AF_INET6 : AF_INET
}

export function socketAddress(host: string, port: number): Uint8Array {
  const family = familyOf(host)
  if (family === AF_UNIX) return unixAddress(host)
  return family === AF_INET6 ? sockaddrIn6(host, port) : sockaddrIn(host, port)
}

/** `address:port`, or `unix`. */
export function textOfAddress(name: Uint8Array): string {
  const family = name[0]! + name[1]! * 256
  const port = name[2]! * 256 + name[3]!
  if (family === AF_INET) return `${name.subarray(4, 8).join('.')}:${port}`
  if (family !== AF_INET6) return 'unix'
  const groups = Array.from({ length: 8 }, (_, i) => name[8 + i * 2]! * 256 + name[9 + i * 2]!)
  // As node says it: the longest run of zeros left out.
  const full = groups.map(group => group.toString(16)).join(':')
  return `${new URL(`http://[${full}]`).hostname.slice(1, -1)}:${port}`
}

/** As memcached says it: `tcp:address:port`, `tcp6:[address]:port`, `unix:path`. */
export function labelOfAddress(name: Uint8Array): string {
  const family = name[0]! + name[1]! * 256
  if (family === AF_UNIX) {
    const end = name.indexOf(0, 2)
    return `unix:${Buffer.from(name.subarray(2, end < 0 ? name.length : end)).toString('latin1')}`
  }
  return labelOfPeer(textOfAddress(name))
}

/** The same of `address:port` or `unix`. */
export function labelOfPeer(peer: string): string {
  const colon = peer.lastIndexOf(':')
  if (colon < 0) return peer
  const host = peer.slice(0, colon)
  return host.includes(':') ? `tcp6:[${host}]${peer.slice(colon)}` : `tcp:${peer}`
}

export function unixAddress(path: string): Uint8Array {
  const bytes = Buffer.from(path)
  if (bytes.length > UNIX_PATH_MAX) {
    throw new RangeError(
      `Cannot use the path ${path}: expected at most ${UNIX_PATH_MAX} bytes, got ${bytes.length}`,
    )
  }
  const name = Buffer.alloc(2 + bytes.length + 1)
  name.writeUInt16LE(AF_UNIX)
  bytes.copy(name, 2)
  return name
}

function sockaddrIn(address: string, port: number): Uint8Array {
  const name = Buffer.alloc(SOCKADDR_IN_BYTES)
  name.writeUInt16LE(AF_INET)
  name.writeUInt16BE(port, 2)
  for (const [i, part] of address.split('.').entries()) name[4 + i] = Number(part)
  return name
}

function sockaddrIn6(address: string, port: number): Uint8Array {
  const name = Buffer.alloc(SOCKADDR_IN6_BYTES)
  name.writeUInt16LE(AF_INET6)
  name.writeUInt16BE(port, 2)
  for (const [i, group] of groupsOf(address).entries()) name.writeUInt16BE(group, 8 + i * 2)
  return name
}

/** The eight 16-bit groups of an IPv6 address without a zone; a dotted tail counts as two. */
function groupsOf(address: string): number[] {
  const dotted = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const high = (Number(a) * 256 + Number(b)).toString(16)
    return `${high}:${(Number(c) * 256 + Number(d)).toString(16)}`
  })
  const [head = '', tail] = dotted.split('::')
  const front = hexGroups(head)
  if (tail === undefined) return front
  const back = hexGroups(tail)
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0)
  return [...front, ...zeros, ...back]
}

function hexGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map(part => Number(`0x${part}`))
}
