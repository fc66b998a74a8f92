/** What all sessions of one thread share. */
import type { Authenticator } from '../auth/authenticator.ts'
import type { Output } from '../protocol/output.ts'
import type { ReplyMemory } from './reply-memory.ts'
import type { Session } from './session.ts'
import type { Staging } from './staging.ts'

export type SessionCounters = {
  bytesRead(length: number): void
  bytesWritten(length: number): void
  /** A connection has had as many requests taken up as it may in one turn. */
  yielded(): void
  /** One attempt to log in, by whoever is at `peer`. */
  authAttempt(succeeded: boolean, peer: string): void
}

export type SessionServices = {
  /** How often something was received, by any session. */
  received: number
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
  /** What is held for clients that have not taken it yet. */
  replies: ReplyMemory
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
