/**
 * Calls on connected sockets, for native transports. Results are what the kernel says: a number of
 * at least 0, or minus errno. Sources: include/uapi/asm-generic/socket.h, include/linux/socket.h,
 * include/uapi/linux/tcp.h.
 */
import { Errno } from './errno.ts'
import { type Libc, loadLibc } from './libc.ts'
import {
  AF_UNIX,
  familyOf,
  SOCKADDR_BYTES,
  socketAddress,
  textOfAddress,
} from './socket-address.ts'

const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_KEEPALIVE = 9
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const MSG_DONTWAIT = 0x40
const MSG_DONTWAIT_NOSIGNAL = MSG_DONTWAIT | 0x4000

type Calls = {
  recv(fd: number, at: number, size: number, flags: number): number
  send(fd: number, at: number, size: number, flags: number): number
  read(fd: number, bytes: Uint8Array, size: number): number
  socket(family: number, type: number, protocol: number): number
  connect(fd: number, name: Uint8Array, size: number): number
  getpeername(fd: number, name: Uint8Array, size: Uint8Array): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, size: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, size: Uint8Array): number
  close(fd: number): number
}

export class Sockets {
  readonly #libc: Libc
  readonly #calls: Calls
  readonly #counter = new Uint8Array(8)

  constructor() {
    this.#libc = loadLibc() as Libc
    this.#calls = declareCalls(this.#libc)
  }

  /** Never waits; 0: the peer sends no more. @param address where the bytes go. */
  receive(fd: number, address: number, size: number): number {
    const count = this.#calls.recv(fd, address, size, MSG_DONTWAIT)
    return count >= 0 ? count : -this.#libc.errno()
  }

  /** Never waits; may take less than there is. */
  send(fd: number, address: number, size: number): number {
    const count = this.#calls.send(fd, address, size, MSG_DONTWAIT_NOSIGNAL)
    return count >= 0 ? count : -this.#libc.errno()
  }

  /** Makes an eventfd unreadable until it is written again. */
  clearEvent(eventfd: number): void {
    this.#calls.read(eventfd, this.#counter, this.#counter.length)
  }

  /** Replies leave as they are written. What has no such setting (unix sockets) does so anyway. */
  sendAtOnce(fd: number): void {
    this.#calls.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, int32(1), 4)
  }

  /** A new socket on its way to the address; writable, it has a `connectError`. */
  connect(host: string, port: number): number {
    const family = familyOf(host)
    const fd = this.#result(this.#calls.socket(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0))
    if (fd < 0) return fd
    if (family !== AF_UNIX) {
      this.sendAtOnce(fd)
      this.#calls.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, int32(1), 4)
    }
    const name = socketAddress(host, port)
    const result = this.#result(this.#calls.connect(fd, name, name.length))
    if (result >= 0 || result === -Errno.EINPROGRESS) return fd
    this.#calls.close(fd)
    return result
  }

  /** 0, or the errno that connecting ended with. */
  connectError(fd: number): number {
    const value = int32(0)
    this.#calls.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, int32(4))
    return value.readInt32LE()
  }

  /** `address:port`, `unix`, or `gone`. */
  peerOf(fd: number): string {
    const name = new Uint8Array(SOCKADDR_BYTES)
    const result = this.#calls.getpeername(fd, name, int32(SOCKADDR_BYTES))
    return result < 0 ? 'gone' : textOfAddress(name)
  }

  close(fd: number): void {
    this.#calls.close(fd)
  }

  errorName(errno: number): string {
    return this.#libc.errorName(errno)
  }

  #result(result: number): number {
    return result >= 0 ? result : -this.#libc.errno()
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function declareCalls(libc: Libc): Calls {
  const bytes = 'void *'
  return {
    recv: libc.declare('recv', 'int', ['int', 'intptr_t', 'size_t', 'int']),
    send: libc.declare('send', 'int', ['int', 'intptr_t', 'size_t', 'int']),
    read: libc.declare('read', 'int', ['int', bytes, 'size_t']),
    socket: libc.declare('socket', 'int', ['int', 'int', 'int']),
    connect: libc.declare('connect', 'int', ['int', bytes, 'uint32_t']),
    getpeername: libc.declare('getpeername', 'int', ['int', bytes, bytes]),
    setsockopt: libc.declare('setsockopt', 'int', ['int', 'int', 'int', bytes, 'uint32_t']),
    getsockopt: libc.declare('getsockopt', 'int', ['int', 'int', 'int', bytes, bytes]),
    close: libc.declare('close', 'int', ['int']),
  } as Calls
}
