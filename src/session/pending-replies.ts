/**
 * Replies that are not known yet, in the order in which they must leave.
 *
 *   head                              tail
 *    │ open  │ done │ local │ open │ done │
 *    └ leaves as soon as it is done, with everything done behind it
 */
import { type Kept, ReplyPages } from './reply-pages.ts'

export type Reply = {
  /** Encoded bytes, undefined while the answer is awaited. */
  kept: Kept | undefined
}

/** A thread's, for all its sessions. */
const pages = new ReplyPages()

export class PendingReplies {
  #queue: (Reply | undefined)[] = []
  #head = 0
  /** Bytes of replies that wait for an earlier one. */
  bufferedBytes = 0
  /** Of the reply that was completed last. */
  lastBytes = 0

  get isEmpty(): boolean {
    return this.#head === this.#queue.length
  }

  /** Replies that have not left yet, awaited or done. */
  get length(): number {
    return this.#queue.length - this.#head
  }

  open(): Reply {
    const reply: Reply = { kept: undefined }
    this.#queue.push(reply)
    return reply
  }

  /** Bytes of our own, behind whatever is awaited; copied. */
  push(bytes: Uint8Array, at: number, length: number): void {
    this.#queue.push({ kept: pages.keep(bytes, at, length) })
    this.bufferedBytes += length
  }

  /** The bytes are copied. */
  complete(reply: Reply, bytes: Uint8Array, at: number, length: number): void {
    reply.kept = pages.keep(bytes, at, length)
    this.lastBytes = length
    this.bufferedBytes += length
  }

  /** The next reply that may leave, or undefined. The caller releases it. */
  shift(): Kept | undefined {
    const kept = this.#queue[this.#head]?.kept
    if (kept === undefined) return undefined
    this.#queue[this.#head] = undefined
    this.#head += 1
    this.bufferedBytes -= kept.length
    if (this.isEmpty) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return kept
  }
}
