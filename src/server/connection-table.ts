/**
 * The open connections of a process by descriptor, in shared memory, for `stats conns` and for
 * what watchers hear: a slot is written by the thread that has the connection, read by any. A
 * reader may see half of a slot that has just changed hands: it is one line of statistics.
 *
 *   slot  state i32 · last heard of (unix seconds) i32 · peer size i32 · peer, at most 52 bytes
 */
import { toLatin1 } from '../base/bytes.ts'

export const ConnectionState = { none: 0, fresh: 1, reading: 2, watching: 3, listening: 4 } as const
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState]

const SLOT_WORDS = 16
const PEER_AT = 12
const PEER_MAX = SLOT_WORDS * 4 - PEER_AT
/** Descriptors of a process beside its connections: files, eventfds, rings. */
const OTHER_DESCRIPTORS = 512
/** Looked at before others get their turn. */
const SLOTS_PER_STEP = 4096

export type Connection = { fd: number; state: ConnectionState; heardAt: number; peer: string }

export class ConnectionTable {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #count: number

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.#count = this.#words.length / SLOT_WORDS
  }

  static create(connectionLimit: number): ConnectionTable {
    const slots = connectionLimit + OTHER_DESCRIPTORS
    return new ConnectionTable(new SharedArrayBuffer(slots * SLOT_WORDS * 4))
  }

  /** What has no slot, a descriptor beyond the table or none, is not listed. */
  open(fd: number, peer: string, now: number): void {
    if (!this.#has(fd)) return
    const slot = fd * SLOT_WORDS
    const size = Math.min(peer.length, PEER_MAX)
    for (let i = 0; i < size; i += 1) this.#bytes[slot * 4 + PEER_AT + i] = peer.charCodeAt(i)
    this.#words[slot + 2] = size
    this.#words[slot + 1] = now
    Atomics.store(this.#words, slot, ConnectionState.fresh)
  }

  /** One that accepts others. */
  listens(fd: number, now: number): void {
    if (!this.#has(fd)) return
    this.open(fd, '', now)
    Atomics.store(this.#words, fd * SLOT_WORDS, ConnectionState.listening)
  }

  heard(fd: number, now: number): void {
    if (!this.#has(fd)) return
    const words = this.#words
    const slot = fd * SLOT_WORDS
    words[slot + 1] = now
    if (words[slot] === ConnectionState.fresh) words[slot] = ConnectionState.reading
  }

  watches(fd: number): void {
    if (this.#has(fd)) Atomics.store(this.#words, fd * SLOT_WORDS, ConnectionState.watching)
  }

  /** Returns who it was, or `gone`. */
  close(fd: number): string {
    const peer = this.#has(fd) ? this.#peer(fd) : 'gone'
    if (this.#has(fd)) Atomics.store(this.#words, fd * SLOT_WORDS, ConnectionState.none)
    return peer
  }

  /** Undefined now and then, so that a walk through many empty slots can pause. */
  *connections(): Generator<Connection | undefined> {
    for (let fd = 0; fd < this.#count; fd += 1) {
      if (fd % SLOTS_PER_STEP === SLOTS_PER_STEP - 1) yield undefined
      const state = Atomics.load(this.#words, fd * SLOT_WORDS) as ConnectionState
      if (state === ConnectionState.none) continue
      yield { fd, state, heardAt: this.#words[fd * SLOT_WORDS + 1]!, peer: this.#peer(fd) }
    }
  }

  #has(fd: number): boolean {
    return fd >= 0 && fd < this.#count
  }

  #peer(fd: number): string {
    const slot = fd * SLOT_WORDS
    const size = Math.min(this.#words[slot + 2]!, PEER_MAX)
    return toLatin1(this.#bytes, slot * 4 + PEER_AT, size)
  }
}
