/**
 * A request that a node has to answer: who asked, in which place of its replies, and what is needed
 * to say the answer. Objects are reused; the queue is the order of the node's replies.
 */
import { Command } from '../protocol/command.ts'
import { metaEncoder } from '../protocol/meta-encoder.ts'
import { MetaFlags } from '../protocol/meta-flags.ts'
import { Request } from '../protocol/request.ts'
import { KEY_MAX } from '../protocol/limits.ts'
import type { Reply } from '../session/pending-replies.ts'
import type { Session } from '../session/session.ts'
import type { Gatherer } from './gathering.ts'
import { type LateWrites, NOT_LATE } from './late-writes.ts'

export class Outstanding {
  readonly request = new Request()
  /** What the node was asked, which is not always what the client said. */
  asked: Command = Command.unknown
  readonly #key = new Uint8Array(KEY_MAX)
  /** Undefined once answered (a timeout): the node's late reply is swallowed. */
  session: Session | undefined
  reply: Reply | undefined
  /** Not one client's alone: who counts the answers. */
  gathering: Gatherer | undefined
  /** Its value has come. */
  hit = false
  /**
   * Whether the node's reply ends with this one's answer: keys that are asked for one after another
   * go out as one `get`, whose END is the last one's.
   */
  endsReply = true
  /** When it came; of what waited for another to be answered, not when it went out. */
  sentAtMs = 0
  /** How many bytes the connection had brought by then. */
  sentAtByte = 0
  /** Not NOT_LATE: a write that timed out. */
  lateSlot = NOT_LATE

  // Of gets that share an answer: shared-gets.ts. A leader's …
  isLeader = false
  isListed = false
  batch = 0
  hash = 0
  link: Outstanding | undefined
  parked: Outstanding | undefined
  /** … and those who follow it, the last of them known to the leader. */
  next: Outstanding | undefined
  last: Outstanding | undefined
  isFollower = false

  /** Copies what the answer needs; the client's bytes are gone when it comes. */
  take(session: Session, reply: Reply | undefined, from: Request): void {
    const { request } = this
    request.command = from.command
    request.encoder = from.encoder
    request.opcode = from.opcode
    request.opaque = from.opaque
    request.quiet = from.quiet
    request.withKey = from.withKey
    request.casLow = 0
    request.casHigh = 0
    request.keySize = from.keySize
    request.key = this.#key
    request.keyAt = 0
    for (let i = 0; i < from.keySize; i += 1) this.#key[i] = from.key[from.keyAt + i]!
    if (from.encoder === metaEncoder) this.#takeFlags(from)
    this.session = session
    this.reply = reply
    this.gathering = undefined
    this.hit = false
  }

  #takeFlags(from: Request): void {
    const flags = (this.request.meta ??= new MetaFlags())
    flags.copy(from.meta!)
    this.request.valueSize = from.valueSize
  }
}

/** First in, first out; with a list of objects to use again. */
export class OutstandingQueue {
  #queue: (Outstanding | undefined)[] = []
  #head = 0
  readonly #spare: Outstanding[] = []
  readonly #late: LateWrites

  constructor(late: LateWrites) {
    this.#late = late
  }

  get length(): number {
    return this.#queue.length - this.#head
  }

  push(): Outstanding {
    const outstanding = this.take()
    this.#queue.push(outstanding)
    return outstanding
  }

  /** For one that is not in the queue, or not yet. */
  take(): Outstanding {
    return this.#spare.pop() ?? new Outstanding()
  }

  append(outstanding: Outstanding): void {
    this.#queue.push(outstanding)
  }

  /** It is of no use any more, and not in the queue. */
  give(done: Outstanding): void {
    done.session = undefined
    done.reply = undefined
    done.gathering = undefined
    done.hit = false
    if (this.#spare.length < SPARE_MAX) this.#spare.push(done)
  }

  /** The one that was pushed before the last; there must be one. */
  beforeLast(): Outstanding {
    return this.#queue[this.#queue.length - 2]!
  }

  first(): Outstanding | undefined {
    return this.#queue[this.#head]
  }

  at(index: number): Outstanding {
    return this.#queue[this.#head + index]!
  }

  shift(): void {
    const done = this.#queue[this.#head]!
    this.#queue[this.#head] = undefined
    this.#head += 1
    if (done.lateSlot !== NOT_LATE) this.#late.end(done.lateSlot)
    done.lateSlot = NOT_LATE
    this.give(done)
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head >= COMPACT_AT) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }
}

const SPARE_MAX = 1024
const COMPACT_AT = 4096
