/**
 * Deals a node's replies out to what it was asked, in order. Keys that were asked for one after
 * another went out as one `get`: values are found by their keys, those passed over are misses, and
 * the one END is the last key's.
 *
 *   asked    get a b c          set d …     get e
 *   replies  VALUE b … END      STORED      END
 *   dealt    a: miss, b: hit, c: miss       e: miss
 */
import { toLatin1 } from '../base/bytes.ts'
import { Command } from '../protocol/command.ts'
import { isReplyPart, type Reply, ReplyKind } from '../protocol/text-reply.ts'
import {
  encodeEnd,
  encodeHit,
  encodeMiss,
  failureOf,
  fits,
  isAskedFor,
  isNodeTrouble,
} from './answer.ts'
import type { Outstanding, OutstandingQueue } from './outstanding.ts'
import type { Said } from './said.ts'
import type { SharedGets } from './shared-gets.ts'

export type MatchingHooks = {
  /** `isTrouble`: an error that says something of the node, not of the request. */
  onAnswer: (outstanding: Outstanding, said: Said, isTrouble: boolean) => void
  /** A whole reply of the node's has been dealt out. */
  onEnd: () => void
}

export class ReplyMatching {
  readonly #queue: OutstandingQueue
  readonly #shared: SharedGets
  readonly #hooks: MatchingHooks

  constructor(queue: OutstandingQueue, shared: SharedGets, hooks: MatchingHooks) {
    this.#queue = queue
    this.#shared = shared
    this.#hooks = hooks
  }

  /** False: the reply does not fit what was asked, so the place in the stream is lost. */
  accept(bytes: Uint8Array, reply: Reply): boolean {
    if (reply.kind === ReplyKind.value) return this.#acceptValue(bytes, reply)
    if (isReplyPart(reply.kind)) return acceptRow(this.#queue.first(), bytes, reply)
    return this.#acceptEnd(bytes, reply)
  }

  #acceptValue(bytes: Uint8Array, reply: Reply): boolean {
    for (;;) {
      const outstanding = this.#queue.first()
      if (outstanding === undefined || outstanding.hit) return false
      if (isAskedFor(outstanding, bytes, reply)) {
        outstanding.hit = true
        if (outstanding.session !== undefined) {
          this.#hooks.onAnswer(outstanding, encodeHit(outstanding, bytes, reply), false)
          // What comes for it from here on is swallowed.
          outstanding.session = undefined
        }
        if (outstanding.isLeader) this.#shared.tell(outstanding, encodeHit, bytes, reply)
        if (!outstanding.endsReply) this.#queue.shift()
        return true
      }
      if (outstanding.endsReply) return false
      this.#miss(outstanding, bytes, reply)
    }
  }

  #miss(outstanding: Outstanding, bytes: Uint8Array, reply: Reply): void {
    if (outstanding.session !== undefined) {
      this.#hooks.onAnswer(outstanding, encodeMiss(outstanding), false)
    }
    if (outstanding.isLeader) this.#shared.tell(outstanding, encodeMiss, bytes, reply)
    this.#queue.shift()
  }

  #acceptEnd(bytes: Uint8Array, reply: Reply): boolean {
    let outstanding = this.#queue.first()
    if (outstanding === undefined || !fits(outstanding.asked, reply.kind)) return false
    while (!outstanding.endsReply) {
      this.#miss(outstanding, bytes, reply)
      outstanding = this.#queue.first()!
    }
    if (outstanding.gathering !== undefined) {
      outstanding.gathering.answer(failureOf(bytes, reply))
    } else if (outstanding.session !== undefined) {
      const said = encodeEnd(outstanding, bytes, reply)
      this.#hooks.onAnswer(outstanding, said, isNodeTrouble(bytes, reply))
    }
    if (outstanding.isLeader) this.#shared.tell(outstanding, encodeEnd, bytes, reply)
    this.#queue.shift()
    this.#hooks.onEnd()
    return true
  }
}

/** One line of statistics; false when none were asked for. */
function acceptRow(outstanding: Outstanding | undefined, bytes: Uint8Array, reply: Reply): boolean {
  if (outstanding?.asked !== Command.stats) return false
  const { keyAt, keyLength, valueAt, valueLength } = reply
  // Nobody waits any more once it has timed out.
  outstanding.gathering?.row?.(
    toLatin1(bytes, keyAt, keyLength),
    toLatin1(bytes, valueAt, valueLength),
  )
  return true
}
