/**
 * The io_uring transport: one system call a turn. It tells the kernel what the turn has to send,
 * and waits for what comes next:
 *
 *   wait ─▶ unfinished sends kept ─▶ completions ─▶ handlers ─▶ end of turn ─┐
 *     ▲           (sender.ts)                     bytes to send are queued   │
 *     └──────────────────────────────────────────────────────────────────────┘
 *
 * Every connection has one receive in the kernel that lasts (multishot), into buffers that all
 * connections share; a buffer is given back as soon as its bytes have been handled. A descriptor
 * is closed when the kernel has no request of it any more.
 *
 * That receive may miss the end: of data and a reset right behind it, kernels (6.18 for one) take
 * note of the data alone and wait for ever. So hang-ups are watched for by themselves; from then on
 * receives are single ones, which find all that is left.
 *
 * And it goes on for a moment when nobody wants more: what it brings then is held, up to half a
 * megabyte of one connection. Who has had to hold gets single receives, which are asked for only
 * when they are wanted; where all together hold HELD_BYTES_MAX, everybody does.
 */
import { assert } from '../../base/assert.ts'
import { Errno } from '../errno.ts'
import { IO_OUTPUT_BYTES, type IoMemory } from '../io-memory.ts'
import { NativeLoop } from '../native-loop.ts'
import { shorter } from '../timers.ts'
import type { Door, OutboundHandler, Stream } from '../transport.ts'
import { CQE_BUFFER_SHIFT, CqeFlag } from './abi.ts'
import { ReceiveBuffers } from './buffers.ts'
import { Kind, kindOf } from './completions.ts'
import { type Asker, queueCancel, queueHangUp, queueReceive, queueWake } from './requests.ts'
import { type CompletionHandler, Ring } from './ring.ts'
import { type MovableOutput, Sender } from './sender.ts'
import { type UringSizes, uringSizes } from './sizes.ts'
import { StreamTable, WAKE_SLOT } from './stream-table.ts'
import { loadSystem, type System } from './system.ts'
import { type Connecting, State, type StreamOwner, type UringStream } from './uring-stream.ts'

const BUFFER_GROUP = 0

/** … of a thread; another megabyte or two, all buffers' twice, may be on its way by then. */
const HELD_BYTES_MAX = 4 * 1024 * 1024

const ECANCELED = 125
/** The receive is over, the connection is not. */
const PASSING = new Set<number>([-Errno.EINTR, -Errno.EAGAIN, -Errno.ENOBUFS, -ECANCELED])

export type UringOptions = {
  /** How long a client may say nothing; 0: for ever. */
  idleSeconds?: number
  sizes?: UringSizes
}

export class UringTransport extends NativeLoop implements StreamOwner, CompletionHandler {
  readonly #ring: Ring
  readonly #bytes: Uint8Array
  readonly #buffersAt: number
  readonly #bufferBytes: number
  /** Address of the first buffer. */
  readonly #bufferBase: number
  readonly #buffers: ReceiveBuffers
  readonly #sender: Sender
  readonly #streams = new StreamTable()
  #toAttend: UringStream[] = []
  #resumed: UringStream[] = []
  #drained: UringStream[] = []
  #wake: Asker | undefined
  #heldBytes = 0
  #isThrifty = false

