/**
 * Gets of one key that share an answer of their node: at most one is on its way, at most one waits.
 *
 *   get k ──▶ leader, in the connection's queue ◀── follower ◀── follower    until it has left
 *               ▲
 *               └ parked ◀── follower ◀── follower     all that come after it has left: one get,
 *                                                      sent when the leader has been answered
 *
 * Nobody joins a get that has left: the node may have answered it before a write that is
 * acknowledged by now. Any other request of the key first sends what is parked, and nobody follows
 * a get across it, so requests of one key are in the node's stream in the order in which they came.
 *
 * Leaders are found by a table of short chains through themselves: nothing is allocated. Followers
 * are held to the limit of the connection, as if they were in its queue.
 */
import { equalBytes } from '../base/bytes.ts'
import { Command } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import type { Reply } from '../protocol/text-reply.ts'
import type { Outstanding, OutstandingQueue } from './outstanding.ts'
import type { Said } from './said.ts'

const BUCKETS = 512
/** Of leaders; one more has no followers. Clients may choose keys that meet in a bucket. */
const CHAIN_MAX = 16
/** The batch of a leader whom nobody may follow, whether it has left or not. */
const SEALED = 0
/** What one answer may come to for all its followers; others of them ask again. */
export const SHARED_BYTES_MAX = 4 * 1024 * 1024

export type SharedGetsHooks = {
  /** Sends a get to the node: `asked` with the key of `outstanding`, which joins the queue. */
  send: (outstanding: Outstanding) => void
  onAnswer: (outstanding: Outstanding, said: Said) => void
}

/** How an answer is said to each of those who wait for it. */
export type Saying = (outstanding: Outstanding, bytes: Uint8Array, reply: Reply) => Said

export class SharedGets {
  readonly #queue: OutstandingQueue
  readonly #hooks: SharedGetsHooks
  readonly #chains: (Outstanding | undefined)[] = Array.from({ length: BUCKETS })
  #leaders = 0
  /** Of what is in the connection's output now. */
  #batch = 1
  /** Of the request that was last looked at, and how many leaders its chain had before it. */
  #hash = 0
  #passed = 0
  /** Gets that wait outside of the queue. */
  #waiting = 0

  constructor(queue: OutstandingQueue, hooks: SharedGetsHooks) {
    this.#queue = queue
    this.#hooks = hooks
  }

  get waitingCount(): number {
    return this.#waiting
  }

  /**
   * A request is about to be sent; `plain` is `get` or `gets` if it is no more than that. Returns
   * what it waits as if it need not be sent itself. If it is sent and plain, `lead` follows.
   */
  join(request: Request, plain: Command): Outstanding | undefined {
    const isPlain = plain !== Command.unknown
    if (!isPlain && this.#leaders === 0) return undefined
    if (request.command === Command.flushAll) {
      this.#sealAll()
      return undefined
    }
    this.#hash = hashOf(request.key, request.keyAt, request.keySize)
    const leader = this.#find(request)
    if (leader === undefined) return undefined
    if (!isPlain) {
      this.#seal(leader)
      return undefined
    }
    const { parked } = leader
    if (parked !== undefined) {
      // Whoever asks twice must not be answered by the older get last.
      if (plain === Command.gets) parked.asked = plain
      return this.#follow(parked)
    }
    const suffices = leader.asked === plain || leader.asked === Command.gets
    return leader.batch === this.#batch && suffices
      ? this.#follow(leader)
      : this.#park(leader, plain)
  }

  /** The plain get that was looked at last goes out: others may follow. */
  lead(outstanding: Outstanding): void {
    this.#add(outstanding, this.#hash, this.#passed)
  }

  /** What was in the output has left. */
  left(): void {
    this.#batch += 1
  }

  /** The node has answered a leader. */
  tell(leader: Outstanding, say: Saying, bytes: Uint8Array, reply: Reply): void {
    this.#remove(leader)
    if (leader.next !== undefined) this.#tellAll(leader, say, bytes, reply)
    if (leader.parked !== undefined) this.#sendParked(leader)
  }

  #tellAll(leader: Outstanding, say: Saying, bytes: Uint8Array, reply: Reply): void {
    let total = 0
    let one = leader.next
    leader.next = undefined
    while (one !== undefined && (total < SHARED_BYTES_MAX || leader.batch === SEALED)) {
      const { next } = one
      if (one.session !== undefined) {
        one.asked = leader.asked
        one.hit = leader.hit
        const said = say(one, bytes, reply)
        total += said.length
        this.#hooks.onAnswer(one, said)
      }
      this.#release(one)
      one = next
    }
    if (one !== undefined) this.#askAgain(leader, one)
  }

  /** Tells of those with a leader that have been waiting since `atMs` or longer. */
  expire(leader: Outstanding, atMs: number, onLate: (outstanding: Outstanding) => void): void {
    for (let one = leader.next; one !== undefined; one = one.next) {
      if (one.session === undefined || one.sentAtMs > atMs) continue
      onLate(one)
      one.session = undefined
    }
    const { parked } = leader
    if (parked === undefined) return
    if (parked.session !== undefined && parked.sentAtMs <= atMs) {
      onLate(parked)
      parked.session = undefined
    }
    this.expire(parked, atMs, onLate)
  }

