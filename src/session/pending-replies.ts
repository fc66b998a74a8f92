/**
 * Replies that are not known yet, in the order in which they must leave.
 *
 *   head                              tail
 *    │ open  │ done │ local │ open │ done │
 *    └ leaves as soon as it is done, with everything done behind it
 */
import type { ReplyMemory } from './reply-memory.ts'
import { Kept, ReplyPages } from './reply-pages.ts'

/** Bytes that one client's reads may be expected to bring. */
const EXPECTED_BYTES_MAX = 2 * 1024 * 1024
/** What is expected of a reply before there was any: few are asked for then. */
const UNKNOWN_BYTES = 256 * 1024

export type Reply = {
  /** Encoded bytes, undefined while the answer is awaited. */
  kept: Kept | undefined
  /** Bytes that it was taken to have; 0: it is no value. */
  expectedBytes: number
}

/** A thread's, for all its sessions. */
const pages = new ReplyPages()
const LEFT = new Kept(new Uint8Array(0), 0, 0)

export class PendingReplies {
  readonly #memory: ReplyMemory
  #queue: (Reply | undefined)[] = []
  #head = 0
  /** Bytes of replies that wait for an earlier one. */
  bufferedBytes = 0
  /** Bytes that are on their way, as far as one can tell. */
  #expectedBytes = 0
  /** What the next value is taken to have: as much as the last, or half of what was expected. */
  #likelyBytes = UNKNOWN_BYTES

  constructor(memory: ReplyMemory) {
    this.#memory = memory
  }

  get isEmpty(): boolean {
    return this.#head === this.#queue.length
  }

  /** Replies that have not left yet, awaited or done. */
  get length(): number {
    return this.#queue.length - this.#head
  }

  /** @param hasValue whether it may be large. */
  open(hasValue: boolean): Reply {
    const expectedBytes = hasValue ? this.#likelyBytes : 0
    const reply: Reply = { kept: undefined, expectedBytes }
    this.#expect(expectedBytes)
    this.#queue.push(reply)
    return reply
  }

  /** Whether another value may be asked for, beside those on their way. */
  get mayExpect(): boolean {
    const bytes = this.#likelyBytes
    return this.#expectedBytes + bytes <= EXPECTED_BYTES_MAX && this.#memory.mayExpect(bytes)
  }

  /** Bytes of our own, behind whatever is awaited; copied. */
  push(bytes: Uint8Array, at: number, length: number): void {
    this.#queue.push({ kept: pages.keep(bytes, at, length), expectedBytes: 0 })
    this.#hold(length)
  }

  /** The bytes are copied. */
  complete(reply: Reply, bytes: Uint8Array, at: number, length: number): void {
    reply.kept = pages.keep(bytes, at, length)
    this.#came(reply, length)
    this.#hold(length)
  }

  /** Whether the reply is the next to leave. */
  isNext(reply: Reply): boolean {
    return this.#queue[this.#head] === reply
  }

  /** The reply has left by itself. */
  left(reply: Reply, length: number): void {
    reply.kept = LEFT
    this.#came(reply, length)
  }

  /** Nobody waits for any of it. */
  clear(): void {
    for (let i = this.#head; i < this.#queue.length; i += 1) this.#queue[i]!.kept?.release()
    this.#queue = []
    this.#head = 0
    this.#hold(-this.bufferedBytes)
    this.#expect(-this.#expectedBytes)
  }

  /** The next reply that may leave, or undefined. The caller releases it. */
  shift(): Kept | undefined {
    const kept = this.#queue[this.#head]?.kept
    if (kept === undefined) return undefined
    this.#queue[this.#head] = undefined
    this.#head += 1
    this.#hold(-kept.length)
    if (this.isEmpty) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return kept
  }

  #hold(bytes: number): void {
    this.bufferedBytes += bytes
    this.#memory.heldBytes += bytes
  }

  #expect(bytes: number): void {
    this.#expectedBytes += bytes
    this.#memory.expectedBytes += bytes
  }

  #came(reply: Reply, bytes: number): void {
    const { expectedBytes } = reply
    if (expectedBytes === 0) return
    this.#expect(-expectedBytes)
    const known = this.#likelyBytes === UNKNOWN_BYTES ? 0 : this.#likelyBytes / 2
    this.#likelyBytes = Math.max(bytes, Math.floor(known), 1)
  }
}
