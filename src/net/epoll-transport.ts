/**
 * The epoll transport: level-triggered readiness, recv and send, all through koffi. One thread owns
 * it and blocks in it.
 *
 *   turn:  epoll_wait ─▶ for each ready stream: recv ─▶ handler ─▶ send   (at most one recv each)
 *          ─▶ atTurnEnd ─▶ closings ─▶ changed interests ─▶ timers
 *
 * Descriptors are closed only when a turn ends, behind all of its events, so an event never reaches
 * a connection that got the descriptor of another; the generation in epoll's data guards what may
 * come later (a copy of the descriptor that a child process held for a moment).
 *
 * Memory (IoMemory): worker's output │ input │ scratch │ epoll's events
 */
import { assert } from '../base/assert.ts'
import { copyBytes } from '../base/bytes.ts'
import type { Backlog } from './backlog.ts'
import { Epoll, EPOLL_BYTES, EpollEvent } from './epoll.ts'
import { type EpollLoop, EpollStream } from './epoll-stream.ts'
import { Errno } from './errno.ts'
import { IO_OUTPUT_BYTES, type IoMemory } from './io-memory.ts'
import { NativeLoop } from './native-loop.ts'
import { shorter } from './timers.ts'
import type { Door, OutboundHandler, Stream } from './transport.ts'

/** What one connection may hand over before the others get their turn. */
export const INPUT_BYTES = 64 * 1024
/** Bytes that lie elsewhere go through here on their way out. */
const SCRATCH_BYTES = 64 * 1024
const FAILED_FD = -1

export class EpollTransport extends NativeLoop implements EpollLoop {
  readonly #memory: IoMemory
  readonly #inputAt: number
  readonly #inputAddress: number
  readonly #scratchAt: number
  readonly #epoll: Epoll
  /** By descriptor. */
  readonly #streams: (EpollStream | undefined)[] = []
  readonly #changed: EpollStream[] = []
  #closing: EpollStream[] = []
  #eventfd = -1
  #count = 0
  #generation = 0

  /** @param idleSeconds how long a client may say nothing; 0: for ever. */
  constructor(memory: IoMemory, idleSeconds = 0) {
    super(idleSeconds)
    this.#memory = memory
    this.#inputAt = memory.at + IO_OUTPUT_BYTES
    this.#inputAddress = memory.base + this.#inputAt
    this.#scratchAt = this.#inputAt + INPUT_BYTES
    const eventsAt = this.#scratchAt + SCRATCH_BYTES
    assert(eventsAt + EPOLL_BYTES <= memory.at + memory.size, 'the parts fit in the memory')
    this.#epoll = new Epoll(memory, eventsAt)
  }

