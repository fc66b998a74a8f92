/**
 * The kernel calls that accepting connections takes, through koffi. Linux only; x86-64 and arm64
 * have the same layouts. Sources: include/uapi/asm-generic/{socket,poll}.h.
 *
 *   pollfd        fd i32 · events i16 · revents i16
 */
import { createRequire } from 'node:module'
import { Errno } from './errno.ts'
import {
  AF_INET6,
  AF_UNIX,
  familyOf,
  labelOfAddress,
  SOCKADDR_BYTES,
  socketAddress,
  unixAddress,
  textOfAddress,
} from './socket-address.ts'

const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000
const POLLIN = 1
const POLLFD_BYTES = 8

type Calls = {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, size: number): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, address: null, size: null, flags: number): number
  getsockname(fd: number, address: Uint8Array, size: Uint8Array): number
  getpeername(fd: number, address: Uint8Array, size: Uint8Array): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, size: number): number
  close(fd: number): number
  send(fd: number, bytes: Uint8Array, size: number, flags: number): number
  poll(fds: Uint8Array, count: number, timeoutMs: number): number
  eventfd(initial: number, flags: number): number
  read(fd: number, bytes: Uint8Array, size: number): number
  write(fd: number, bytes: Uint8Array, size: number): number
  _exit(code: number): void
  errno(): number
}

/** A kernel call that failed: `code` is errno. */
export class KernelError extends Error {
  override name = 'KernelError'
  readonly errno: number
  readonly code: string
  constructor(call: string, errno: number, code: string) {
    super(`${call} failed: ${code}`)
    this.errno = errno
    this.code = code
  }
}

export class Kernel {
  readonly #calls: Calls
  readonly #names: Map<number, string>

  constructor(calls: Calls, names: Map<number, string>) {
    this.#calls = calls
    this.#names = names
  }

  /** A listening, non-blocking socket. @throws KernelError */
  listen(address: string, port: number, backlog: number): number {
    const calls = this.#calls
    const family = familyOf(address)
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
    const fd = this.#check('socket', calls.socket(family, type, 0))
    try {
      const on = int32(1)
      this.#check('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, 4))
      if (family === AF_INET6) {
        this.#check('setsockopt', calls.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, on, 4))
      }
      const name = socketAddress(address, port)
      this.#check('bind', calls.bind(fd, name, name.length))
      this.#check('listen', calls.listen(fd, backlog))
    } catch (error) {
      calls.close(fd)
      throw error
    }
    return fd
  }

  /** A listening, non-blocking socket in the file system. @throws KernelError */
  listenUnix(path: string, backlog: number): number {
    const calls = this.#calls
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
    const fd = this.#check('socket', calls.socket(AF_UNIX, type, 0))
    try {
      const name = unixAddress(path)
      this.#check('bind', calls.bind(fd, name, name.length))
      this.#check('listen', calls.listen(fd, backlog))
    } catch (error) {
      calls.close(fd)
      throw error
    }
    return fd
  }

  /** The port a listening socket got. */
  portOf(fd: number): number {
    const name = new Uint8Array(SOCKADDR_BYTES)
    this.#check('getsockname', this.#calls.getsockname(fd, name, int32(SOCKADDR_BYTES)))
    return name[2]! * 256 + name[3]!
  }

  /** An accepted non-blocking descriptor, or minus errno. */
  accept(fd: number): number {
    const flags = SOCK_NONBLOCK | SOCK_CLOEXEC
    const accepted = this.#calls.accept4(fd, null, null, flags)
    return accepted >= 0 ? accepted : -this.#calls.errno()
  }

  /** `address:port`, `unix`, or `gone`. */
  peerOf(fd: number): string {
    const name = new Uint8Array(SOCKADDR_BYTES)
    const result = this.#calls.getpeername(fd, name, int32(SOCKADDR_BYTES))
    return result < 0 ? 'gone' : textOfAddress(name)
  }

