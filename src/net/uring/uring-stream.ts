/**
 * One connection of the io_uring transport: what is known of it, and which requests of it the
 * kernel has.
 *
 *   open ──end()──▶ ending ──everything sent──▶ closed ──no request in the kernel──▶ released
 *     └──destroy(), error─────────────────────────▲
 */
import type { LoopStream } from '../native-loop.ts'
import type { Cancel, OutboundHandler, StreamHandler } from '../transport.ts'
import type { Backlog } from '../backlog.ts'
import { Errno } from '../errno.ts'
import { Kind } from './completions.ts'
import type { Sending } from './sender.ts'

export const State = { open: 0, ending: 1, closed: 2 } as const
export type State = (typeof State)[keyof typeof State]

/** What a stream asks of its transport. */
export interface StreamOwner {
  write(stream: UringStream, bytes: Uint8Array, at: number, length: number): boolean
  /** Goes on receiving, after handing over what is held. */
  resume(stream: UringStream): void
  /** Looks after a stream that is to be closed, at the end of the turn. */
  attend(stream: UringStream): void
  /** Has `handler.onDrain` called at the end of the turn. */
  drained(stream: UringStream): void
  /** Streams hold so many bytes more, or less. */
  holding(bytes: number): void
  peerOf(fd: number): string
  errorName(errno: number): string
}

export type Connecting = { handler: OutboundHandler; where: string; cancelTimeout: Cancel }

export type StreamPlace = { fd: number; slot: number; generation: number }

const THRIFTY_RECEIVES = 64

/** A peer that went away by reset or mid-write has closed its connection: nothing is wrong here. */
const NORMAL_CLOSES = new Set<number>([Errno.ECONNRESET, Errno.EPIPE])

export class UringStream implements LoopStream, Sending {
  readonly fd: number
  readonly slot: number
  readonly generation: number
  readonly #owner: StreamOwner
  handler!: StreamHandler
  state: State = State.open
  error = ''
  /** Whether `handler.onClose` has been called, and whether the descriptor has been closed. */
  isCloseTold = false
  isReleased = false
  /** It was closed by `end`. */
  wasEnded = false

  /** Of an outbound one that is not open yet: whom to tell, and where it goes. */
  connecting: Connecting | undefined
  /** In the kernel, or on its way there: a receive, a cancel of it. */
  isReceiving = false
  isCancelling = false
  /** In the kernel: who says that the peer has hung up; and whether it has been said. */
  isWatching = false
  hasHungUp = false
  isPaused = false
  /** The peer has said all that it will say. */
  hasPeerEnded = false
  /** We connected to the peer, not the other way round. */
  isOutbound = false
  /** The transport's second in which the peer was last heard of. */
  heardAt = 0
  /** What arrived while it was paused, and whether the end did. */
  held: Uint8Array[] | undefined
  isEndHeld = false
  /** It has had to hold something: so many receives to come bring one buffer each. */
  thriftyReceives = 0

  batch = 0
  word = 0
  sentAt = 0
  sentLength = 0
  backlog: Backlog | undefined
  isDraining = false
  isPolling = false
  /** `write` has said that the peer is behind. */
  awaitsDrain = false

  constructor(owner: StreamOwner, place: StreamPlace) {
    this.#owner = owner
    this.fd = place.fd
    this.slot = place.slot
    this.generation = place.generation
  }

  get peer(): string {
    return this.state === State.closed || this.fd < 0 ? 'gone' : this.#owner.peerOf(this.fd)
  }

  /** Whether a receive should be in the kernel. */
  get wantsToReceive(): boolean {
    const isHolding = this.held !== undefined || this.isEndHeld
    const isOpen = this.state === State.open && this.connecting === undefined
    return isOpen && !this.isPaused && !isHolding && !this.hasPeerEnded
  }

  /** Whether the kernel has requests that name the descriptor, and will still say so. */
  get isInKernel(): boolean {
    return this.isReceiving || this.isPolling || this.isWatching
  }

  kindsInKernel(): Kind[] {
    const kinds: Kind[] = []
    if (this.isReceiving) kinds.push(Kind.receive)
    if (this.isPolling) kinds.push(Kind.writable)
    if (this.isWatching) kinds.push(Kind.hangUp)
    return kinds
  }

  get isClosed(): boolean {
    return this.state === State.closed
  }

  write(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.state !== State.open || this.#owner.write(this, bytes, at, length)) return true
    this.awaitsDrain = true
    return false
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#owner.resume(this)
  }

  end(): void {
    if (this.state !== State.open) return
    this.state = State.ending
    this.wasEnded = true
    this.#owner.attend(this)
  }

  get isEnding(): boolean {
    return this.wasEnded
  }

  idle(): void {
    if (this.state !== State.open) return
    if (this.handler.onIdle === undefined) this.end()
    else this.handler.onIdle()
  }

  destroy(): void {
    if (this.state === State.closed) return
    this.state = State.closed
    this.backlog?.clear()
    this.backlog = undefined
    for (const piece of this.held ?? []) this.#owner.holding(-piece.length)
    this.held = undefined
    this.#owner.attend(this)
  }

  /** Closes it; `error` is told unless it was closed already. */
  fail(error: string): void {
    if (this.state !== State.closed) this.error = error
    this.destroy()
  }

  failed(errno: number): void {
    this.fail(NORMAL_CLOSES.has(errno) ? '' : this.#owner.errorName(errno))
  }

  drained(): void {
    if (this.state !== State.open) this.#owner.attend(this)
    if (!this.awaitsDrain) return
    this.awaitsDrain = false
    this.#owner.drained(this)
  }

  received(bytes: Uint8Array, at: number, length: number): void {
    if (this.state !== State.open) return
    if (!this.isPaused && this.held === undefined) {
      this.handler.onData(bytes, at, length)
      return
    }
    this.held ??= []
    this.held.push(bytes.slice(at, at + length))
    this.thriftyReceives = THRIFTY_RECEIVES
    this.#owner.holding(length)
  }

  peerEnded(): void {
    this.hasPeerEnded = true
    if (this.state !== State.open) return
    if (this.isPaused || this.held !== undefined) this.isEndHeld = true
    else this.#tellEnd()
  }

  /** What arrived while it was paused, as far as it is wanted now. */
  handOverHeld(): void {
    while (this.held !== undefined && this.#isWanted()) {
      const piece = this.held.shift()
      if (piece === undefined) {
        this.held = undefined
      } else {
        this.#owner.holding(-piece.length)
        this.handler.onData(piece, 0, piece.length)
      }
    }
    if (!this.isEndHeld || !this.#isWanted()) return
    this.isEndHeld = false
    this.#tellEnd()
  }

  #isWanted(): boolean {
    return this.state === State.open && !this.isPaused
  }

  /** The peer sends no more. An outbound connection has nothing to say to it then. */
  #tellEnd(): void {
    this.handler.onEnd()
    if (this.isOutbound) this.end()
  }
}
