/** What all sessions of one thread share. */
import { INLINE_VALUE_MAX } from '../base/item-size.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Output } from '../protocol/output.ts'
import type { Session } from './session.ts'

export type SessionCounters = {
  bytesRead(length: number): void
  bytesWritten(length: number): void
  /** A connection has had as many requests taken up as it may in one turn. */
  yielded(): void
  /** One attempt to log in, by whoever is at `peer`. */
  authAttempt(succeeded: boolean, peer: string): void
}

export type SessionServices = {
  /** Before anything is done with what has just been received: reads the clock. */
  beginTurn(): void
  nowMs(): number
  /** The connection with this descriptor has sent something. */
  heard?(fd: number): void
  /** Requests of one connection that are taken up before others get their turn (`-R`). */
  requestsPerTurn: number
  /** Calls back when all other connections that are ready now have had their turn. */
  nextTurn(call: () => void): void
  /** Calls back a moment later, for work that can wait. */
  later(call: () => void): void
  output: Output
  counters: SessionCounters
  /** Undefined: nobody has to log in. */
  authenticator: Authenticator | undefined
  /**
   * `ascii`: a first byte of 0x80 is not special (memcached's `-Y` without `-S`); `binary`: any
   * other one closes the connection (`-B`).
   */
  protocols: 'both' | 'ascii' | 'binary'
  staging: Staging
  stalled: StalledSessions
  /** `-I`: what `itemSize` (base/item-size.ts) may come to. */
  itemSizeMax: number
  /** False (`-F`): flush_all is refused before its argument is looked at. */
  flushAllowed: boolean
  /** What auto discovery tells of the cluster; undefined: nothing, the commands are unknown. */
  cluster?: { text(): Uint8Array }
  /** Answer to `version`: `x.y.z`, which clients parse. */
  version: Uint8Array
  /** The first byte of a connection was one of Redis' protocol; it gets ERROR like any other. */
  onRedisPeer?(session: Session): void
  /** The peer has said nothing for as long as it may. Absent: that never ends. */
  onIdle?(session: Session): void
  /** Before the session is forgotten; `error` is empty for a normal close. */
  onClosed(session: Session, error: string): void
}

/** Sizes of buffers that are kept for the next value: powers of two. */
const CLASS_MIN_BYTES = 256
/** Of one size. */
const KEPT_BUFFERS = 16

/**
 * Memory that values take while they arrive in pieces: bounded for a whole thread. Left to the
 * garbage collector, such buffers would stay resident until it comes by.
 */
export class Staging {
  readonly #limitBytes: number
  #usedBytes = 0
  /** By the power of two that is their size. */
  readonly #kept: Uint8Array[][] = Array.from({ length: 32 }, () => [])

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** A buffer of at least `size` bytes, or undefined when the thread's limit is reached. */
  take(size: number): Uint8Array | undefined {
    const length = size > INLINE_VALUE_MAX ? size : classBytes(size)
    if (this.#usedBytes + length > this.#limitBytes) return undefined
    this.#usedBytes += length
    const kept = size > INLINE_VALUE_MAX ? undefined : this.#kept[powerOf(length)]!.pop()
    return kept ?? new Uint8Array(length)
  }

  give(buffer: Uint8Array): void {
    const { length } = buffer
    this.#usedBytes -= length
    if (length > INLINE_VALUE_MAX) return
    const kept = this.#kept[powerOf(length)]!
    if (kept.length < KEPT_BUFFERS) kept.push(buffer)
  }
}

function classBytes(size: number): number {
  return Math.max(CLASS_MIN_BYTES, 2 ** powerOf(2 * size - 1))
}

/** Of the greatest power of two that is not more. */
function powerOf(bytes: number): number {
  return 31 - Math.clz32(bytes)
}

/** How long a large value may make no progress. */
const STALLED_MS = 10_000

/**
 * Sessions in the middle of a large value, in either direction: while the peer neither reads nor
 * sends they hold the memory of all of it, so they are closed in the end. Checked by whoever owns
 * the thread, about once a second.
 */
export class StalledSessions {
  readonly #progressAtMs = new Map<Session, number>()

  /** The session has begun, or got on with, a large value. */
  add(session: Session, nowMs: number): void {
    this.#progressAtMs.set(session, nowMs)
  }

  remove(session: Session): void {
    this.#progressAtMs.delete(session)
  }

  check(nowMs: number): void {
    for (const [session, progressAtMs] of this.#progressAtMs) {
      if (nowMs - progressAtMs >= STALLED_MS) session.stream.destroy()
    }
  }
}
