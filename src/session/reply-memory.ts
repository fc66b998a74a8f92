/**
 * What replies of one thread take that their clients have not taken yet: waiting for an earlier one
 * (pending-replies.ts), or written to a peer that is behind. Bounded where an executor asks
 * `allows` before it has a reply kept: there, whoever does not read loses to those who do.
 */

/** Who has not read for so long may be cut off, when there is too little memory. */
const SLOW_MS = 1000
/** One client may hold this part of all. */
const CLIENT_PART = 1 / 2
/** So much of all is free after some were cut off: not every reply has to look for somebody. */
const FREED_PART = 1 / 8

/** A client, as far as memory is concerned. */
export interface Reader {
  /** Bytes of its replies that wait for an earlier one. */
  readonly bufferedBytes: number
  /** Hangs up, and gives back what is held. */
  cutOff(): void
}

type Unsent = { bytes: number; sinceMs: number }

export class ReplyMemory {
  readonly limitBytes: number
  heldBytes = 0
  /** What is on its way from nodes, as far as one can tell. */
  expectedBytes = 0
  /** Of those who are behind: what was written since. */
  readonly #unsent = new Map<Reader, Unsent>()

  readonly #nowMs: () => number

  constructor(limitBytes = Number.POSITIVE_INFINITY, nowMs = () => performance.now()) {
    this.limitBytes = limitBytes
    this.#nowMs = nowMs
  }

  /** Whether anybody may have another reply on its way, of so many bytes. */
  mayExpect(bytes: number): boolean {
    return this.heldBytes + this.expectedBytes + bytes <= this.limitBytes
  }

  /** So much was written to a peer that is behind. */
  unsent(reader: Reader, bytes: number): void {
    this.heldBytes += bytes
    const unsent = this.#unsent.get(reader)
    if (unsent === undefined) this.#unsent.set(reader, { bytes, sinceMs: this.#nowMs() })
    else unsent.bytes += bytes
  }

  /** It has taken everything, or never will. */
  caughtUp(reader: Reader): void {
    this.heldBytes -= this.#unsent.get(reader)?.bytes ?? 0
    this.#unsent.delete(reader)
  }

  /**
   * Whether a reply may be held for `reader`, after others had to go if need be. One that is larger
   * than the limit may when there is no other.
   */
  allows(reader: Reader, bytes: number): boolean {
    const { limitBytes } = this
    if (this.heldBytes + bytes <= limitBytes * CLIENT_PART) return true
    const own = this.#heldFor(reader)
    if (own > 0 && own + bytes > limitBytes * CLIENT_PART) return false
    if (this.heldBytes + bytes > limitBytes) this.#makeRoom(reader, bytes)
    return this.heldBytes + bytes <= limitBytes || this.heldBytes === 0
  }

  /** Those go first who hold most. */
  #makeRoom(wanting: Reader, bytes: number): void {
    const nowMs = this.#nowMs()
    const slow = [...this.#unsent]
      .filter(([reader, { sinceMs }]) => reader !== wanting && nowMs - sinceMs >= SLOW_MS)
      .map(([reader]) => reader)
      .sort((one, other) => this.#heldFor(other) - this.#heldFor(one))
    const enough = Math.max(0, this.limitBytes * (1 - FREED_PART) - bytes)
    for (const reader of slow) {
      if (this.heldBytes <= enough) return
      reader.cutOff()
    }
  }

  #heldFor(reader: Reader): number {
    return reader.bufferedBytes + (this.#unsent.get(reader)?.bytes ?? 0)
  }
}