  override turn(limitMs: number): boolean {
    const isBusy = !this.turnEnd.isEmpty || this.#closing.length > 0
    const { waitMs } = this.timers
    const count = this.#epoll.wait(isBusy ? 0 : shorter(waitMs, limitMs))
    for (let i = 0; i < count; i += 1) {
      const fd = this.#epoll.fdOf(i)
      const stream = this.#streams[fd]
      if (stream === undefined) {
        // Or else a descriptor that has been closed meanwhile.
        if (fd === this.#eventfd) this.woken()
      } else if (stream.generation === this.#epoll.generationOf(i)) {
        this.#onEvent(stream, this.#epoll.eventsOf(i))
      }
    }
    this.turnEnd.run()
    this.timers.runDue()
    if (this.#closing.length > 0) this.#closeDue()
    if (this.#changed.length > 0) this.#armChanged()
    const isDone = this.isDrained && this.#count === 0 && this.#closing.length === 0
    if (isDone) this.#shut()
    return isDone
  }

  override connect(
    host: string,
    port: number,
    timeoutMs: number,
    handler: OutboundHandler,
  ): Stream {
    const result = this.sockets.connect(host, port)
    const stream = new EpollStream(this, Math.max(result, FAILED_FD), this.#nextGeneration())
    const where = host.startsWith('/') ? host : `${host}:${port}`
    if (result < 0) {
      stream.handler = handler
      stream.fail(`connect ${this.errorName(-result)} ${where}`)
      return stream
    }
    const cancelTimeout = this.after(timeoutMs, () => {
      stream.fail(`connect timed out after ${timeoutMs} ms`)
    })
    stream.connecting(handler, where, cancelTimeout)
    if (!this.#watch(stream)) stream.fail(`connect ${where}: the kernel watches no more sockets`)
    return stream
  }

  send(fd: number, bytes: Uint8Array, at: number, length: number): number {
    const memory = this.#memory
    if (bytes === memory.bytes) return this.sockets.send(fd, memory.base + at, length)
    let sent = 0
    while (sent < length) {
      const size = Math.min(SCRATCH_BYTES, length - sent)
      copyBytes(memory.bytes, this.#scratchAt, bytes, at + sent, size)
      const taken = this.sockets.send(fd, memory.base + this.#scratchAt, size)
      if (taken < 0) return sent > 0 ? sent : taken
      sent += taken
      if (taken < size) return sent
    }
    return sent
  }

  sendBacklog(fd: number, backlog: Backlog): number {
    const size = backlog.peek(this.#memory.bytes, this.#scratchAt, SCRATCH_BYTES)
    return this.sockets.send(fd, this.#memory.base + this.#scratchAt, size)
  }

  changed(stream: EpollStream): void {
    if (stream.isNoted) return
    stream.isNoted = true
    this.#changed.push(stream)
  }

  closing(stream: EpollStream): void {
    this.#closing.push(stream)
  }

  #onEvent(stream: EpollStream, events: number): void {
    if (stream.isClosing) return
    if (stream.isConnecting) {
      this.#onConnected(stream)
      return
    }
    if ((events & EpollEvent.out) !== 0) stream.writable()
    if (stream.isClosing) return
    if (stream.wantsInput) {
      if ((events & ~EpollEvent.out) !== 0) this.#receive(stream)
    } else if ((events & (EpollEvent.error | EpollEvent.hangUp)) !== 0) {
      // Reset, or closed from both sides, while nobody reads: it would be reported for ever.
      stream.destroy()
    } else if ((events & EpollEvent.in) !== 0) {
      this.changed(stream)
    }
  }

  #receive(stream: EpollStream): void {
    const length = this.sockets.receive(stream.fd, this.#inputAddress, INPUT_BYTES)
    // Who is being sent away does not stay for going on to send.
    if (length > 0 && stream.isEnding) return
    stream.heardAt = this.seconds
    if (length > 0) stream.handler!.onData(this.#memory.bytes, this.#inputAt, length)
    else if (length === 0) stream.ended()
    else if (length !== -Errno.EAGAIN && length !== -Errno.EINTR) stream.failed(-length)
  }

  #onConnected(stream: EpollStream): void {
    const errno = this.sockets.connectError(stream.fd)
    if (errno === 0) stream.opened()
    else stream.fail(`connect ${this.errorName(errno)} ${stream.where}`)
  }

  protected override watchDoor(eventfd: number): void {
    this.#eventfd = eventfd
    this.#epoll.add(eventfd, 0, EpollEvent.in)
  }

  protected override streams(): EpollStream[] {
    return this.#streams.filter(stream => stream !== undefined)
  }

  protected override adopt(fd: number, door: Door): void {
    const stream = new EpollStream(this, fd, this.#nextGeneration())
    stream.heardAt = this.seconds
    this.sockets.sendAtOnce(fd)
    stream.handler = door.accept(stream)
    if (!this.#watch(stream)) stream.fail('The kernel watches no more sockets')
  }

  #watch(stream: EpollStream): boolean {
    // Without holes: an array with large ones would become a hash table.
    while (this.#streams.length < stream.fd) this.#streams.push(undefined)
    this.#streams[stream.fd] = stream
    this.#count += 1
    stream.armed = stream.wanted
    return this.#epoll.add(stream.fd, stream.generation, stream.armed)
  }

  #nextGeneration(): number {
    this.#generation = (this.#generation + 1) | 0
    return this.#generation
  }

  /** What closing one makes others close is for the next turn. */
  #closeDue(): void {
    const due = this.#closing
    this.#closing = []
    for (const stream of due) {
      if (stream.fd !== FAILED_FD) {
        this.#streams[stream.fd] = undefined
        this.#count -= 1
        if (stream.isEnding) this.discard(stream.fd, this.#inputAddress, INPUT_BYTES)
        this.sockets.close(stream.fd)
      }
      stream.closed()
    }
  }

  #armChanged(): void {
    for (const stream of this.#changed) {
      stream.isNoted = false
      const { wanted } = stream
      if (stream.isClosing || wanted === stream.armed) continue
      stream.armed = wanted
      this.#epoll.change(stream.fd, stream.generation, wanted)
    }
    this.#changed.length = 0
  }

  #shut(): void {
    this.forgetDealt()
    this.#epoll.close()
  }
}