  /** Where a socket is bound, as memcached says it; undefined: the descriptor is none. */
  boundTo(fd: number): string | undefined {
    const name = new Uint8Array(SOCKADDR_BYTES)
    const result = this.#calls.getsockname(fd, name, int32(SOCKADDR_BYTES))
    return result < 0 ? undefined : labelOfAddress(name)
  }

  /** Sends what fits at once and closes: for a connection that is refused. */
  sendAndClose(fd: number, bytes: Uint8Array): void {
    this.#calls.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL)
    this.#calls.close(fd)
  }

  close(fd: number): void {
    this.#calls.close(fd)
  }

  eventfd(): number {
    return this.#check('eventfd', this.#calls.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC))
  }

  /** Wakes whoever polls the eventfd. */
  signal(eventfd: number): void {
    const one = new Uint8Array(8)
    one[0] = 1
    this.#check('write', this.#calls.write(eventfd, one, 8))
  }

  /** Blocks until one of `fds` is readable or the time is over; which are, in `ready`. */
  poll(fds: readonly number[], timeoutMs: number, ready: boolean[]): void {
    const list = Buffer.alloc(fds.length * POLLFD_BYTES)
    for (const [i, fd] of fds.entries()) {
      list.writeInt32LE(fd, i * POLLFD_BYTES)
      list.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4)
    }
    const found = this.#calls.poll(list, fds.length, timeoutMs)
    if (found < 0 && this.#calls.errno() !== Errno.EINTR) this.#check('poll', found)
    for (let i = 0; i < fds.length; i += 1) {
      ready[i] = found > 0 && list.readInt16LE(i * POLLFD_BYTES + 6) !== 0
    }
  }

  /**
   * Ends the process at once: no exit handlers, which would wait for threads that wait themselves.
   */
  exit(code: number): void {
    this.#calls._exit(code)
  }

  #check(call: string, result: number): number {
    if (result >= 0) return result
    const errno = this.#calls.errno()
    throw new KernelError(call, errno, this.#names.get(errno) ?? `errno ${errno}`)
  }
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

let loaded: Kernel | undefined | null = null

/** The kernel's calls, or undefined where they cannot be made (not Linux, koffi not installed). */
export function loadKernel(): Kernel | undefined {
  if (loaded === null) loaded = process.platform === 'linux' ? tryLoad() : undefined
  return loaded
}

function tryLoad(): Kernel | undefined {
  let koffi: typeof import('koffi')
  try {
    koffi = createRequire(import.meta.url)('koffi')
  } catch {
    // An optional dependency: without it the portable ways serve.
    return undefined
  }
  const libc = koffi.load(null)
  const bytes = 'void *'
  const calls = {
    socket: libc.func('socket', 'int', ['int', 'int', 'int']),
    bind: libc.func('bind', 'int', ['int', bytes, 'uint32_t']),
    listen: libc.func('listen', 'int', ['int', 'int']),
    accept4: libc.func('accept4', 'int', ['int', bytes, bytes, 'int']),
    getsockname: libc.func('getsockname', 'int', ['int', bytes, bytes]),
    getpeername: libc.func('getpeername', 'int', ['int', bytes, bytes]),
    setsockopt: libc.func('setsockopt', 'int', ['int', 'int', 'int', bytes, 'uint32_t']),
    close: libc.func('close', 'int', ['int']),
    send: libc.func('send', 'int64_t', ['int', bytes, 'size_t', 'int']),
    poll: libc.func('poll', 'int', [bytes, 'uint64_t', 'int']),
    eventfd: libc.func('eventfd', 'int', ['uint32_t', 'int']),
    read: libc.func('read', 'int64_t', ['int', bytes, 'size_t']),
    write: libc.func('write', 'int64_t', ['int', bytes, 'size_t']),
    _exit: libc.func('_exit', 'void', ['int']),
    errno: () => koffi.errno(),
  } as unknown as Calls
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]))
  return new Kernel(calls, names)
}
