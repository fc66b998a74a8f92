/**
 * Replies that are not known yet, in the order in which they must leave.
 *
 *   head                              tail
 *    │ open  │ done │ local │ open │ done │
 *    └ leaves as soon as it is done, with everything done behind it
 */
export type Reply = {
  /** Encoded bytes, undefined while the answer is awaited. */
  bytes: Uint8Array | undefined
}

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
    const reply: Reply = { bytes: undefined }
    this.#queue.push(reply)
    return reply
  }

  /** Bytes of our own, behind whatever is awaited. */
  push(bytes: Uint8Array): void {
    this.#queue.push({ bytes })
    this.bufferedBytes += bytes.length
  }

  complete(reply: Reply, bytes: Uint8Array): void {
    reply.bytes = bytes
    this.lastBytes = bytes.length
    this.bufferedBytes += bytes.length
  }

  /** The next reply that may leave, or undefined. */
  shift(): Uint8Array | undefined {
    const bytes = this.#queue[this.#head]?.bytes
    if (bytes === undefined) return undefined
    this.#queue[this.#head] = undefined
    this.#head += 1
    this.bufferedBytes -= bytes.length
    if (this.isEmpty) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return bytes
  }
}
