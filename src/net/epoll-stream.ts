/**
 * One connection of the epoll transport. It decides what it waits for and keeps what the peer has
 * not taken; its loop (epoll-transport.ts) makes the calls and closes it.
 *
 *   connecting ──writable──▶ open ──end()──▶ ending ──all sent──▶ closing ──turn's end──▶ closed
 *        └──── failure, destroy(), too large a backlog: at once ────────▲
 *
 * Sent at once what the socket takes; the rest is the backlog, sent as the socket drains.
 */
import { Backlog } from './backlog.ts'
import { EpollEvent } from './epoll.ts'
import { Errno } from './errno.ts'
import type { LoopStream } from './native-loop.ts'
import type { Cancel, OutboundHandler, StreamHandler } from './transport.ts'

/** The loop, as its streams see it. */
export interface EpollLoop {
  /** Bytes taken, or minus errno. */
  send(fd: number, bytes: Uint8Array, at: number, length: number): number
  /** Sends what comes first in a backlog; bytes taken, or minus errno. */
  sendBacklog(fd: number, backlog: Backlog): number
  /** What the stream waits for may be another: looked at when the turn ends. */
  changed(stream: EpollStream): void
  /** To be closed when the turn ends. */
  closing(stream: EpollStream): void
  peerOf(fd: number): string
  errorName(errno: number): string
}

/** What is kept for one peer that does not read; who writes on regardless is cut off. */
export const BACKLOG_MAX = 128 * 1024 * 1024

/** A peer that went away by reset or mid-write has closed its connection: nothing is wrong here. */
const NORMAL_CLOSES = new Set<number>([Errno.ECONNRESET, Errno.EPIPE])

export class EpollStream implements LoopStream {
  readonly fd: number
  readonly generation: number
  handler: StreamHandler | undefined
  /** What epoll was told last, and whether the loop has noted that it may be another. */
  armed = 0
  isNoted = false
  error = ''
  /** Where an outbound one goes. */
  where = ''
  isClosing = false
  /** The transport's second in which the peer was last heard of. */
  heardAt = 0
  isClosed = false
  readonly #loop: EpollLoop
  #outbound: OutboundHandler | undefined
  #cancelTimeout: Cancel | undefined
  #backlog: Backlog | undefined
  #isPaused = false
  #isEnding = false
  #peerEnded = false

  constructor(loop: EpollLoop, fd: number, generation: number) {
    this.#loop = loop
    this.fd = fd
    this.generation = generation
  }

  /** On its way to a peer: nothing is sent before it is open. */
  connecting(handler: OutboundHandler, where: string, cancelTimeout: Cancel): void {
    this.handler = handler
    this.where = where
    this.#outbound = handler
    this.#cancelTimeout = cancelTimeout
  }

  get isOutbound(): boolean {
    return this.where !== ''
  }

  get isConnecting(): boolean {
    return this.#outbound !== undefined
  }

  opened(): void {
    const handler = this.#outbound!
    this.#outbound = undefined
    this.#cancelTimeout?.()
    this.#loop.changed(this)
    handler.onOpen()
  }

  get peer(): string {
    return this.isClosed || this.fd < 0 ? 'gone' : this.#loop.peerOf(this.fd)
  }

  get wantsInput(): boolean {
    if (this.#isEnding) return !this.#peerEnded
    return !(this.#isPaused || this.#peerEnded || this.isConnecting)
  }

  /** What epoll should report; hang-ups it always does. */
  get wanted(): number {
    const output = this.isConnecting || this.#backlog !== undefined ? EpollEvent.out : 0
    return (this.wantsInput ? EpollEvent.in : 0) | output
  }

  write(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#isEnding || this.isClosing) return true
    if (this.#backlog !== undefined || this.isConnecting) return this.#keep(bytes, at, length)
    const sent = this.#loop.send(this.fd, bytes, at, length)
    if (sent === length) return true
    if (sent < 0 && !isLater(sent)) {
      this.failed(-sent)
      return false
    }
    const taken = Math.max(0, sent)
    return this.#keep(bytes, at + taken, length - taken)
  }

  pause(): void {
    // Its interest is taken back when something comes: often it goes on before.
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#loop.changed(this)
  }

  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#backlog === undefined) this.destroy()
    else this.#loop.changed(this)
  }

  destroy(): void {
    if (this.isClosing) return
    this.isClosing = true
    this.#loop.closing(this)
  }

  fail(message: string): void {
    if (this.isClosing) return
    this.error = message
    this.destroy()
  }

  failed(errno: number): void {
    if (NORMAL_CLOSES.has(errno)) this.destroy()
    else this.fail(this.#loop.errorName(errno))
  }

  /** What still comes is thrown away: what is unread at the close would cost the last replies. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** The peer sends no more. An outbound connection has nothing to say to it then. */
  ended(): void {
    this.#peerEnded = true
    this.#loop.changed(this)
    this.handler!.onEnd()
    if (this.isOutbound) this.end()
  }

  /** The socket takes bytes again. */
  writable(): void {
    const backlog = this.#backlog
    if (backlog === undefined) return
    while (backlog.size > 0) {
      const sent = this.#loop.sendBacklog(this.fd, backlog)
      if (sent < 0) {
        if (!isLater(sent)) this.failed(-sent)
        return
      }
      backlog.drop(sent)
    }
    this.#backlog = undefined
    if (this.#isEnding) {
      this.destroy()
      return
    }
    this.#loop.changed(this)
    this.handler!.onDrain()
  }

  idle(): void {
    if (this.isClosing || this.#isEnding) return
    if (this.handler?.onIdle === undefined) this.end()
    else this.handler.onIdle()
  }

  /** The last word, once its descriptor is closed. */
  closed(): void {
    this.isClosed = true
    this.#cancelTimeout?.()
    this.#backlog?.clear()
    this.#backlog = undefined
    this.handler?.onClose(this.error)
  }

  #keep(bytes: Uint8Array, at: number, length: number): boolean {
    this.#backlog ??= new Backlog()
    this.#backlog.add(bytes, at, length)
    if (this.#backlog.size > BACKLOG_MAX) this.fail('Peer does not read')
    else this.#loop.changed(this)
    return false
  }
}

/** The socket's buffer, or the kernel's memory for it, is full at the moment. */
function isLater(result: number): boolean {
  return result === -Errno.EAGAIN || result === -Errno.EINTR || result === -Errno.ENOBUFS
}
