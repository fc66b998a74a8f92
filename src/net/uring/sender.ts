/**
 * What the streams of one thread send. Bytes lie in the thread's output (where sessions write
 * them) or in staging (everything else is copied there), and leave with the next submission:
 *
 *   output:   [ being sent │ the session writes here ]      staging: [ being sent │ free ]
 *
 * A submission does each send at once, as far as the socket takes it, and says only which of them
 * it could not finish (requests.ts, queueSend). So after it these areas are free again, once the
 * rest of the few unfinished sends has been copied away: to the backlog of their stream, from
 * where it goes on when the socket can take more.
 *
 * That nothing unfinished is overlooked hangs on two rules. One send of a stream in a submission:
 * a second one might get past the rest of the first. And room for the completion of every send:
 * where there is not (the kernel has more completions than places), nothing is sent directly.
 */
import { copyBytes } from '../../base/bytes.ts'
import { Backlog } from '../backlog.ts'
import { Errno } from '../errno.ts'
import { kindOf, Kind } from './completions.ts'
import { type Asker, lengthenSend, queueSend, queueWritable, withdrawSend } from './requests.ts'
import { type CompletionHandler, type Ring, RingError } from './ring.ts'

/** Room there must be for a session's next reply, with plenty to spare for batches. */
const OUTPUT_ROOM = 32 * 1024
const FULL_TRIES = 100
/** What is kept for one peer that does not read; who writes on regardless is cut off. */
const BACKLOG_MAX = 128 * 1024 * 1024

/** The thread's output: who sends what is in it moves it on. */
export type MovableOutput = {
  readonly start: number
  readonly end: number
  readonly length: number
  moveTo(start: number, size: number): void
}

export type SendMemory = {
  /** Byte i lies at the address `base + i`; the offsets below are in it. */
  bytes: Uint8Array
  base: number
  output: MovableOutput
  stagingAt: number
  stagingBytes: number
}

/** What the sender keeps of a stream. */
export interface Sending extends Asker {
  /** Submission in which it has a send, the send's entry, and the bytes that it sends. */
  batch: number
  word: number
  sentAt: number
  sentLength: number
  backlog: Backlog | undefined
  /** The send in the submission is what comes first in the backlog. */
  isDraining: boolean
  /** A poll for room is on its way, or about to be. */
  isPolling: boolean
  /** Nothing of it is to be kept any more. */
  readonly isClosed: boolean
  /** The socket is broken. */
  failed(errno: number): void
  fail(error: string): void
  /** Everything has been sent that waited, or nothing of it is wanted any more. */
  drained(): void
}

export class Sender implements CompletionHandler {
  readonly #ring: Ring
  readonly #memory: SendMemory
  readonly #outputStart: number
  readonly #outputBytes: number
  readonly #streamAt: (slot: number, tag: number) => Sending | undefined
  /** Streams with a send in this submission; `#batched` of them. */
  readonly #streams: Sending[] = []
  #batched = 0
  #batch = 1
  #stagedTo: number
  /** Streams whose backlog goes on with this submission. */
  #draining: Sending[] = []
  /** Streams that wait for room in their sockets, and have not asked for it yet. */
  #polls: Sending[] = []

  constructor(
    ring: Ring,
    memory: SendMemory,
    streamAt: (slot: number, tag: number) => Sending | undefined,
  ) {
    this.#ring = ring
    this.#memory = memory
    this.#outputStart = memory.output.start
    this.#outputBytes = memory.output.end - memory.output.start
    this.#stagedTo = memory.stagingAt
    this.#streamAt = streamAt
  }

  /** Whether somebody's backlog goes on with the next submission, and with `continueDrains`. */
  get isDraining(): boolean {
    return this.#draining.length > 0
  }

  /** The same, or somebody has yet to ask for room in a socket. */
  get isUnfinished(): boolean {
    return this.isDraining || this.#polls.length > 0
  }

  /** Whether the stream's send has not been submitted yet. */
  isQueued(stream: Sending): boolean {
    return stream.batch === this.#batch
  }

  /** Takes the bytes; false: some of all that was written has to wait. */
  write(stream: Sending, bytes: Uint8Array, at: number, length: number): boolean {
    const { bytes: own, output } = this.#memory
    if (stream.backlog !== undefined) {
      this.keep(stream, bytes, at, length)
    } else if (bytes === own && at === output.start && length === output.length) {
      this.#sendOutput(stream, at, length)
    } else {
      this.#copyAndSend(stream, bytes, at, length)
    }
    return stream.backlog === undefined
  }

  /** Sends it later, behind everything else that waits. */
  keep(stream: Sending, bytes: Uint8Array, at: number, length: number): void {
    stream.backlog ??= new Backlog()
    stream.backlog.add(bytes, at, length)
    if (stream.backlog.size > BACKLOG_MAX) stream.fail('Peer does not read')
  }

  /** Submits everything that is queued, by whomever; then the areas are free again. */
  flush(): void {
    this.beforeSubmission()
    this.#ring.submit()
    this.afterSubmission()
  }

