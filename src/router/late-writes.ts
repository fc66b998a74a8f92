/**
 * Writes of one connection that were answered as timed out, and that the node may still carry out.
 * Until it has answered them, no other connection of the router, in any thread, sends it a write of
 * the same key: that could be carried out first, and acknowledged, and then undone by the late one.
 * Over the late one's own connection it comes behind it anyway.
 *
 * Such a write is refused before it is sent, so nothing is missed: what is read is still the last
 * acknowledged value, or the late one. Keys are told apart by a few bits of a hash (health.ts).
 */
import { Command } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { isWrite } from './answer.ts'
import { LATE_SLOTS, type NodeHealth } from './health.ts'

export const NOT_LATE = -1

export class LateWrites {
  readonly #health: NodeHealth
  readonly #node: number
  /** Of this connection, as `health` counts those of all. */
  readonly #own = new Int32Array(LATE_SLOTS)
  #ownCount = 0

  constructor(health: NodeHealth, node: number) {
    this.#health = health
    this.#node = node
  }

  /** Call before the client is answered. Returns what `end` wants, or NOT_LATE. */
  add(request: Request): number {
    // A flush that comes late brings nothing back.
    if (!isWrite(request.command) || request.command === Command.flushAll) return NOT_LATE
    const slot = slotOf(request)
    this.#own[slot] = this.#own[slot]! + 1
    this.#ownCount += 1
    this.#health.countLate(this.#node, slot, 1)
    return slot
  }

  /** The node has answered it, or is shut out until it is fenced. */
  end(slot: number): void {
    this.#own[slot] = this.#own[slot]! - 1
    this.#ownCount -= 1
    this.#health.countLate(this.#node, slot, -1)
  }

  /** Whether a request must not be sent now over this connection. */
  blocks(request: Request): boolean {
    if (this.#health.lateCount(this.#node) === this.#ownCount) return false
    if (!isWrite(request.command)) return false
    if (request.command === Command.flushAll) return true
    const slot = slotOf(request)
    return this.#health.lateCountAt(this.#node, slot) > this.#own[slot]!
  }
}

/** FNV-1a. */
function slotOf({ key, keyAt, keySize }: Request): number {
  let hash = 0x811c9dc5
  for (let at = keyAt; at < keyAt + keySize; at += 1) {
    hash = Math.imul(hash ^ key[at]!, 0x01000193)
  }
  return (hash ^ (hash >>> 16)) & (LATE_SLOTS - 1)
}