  /**
   * On the thread that will serve. @param output lies at the beginning of the memory.
   * @throws RingError
   */
  constructor(memory: IoMemory, output: MovableOutput, options: UringOptions = {}) {
    const { sizes = uringSizes, idleSeconds = 0 } = options
    super(idleSeconds)
    const { sqEntries, cqEntries, stagingBytes, bufferCount, bufferBytes } = sizes
    const system = loadSystem() as System
    const stagingAt = memory.at + IO_OUTPUT_BYTES
    this.#bytes = memory.bytes
    this.#buffersAt = stagingAt + stagingBytes
    this.#bufferBytes = bufferBytes
    this.#bufferBase = memory.base + this.#buffersAt
    const end = this.#buffersAt + bufferCount * bufferBytes
    assert(end <= memory.at + memory.size, 'the parts fit in the memory')
    this.#ring = new Ring(system, sqEntries, cqEntries)
    const place = { address: this.#bufferBase, count: bufferCount, sizeBytes: bufferBytes }
    this.#buffers = new ReceiveBuffers(system, this.#ring, BUFFER_GROUP, place)
    const { bytes, base } = memory
    const areas = { bytes, base, output, stagingAt, stagingBytes }
    this.#sender = new Sender(this.#ring, areas, (slot, tag) => this.#streams.find(slot, tag))
  }

  override turn(limitMs: number): boolean {
    this.#sender.beforeSubmission()
    this.#ring.wait(this.#hasMore() ? 0 : shorter(this.timers.waitMs, limitMs))
    this.#sender.afterSubmission()
    this.#ring.reap(this)
    if (this.#resumed.length > 0) this.#handOverHeld()
    this.turnEnd.run()
    this.timers.runDue()
    this.#finishTurn()
    const isDone = this.isDrained && this.#streams.count === 0
    if (isDone) this.#shut()
    return isDone
  }

  override connect(
    host: string,
    port: number,
    timeoutMs: number,
    handler: OutboundHandler,
  ): Stream {
    const fd = this.sockets.connect(host, port)
    const where = host.startsWith('/') ? host : `${host}:${port}`
    const stream = this.#streams.open(this, fd)
    stream.handler = handler
    stream.isOutbound = true
    if (fd < 0) {
      stream.fail(`connect ${this.errorName(-fd)} ${where}`)
      return stream
    }
    const cancelTimeout = this.after(timeoutMs, () => {
      stream.fail(`connect timed out after ${timeoutMs} ms`)
    })
    stream.connecting = { handler, where, cancelTimeout }
    this.#sender.poll(stream)
    return stream
  }

  onCompletion(slot: number, tag: number, result: number, flags: number): void {
    const kind = kindOf(tag)
    if (kind === Kind.receive) {
      this.#received(slot, tag, result, flags)
    } else if (kind === Kind.wake) {
      if ((flags & CqeFlag.more) === 0) this.#queueWake()
      this.woken()
    } else if (kind === Kind.writable || kind === Kind.hangUp) {
      const stream = this.#streams.find(slot, tag)
      if (stream === undefined) return
      if (kind === Kind.writable) this.#writable(stream)
      else this.#hungUp(stream)
    }
    // Sends have been looked at after their submission; of cancels nothing is to be learned.
  }

  write(stream: UringStream, bytes: Uint8Array, at: number, length: number): boolean {
    if (stream.connecting === undefined) return this.#sender.write(stream, bytes, at, length)
    this.#sender.keep(stream, bytes, at, length)
    return false
  }

  resume(stream: UringStream): void {
    if (stream.held !== undefined || stream.isEndHeld) this.#resumed.push(stream)
    else this.#receive(stream)
  }

  attend(stream: UringStream): void {
    this.#toAttend.push(stream)
  }

  holding(bytes: number): void {
    this.#heldBytes += bytes
  }

  drained(stream: UringStream): void {
    this.#drained.push(stream)
  }

  /** @internal What streams have received that nobody wanted yet. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Whether there is something to do that no completion will tell of. */
  #hasMore(): boolean {
    const waiting = this.#toAttend.length + this.#resumed.length + this.#drained.length
    return waiting > 0 || !this.turnEnd.isEmpty || this.#sender.isUnfinished
  }

  /** What has to be submitted before something else can happen does not wait for the next turn. */
  #finishTurn(): void {
    if (this.#toAttend.length > 0 || this.#sender.isDraining) this.#sender.flush()
    this.#sender.continueDrains()
    if (this.#drained.length > 0) this.#tellDrained()
    if (this.#toAttend.length > 0) this.#attendAll()
    if (this.#isThrifty) this.#isThrifty = this.#heldBytes > HELD_BYTES_MAX / 2
    else if (this.#heldBytes > HELD_BYTES_MAX) this.#becomeThrifty()
  }

  #becomeThrifty(): void {
    this.#isThrifty = true
    for (const stream of this.#streams.all()) {
      if (stream.isReceiving && !stream.isCancelling) this.#stopReceiving(stream)
    }
  }

  #tellDrained(): void {
    const drained = this.#drained
    this.#drained = []
    for (const stream of drained) if (stream.state === State.open) stream.handler.onDrain()
  }

  #attendAll(): void {
    const streams = this.#toAttend
    this.#toAttend = []
    for (const stream of streams) this.#attendTo(stream)
  }

  #attendTo(stream: UringStream): void {
    const isQueued = this.#sender.isQueued(stream)
    if (stream.state === State.ending && stream.backlog === undefined && !isQueued) {
      stream.state = State.closed
    }
    if (stream.state === State.closed) this.#close(stream)
    // Its last bytes leave with the next submission; a backlog says when it is empty.
    if (isQueued) this.attend(stream)
  }

  #close(stream: UringStream): void {
    if (!stream.isCloseTold) {
      stream.isCloseTold = true
      stream.connecting?.cancelTimeout()
      stream.handler.onClose(stream.error)
      for (const kind of stream.kindsInKernel()) {
        this.#sender.makeRoom()
        queueCancel(this.#ring, stream, kind)
      }
    }
    if (stream.isInKernel || this.#sender.isQueued(stream) || stream.isReleased) return
    stream.isReleased = true
    if (stream.fd >= 0) {
      // Into a receive buffer: the kernel writes there only inside this thread's calls.
      if (stream.wasEnded) this.discard(stream.fd, this.#bufferBase, this.#bufferBytes)
      this.sockets.close(stream.fd)
    }
    this.#streams.release(stream)
  }

  #receive(stream: UringStream): void {
    if (stream.isReceiving || !stream.wantsToReceive) return
    this.#sender.makeRoom()
    const isSingle = stream.hasHungUp || stream.thriftyReceives > 0 || this.#isThrifty
    if (stream.thriftyReceives > 0) stream.thriftyReceives -= 1
    queueReceive(this.#ring, stream, BUFFER_GROUP, isSingle)
    stream.isReceiving = true
  }

  #received(slot: number, tag: number, result: number, flags: number): void {
    const stream = this.#streams.find(slot, tag)
    const isLast = (flags & CqeFlag.more) === 0
    if (stream !== undefined && isLast) stream.isReceiving = stream.isCancelling = false
    if ((flags & CqeFlag.buffer) !== 0) {
      const id = flags >>> CQE_BUFFER_SHIFT
      const at = this.#buffersAt + id * this.#bufferBytes
      if (result > 0) stream?.received(this.#bytes, at, result)
      this.#buffers.give(id)
    }
    if (stream === undefined) return
    if (stream.state === State.open) stream.heardAt = this.seconds
    if (result === 0) stream.peerEnded()
    else if (result < 0 && !PASSING.has(result)) stream.failed(-result)
    if (!isLast) {
      if (stream.held !== undefined && !stream.isCancelling) this.#stopReceiving(stream)
    } else if (stream.state === State.closed) {
      this.attend(stream)
    } else {
      this.#receive(stream)
    }
  }

  /** What is on its way still comes. */
  #stopReceiving(stream: UringStream): void {
    stream.isCancelling = true
    this.#sender.makeRoom()
    queueCancel(this.#ring, stream, Kind.receive)
  }

  #handOverHeld(): void {
    const streams = this.#resumed
    this.#resumed = []
    for (const stream of streams) {
      stream.handOverHeld()
      this.#receive(stream)
    }
  }

  #writable(stream: UringStream): void {
    stream.isPolling = false
    if (stream.state === State.closed) this.attend(stream)
    else if (stream.connecting !== undefined) this.#connected(stream, stream.connecting)
    else this.#sender.writable(stream)
  }

  #watch(stream: UringStream): void {
    this.#sender.makeRoom()
    queueHangUp(this.#ring, stream)
    stream.isWatching = true
    this.#receive(stream)
  }

  #hungUp(stream: UringStream): void {
    stream.isWatching = false
    stream.hasHungUp = true
    if (stream.state === State.closed) this.attend(stream)
    else if (stream.isReceiving && !stream.isCancelling) this.#stopReceiving(stream)
  }

  #connected(stream: UringStream, { handler, where, cancelTimeout }: Connecting): void {
    const errno = this.sockets.connectError(stream.fd)
    cancelTimeout()
    stream.connecting = undefined
    if (errno !== 0) {
      stream.fail(`connect ${this.errorName(errno)} ${where}`)
      return
    }
    handler.onOpen()
    this.#sender.writable(stream)
    this.#watch(stream)
  }

  #queueWake(): void {
    this.#sender.makeRoom()
    queueWake(this.#ring, this.#wake!)
  }

  protected override watchDoor(eventfd: number): void {
    this.#wake = { fd: eventfd, slot: WAKE_SLOT, generation: 0 }
    queueWake(this.#ring, this.#wake)
    this.woken()
  }

  protected override streams(): UringStream[] {
    return this.#streams.all()
  }

  protected override adopt(fd: number, door: Door): void {
    this.sockets.sendAtOnce(fd)
    const stream = this.#streams.open(this, fd)
    stream.heardAt = this.seconds
    stream.handler = door.accept(stream)
    this.#watch(stream)
  }

  #shut(): void {
    this.forgetDealt()
    this.#ring.close()
    this.#buffers.close()
  }
}