  /** Takes back sends whose fate might not be seen. */
  beforeSubmission(): void {
    const ring = this.#ring
    if (ring.isOverflown || ring.cqEntries - ring.ready < this.#batched) this.#divert()
  }

  /** Keeps what could not be sent, and frees the areas. */
  afterSubmission(): void {
    if (this.#batched > 0) {
      if (this.#ring.queued > 0) this.#divert()
      this.#ring.peek(this)
      this.#batched = 0
    }
    this.#batch = (this.#batch + 1) >>> 0
    this.#stagedTo = this.#memory.stagingAt
    const { output } = this.#memory
    if (output.length === 0) output.moveTo(this.#outputStart, this.#outputBytes)
  }

  /** An entry more can be queued after this. @throws RingError */
  makeRoom(): void {
    if (!this.#ring.isFull) return
    this.flush()
    for (let tries = 0; this.#ring.isFull; tries += 1) {
      if (tries === FULL_TRIES) throw new RingError('io_uring_enter', Errno.EAGAIN)
      this.#ring.wait(1)
    }
  }

  /** The stream's socket can take more. */
  writable(stream: Sending): void {
    if (stream.backlog !== undefined) this.#drain(stream)
  }

  /** Has the stream's backlog go on when its socket can take more. */
  poll(stream: Sending): void {
    if (stream.isPolling) return
    stream.isPolling = true
    this.#polls.push(stream)
  }

  /** At the end of a turn: streams whose backlog was in a submission go on, or are done. */
  continueDrains(): void {
    if (this.#polls.length > 0) this.#askForRoom()
    if (this.#draining.length === 0) return
    const draining = this.#draining
    this.#draining = []
    for (const stream of draining) {
      const { backlog } = stream
      if (backlog === undefined || stream.isPolling) continue
      if (stream.isDraining && !this.isQueued(stream)) {
        stream.isDraining = false
        backlog.drop(stream.sentLength)
      }
      if (backlog.size > 0) {
        this.#drain(stream)
      } else {
        stream.backlog = undefined
        stream.drained()
      }
    }
  }

  /** What the ring shows after a submission: only unfinished sends matter. */
  onCompletion(slot: number, tag: number, result: number): void {
    if (kindOf(tag) !== Kind.send) return
    const stream = this.#streamAt(slot, tag)
    if (stream === undefined) return
    if (result < 0 && !isLater(result)) stream.failed(-result)
    else this.#keepRest(stream, Math.max(0, result))
  }

  #sendOutput(stream: Sending, at: number, length: number): void {
    const { bytes, output } = this.#memory
    if (!this.#canQueue(stream, at)) {
      this.flush()
      this.makeRoom()
      // What was sent before did not all go out: this has to wait behind it.
      if (stream.backlog !== undefined) {
        this.keep(stream, bytes, at, length)
        return
      }
    }
    this.#queue(stream, at, length)
    output.moveTo(at + length, output.end - at - length)
    if (output.end - output.start < OUTPUT_ROOM) this.flush()
  }

  #copyAndSend(stream: Sending, bytes: Uint8Array, at: number, length: number): void {
    const { bytes: own, stagingAt, stagingBytes } = this.#memory
    const stagingEnd = stagingAt + stagingBytes
    for (let done = 0; done < length; ) {
      if (this.#stagedTo === stagingEnd || !this.#canQueue(stream, this.#stagedTo)) {
        this.flush()
        this.makeRoom()
        if (stream.backlog !== undefined) {
          this.keep(stream, bytes, at + done, length - done)
          return
        }
      }
      const size = Math.min(length - done, stagingEnd - this.#stagedTo)
      copyBytes(own, this.#stagedTo, bytes, at + done, size)
      this.#queue(stream, this.#stagedTo, size)
      this.#stagedTo += size
      done += size
    }
  }

  /** Whether a send of what is at `at` can be queued, or can make the stream's last one longer. */
  #canQueue(stream: Sending, at: number): boolean {
    if (stream.batch === this.#batch) return stream.sentAt + stream.sentLength === at
    return !this.#ring.isFull
  }

  #queue(stream: Sending, at: number, length: number): void {
    if (stream.batch === this.#batch) {
      lengthenSend(this.#ring, stream.word, length)
      stream.sentLength += length
      return
    }
    stream.batch = this.#batch
    stream.sentAt = at
    stream.sentLength = length
    stream.word = queueSend(this.#ring, stream, this.#memory.base + at, length)
    this.#streams[this.#batched] = stream
    this.#batched += 1
  }

  /** Sends that are queued and not submitted wait in their backlogs instead. */
  #divert(): void {
    for (let i = 0; i < this.#batched; i += 1) {
      const stream = this.#streams[i]!
      if (!this.#ring.isPending(stream.word)) continue
      withdrawSend(this.#ring, stream.word, stream)
      this.#keepRest(stream, 0)
    }
  }

  /** Of the stream's send `sent` bytes went out; the rest comes before what is written later. */
  #keepRest(stream: Sending, sent: number): void {
    if (stream.isClosed) return
    const { sentAt, sentLength, isDraining } = stream
    stream.sentLength = 0
    stream.isDraining = false
    if (isDraining) stream.backlog!.drop(sent)
    else this.keep(stream, this.#memory.bytes, sentAt + sent, sentLength - sent)
    this.poll(stream)
  }

  #askForRoom(): void {
    for (let stream = this.#polls.pop(); stream !== undefined; stream = this.#polls.pop()) {
      this.makeRoom()
      // It may have been closed meanwhile, and its closing waits for this poll.
      if (stream.isClosed) {
        stream.isPolling = false
        stream.drained()
      } else {
        queueWritable(this.#ring, stream)
      }
    }
  }

  /** Sends what comes first in the backlog, with this submission or (no room) with a later one. */
  #drain(stream: Sending): void {
    this.#draining.push(stream)
    const { bytes, stagingAt, stagingBytes } = this.#memory
    const room = stagingAt + stagingBytes - this.#stagedTo
    if (room === 0 || this.isQueued(stream) || this.#ring.isFull) return
    const at = this.#stagedTo
    const size = stream.backlog!.peek(bytes, at, room)
    this.#stagedTo += size
    this.#queue(stream, at, size)
    stream.isDraining = true
  }
}

/** The socket's buffer, or the kernel's memory for it, is full at the moment. */
function isLater(result: number): boolean {
  return result === -Errno.EAGAIN || result === -Errno.EINTR || result === -Errno.ENOBUFS
}