  /** A leader will not be answered, nor anybody with it. */
  fail(leader: Outstanding, onFailure: (outstanding: Outstanding) => void): void {
    this.#remove(leader)
    const { parked } = leader
    leader.parked = undefined
    this.#failAll(leader.next, onFailure)
    leader.next = undefined
    this.#failAll(parked, onFailure)
  }

  #failAll(first: Outstanding | undefined, onFailure: (outstanding: Outstanding) => void): void {
    for (let one = first; one !== undefined; ) {
      const { next } = one
      if (one.session !== undefined) onFailure(one)
      this.#release(one)
      one = next
    }
  }

  #follow(leader: Outstanding): Outstanding {
    const one = this.#queue.take()
    one.isFollower = true
    if (leader.next === undefined) leader.next = one
    else leader.last!.next = one
    leader.last = one
    this.#waiting += 1
    return one
  }

  #park(leader: Outstanding, plain: Command): Outstanding {
    const parked = this.#queue.take()
    parked.isFollower = true
    parked.asked = plain
    parked.hash = this.#hash
    leader.parked = parked
    this.#waiting += 1
    return parked
  }

  /** Those who have not been told, as one get more, with what is parked behind them. */
  #askAgain(leader: Outstanding, first: Outstanding): void {
    const { parked } = leader
    first.asked = parked?.asked === Command.gets ? Command.gets : leader.asked
    first.hash = leader.hash
    first.last = leader.last
    if (parked !== undefined) {
      first.last!.next = parked
      first.last = parked.next === undefined ? parked : parked.last
      parked.last = undefined
    }
    leader.parked = first
  }

  #release(one: Outstanding): void {
    this.#waiting -= 1
    one.next = undefined
    one.last = undefined
    one.isFollower = false
    this.#queue.give(one)
  }

  /** Nobody joins what is there of a key. */
  #seal(leader: Outstanding): void {
    const sent = this.#sendParked(leader)
    leader.batch = SEALED
    if (sent !== undefined) sent.batch = SEALED
  }

  #sealAll(): void {
    const { length } = this.#queue
    for (let i = 0; i < length; i += 1) {
      const outstanding = this.#queue.at(i)
      if (outstanding.isLeader) this.#seal(outstanding)
    }
  }

  /** The one that leads what was parked; undefined: nobody waits. */
  #sendParked(leader: Outstanding): Outstanding | undefined {
    let first = leader.parked
    leader.parked = undefined
    if (first === undefined) return undefined
    const { asked, hash, last } = first
    // Whoever has given up meanwhile need not be answered.
    while (first !== undefined && (first.session === undefined || first.session.isClosed)) {
      const { next }: Outstanding = first
      this.#release(first)
      first = next
    }
    if (first === undefined) return undefined
    this.#waiting -= 1
    first.isFollower = false
    first.asked = asked
    first.hash = hash
    first.last = last
    this.#hooks.send(first)
    this.#add(first, hash, this.#lengthOf(hash))
    return first
  }

  /** The newest leader of a key. */
  #find({ key, keyAt, keySize }: Request): Outstanding | undefined {
    const hash = this.#hash
    this.#passed = 0
    let one = this.#chains[hash & (BUCKETS - 1)]
    for (; one !== undefined; one = one.link) {
      this.#passed += 1
      if (one.hash !== hash || one.request.keySize !== keySize) continue
      if (equalBytes(key, keyAt, one.request.key, 0, keySize)) return one
    }
    return undefined
  }

  #lengthOf(hash: number): number {
    let length = 0
    let one = this.#chains[hash & (BUCKETS - 1)]
    for (; one !== undefined; one = one.link) length += 1
    return length
  }

  /** @param length of its chain */
  #add(leader: Outstanding, hash: number, length: number): void {
    this.#leaders += 1
    leader.isLeader = true
    leader.batch = this.#batch
    leader.hash = hash
    leader.isListed = length < CHAIN_MAX
    if (!leader.isListed) return
    const bucket = hash & (BUCKETS - 1)
    leader.link = this.#chains[bucket]
    this.#chains[bucket] = leader
  }

  #remove(leader: Outstanding): void {
    this.#leaders -= 1
    leader.isLeader = false
    if (!leader.isListed) return
    const bucket = leader.hash & (BUCKETS - 1)
    let one = this.#chains[bucket]!
    if (one === leader) {
      this.#chains[bucket] = leader.link
      return
    }
    while (one.link !== leader) one = one.link!
    one.link = leader.link
  }
}

const SEED = Math.trunc(Math.random() * 2 ** 32)

/** Four bytes at a time; chains are short enough for what it confuses. */
function hashOf(bytes: Uint8Array, at: number, size: number): number {
  let hash = SEED ^ size
  let i = at
  const end = at + size
  for (; i + 4 <= end; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
  }
  for (; i < end; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
