/**
 * Events that data threads tell main, which alone logs: a bounded ring in shared memory, many
 * writers, one reader. A full ring drops (and counts), it never makes anybody wait.
 *
 *   words: 0 head (next ticket)  1 tail (next to read)  2 dropped  3 –
 *   slot:  sequence i32 · kind i32 · thread i32 · text size i32 · text 112 bytes
 *   A slot is readable when its sequence is its ticket + 1; the writer stores that last.
 */
const SLOTS = 512
const SLOT_BYTES = 128
const SLOT_WORDS = SLOT_BYTES / 4
const HEADER_WORDS = 16
const TEXT_AT = 16
const TEXT_MAX = SLOT_BYTES - TEXT_AT
const HEAD = 0
const TAIL = 1
const DROPPED = 2

export const EventKind = {
  connectionOpened: 0,
  connectionClosed: 1,
  connectionFailed: 2,
  authFailed: 3,
  nodeUp: 4,
  nodeDown: 5,
  redisPeer: 6,
} as const
export type EventKind = (typeof EventKind)[keyof typeof EventKind]

export type Event = { kind: EventKind; thread: number; text: string }

export class Events {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Uint8Array

  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer((HEADER_WORDS + SLOTS * SLOT_WORDS) * 4)
    this.#words = new Int32Array(this.buffer)
    this.#bytes = new Uint8Array(this.buffer)
  }

  get dropped(): number {
    return Atomics.load(this.#words, DROPPED)
  }

  /** From any thread. `text` is cut at 112 bytes. */
  emit(kind: EventKind, thread: number, text: string): void {
    const words = this.#words
    for (;;) {
      const ticket = Atomics.load(words, HEAD)
      // Tickets are 32-bit words that wrap: only their distance counts.
      if (((ticket - Atomics.load(words, TAIL)) | 0) >= SLOTS) {
        Atomics.add(words, DROPPED, 1)
        return
      }
      const next = (ticket + 1) | 0
      if (Atomics.compareExchange(words, HEAD, ticket, next) !== ticket) continue
      const slot = slotOf(ticket)
      const bytes = Buffer.from(text, 'utf8').subarray(0, TEXT_MAX)
      words[slot + 1] = kind
      words[slot + 2] = thread
      words[slot + 3] = bytes.length
      this.#bytes.set(bytes, slot * 4 + TEXT_AT)
      Atomics.store(words, slot, next)
      return
    }
  }

  /** The oldest event, or undefined. One reader only. */
  take(): Event | undefined {
    const words = this.#words
    const ticket = Atomics.load(words, TAIL)
    const slot = slotOf(ticket)
    const next = (ticket + 1) | 0
    if (Atomics.load(words, slot) !== next) return undefined
    const at = slot * 4 + TEXT_AT
    const event = {
      kind: words[slot + 1] as EventKind,
      thread: words[slot + 2]!,
      text: Buffer.from(this.#bytes.slice(at, at + words[slot + 3]!)).toString('utf8'),
    }
    Atomics.store(words, TAIL, next)
    return event
  }
}

function slotOf(ticket: number): number {
  return HEADER_WORDS + (ticket & (SLOTS - 1)) * SLOT_WORDS
}
