/**
 * Readiness of many descriptors, level-triggered. Sources: include/uapi/linux/eventpoll.h,
 * fs/eventpoll.c.
 *
 *   epoll_event   x86-64, packed:  events u32 · data u64            12 bytes
 *                 arm64:           events u32 · padding · data u64   16 bytes
 *
 * `data` is ours: the descriptor in its low half, and a number in its high half that tells a
 * descriptor's users apart.
 */
import type { IoMemory } from './io-memory.ts'
import { type Libc, loadLibc } from './libc.ts'
import { Errno } from './errno.ts'

export const EpollEvent = { in: 0x001, out: 0x004, error: 0x008, hangUp: 0x010 } as const

const EPOLL_CTL_ADD = 1
const EPOLL_CTL_MOD = 3
const EPOLL_CLOEXEC = 0o2000000
const IS_PACKED = process.arch === 'x64'
const EVENT_WORDS = IS_PACKED ? 3 : 4
const DATA_WORD = IS_PACKED ? 1 : 2
/** Taken up in one turn. */
const EVENTS_MAX = 256
/** One more event's room, for epoll_ctl. */
export const EPOLL_BYTES = (EVENTS_MAX + 1) * EVENT_WORDS * 4

type Calls = {
  create(flags: number): number
  control(epoll: number, operation: number, fd: number, event: number): number
  wait(epoll: number, events: number, count: number, timeoutMs: number): number
  close(fd: number): number
}

export class Epoll {
  readonly #libc: Libc
  readonly #calls: Calls
  readonly #fd: number
  readonly #words: Int32Array
  readonly #eventsAddress: number
  readonly #controlAddress: number
  readonly #controlWord: number

  /** @param at offset of EPOLL_BYTES of room, a multiple of 8. */
  constructor(memory: IoMemory, at: number) {
    this.#libc = loadLibc() as Libc
    this.#calls = declareCalls(this.#libc)
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + at, EPOLL_BYTES / 4)
    this.#eventsAddress = memory.base + at
    this.#controlWord = EVENTS_MAX * EVENT_WORDS
    this.#controlAddress = this.#eventsAddress + this.#controlWord * 4
    this.#fd = this.#calls.create(EPOLL_CLOEXEC)
    if (this.#fd < 0) throw new Error(`Cannot use epoll: ${this.#errorName()}`)
  }

  /** False: the kernel has no room for one more. */
  add(fd: number, generation: number, events: number): boolean {
    return this.#control(EPOLL_CTL_ADD, fd, generation, events)
  }

  change(fd: number, generation: number, events: number): boolean {
    return this.#control(EPOLL_CTL_MOD, fd, generation, events)
  }

  /** Blocks until there is something or the time is over (-1: no end); how many there are. */
  wait(timeoutMs: number): number {
    const count = this.#calls.wait(this.#fd, this.#eventsAddress, EVENTS_MAX, timeoutMs)
    if (count >= 0) return count
    const errno = this.#libc.errno()
    if (errno === Errno.EINTR) return 0
    throw new Error(`Cannot wait: ${this.#libc.errorName(errno)}`)
  }

  eventsOf(index: number): number {
    return this.#words[index * EVENT_WORDS]!
  }

  fdOf(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD]!
  }

  generationOf(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD + 1]!
  }

  close(): void {
    this.#calls.close(this.#fd)
  }

  #control(operation: number, fd: number, generation: number, events: number): boolean {
    const word = this.#controlWord
    this.#words[word] = events
    this.#words[word + DATA_WORD] = fd
    this.#words[word + DATA_WORD + 1] = generation
    return this.#calls.control(this.#fd, operation, fd, this.#controlAddress) === 0
  }

  #errorName(): string {
    return this.#libc.errorName(this.#libc.errno())
  }
}

function declareCalls(libc: Libc): Calls {
  return {
    create: libc.declare('epoll_create1', 'int', ['int']),
    control: libc.declare('epoll_ctl', 'int', ['int', 'int', 'int', 'intptr_t']),
    wait: libc.declare('epoll_wait', 'int', ['int', 'intptr_t', 'int', 'int']),
    close: libc.declare('close', 'int', ['int']),
  } as Calls
}
