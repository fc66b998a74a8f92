/**
 * A data thread's part in the health of nodes (health.ts): shuts them out, closes its connections
 * when anybody has, tells main what was missed, and keeps answers back until that is on disk.
 */
import { toLatin1 } from '../base/bytes.ts'
import type { Request } from '../protocol/request.ts'
import { type HealthMessage, isShutLife, type NodeHealth } from './health.ts'

/** How long an answer waits for the disk. */
const MARK_WAIT_MS = 1000

export interface WatchedConnection {
  /** Whether nothing of an earlier life is left. */
  readonly isGone: boolean
  /** The node is admitted in this life: connect. */
  admitted(life: number): void
  /** It is shut out: close, and fail what there is. */
  shutOut(): void
  /** It was tried and is not there: what has waited for it fails. */
  giveUpWaiting(): void
}

export type HealthWatchOptions = {
  health: NodeHealth
  post: (message: HealthMessage) => void
  /** Keys of a node's missed writes that are told, in one life. */
  journalKeys: () => number
  /** Whether answers wait until main has written down that a node has missed writes. */
  waitsForMark: boolean
  nowMs: () => number
}

type Waiting = { answer: (isMarked: boolean) => void; deadlineMs: number }

class WatchedNode {
  readonly connections: WatchedConnection[] = []
  life: number
  /** Main knows that nothing is left here from before `life`. */
  isClosedSaid = false
  /** What main was told is missed, in the life `toldIn`. */
  readonly told = new Set<string>()
  toldAll = false
  toldIn: number
  /** Answers that wait for the mark, oldest first. */
  waiting: Waiting[] = []

  constructor(life: number) {
    this.life = life
    this.toldIn = life
  }

  forgetTold(life: number): void {
    this.told.clear()
    this.toldAll = false
    this.toldIn = life
  }
}

export class HealthWatch {
  readonly #options: HealthWatchOptions
  /** By place. */
  readonly #nodes: (WatchedNode | undefined)[] = []

  constructor(options: HealthWatchOptions) {
    this.#options = options
  }

  add(node: number, connection: WatchedConnection): void {
    const watched = (this.#nodes[node] ??= new WatchedNode(this.#options.health.life(node)))
    watched.connections.push(connection)
  }

  /** The node has gone; false: some who wait for its mark have not been answered yet. */
  remove(node: number): boolean {
    if ((this.#nodes[node]?.waiting.length ?? 0) > 0) return false
    this.#nodes[node] = undefined
    return true
  }

  /** The node is not asked any more, by any thread, until main has fenced it. */
  shut(node: number, life: number, reason: string): void {
    const { health, post } = this.#options
    if (!isShutLife(life) && health.shut(node, life))
      post({ type: 'shut', node, life: health.life(node), reason })
  }

  /**
   * A write that the node does not get, or of which nobody knows whether it did. False: the node
   * is admitted again, so it can be asked after all.
   */
  miss(node: number, request: Request | undefined): boolean {
    const { health, post, journalKeys } = this.#options
    if (!health.miss(node)) return false
    const watched = this.#nodes[node]!
    // A life that the thread never looked at may lie in between.
    const life = health.life(node)
    if (watched.toldIn !== life) watched.forgetTold(life)
    const key = request && toLatin1(request.key, request.keyAt, request.keySize)
    const { told } = watched
    if (watched.toldAll || (key !== undefined && told.has(key))) {
      health.settle(node)
      return true
    }
    watched.toldAll = key === undefined || told.size >= journalKeys()
    if (key !== undefined) told.add(key)
    post({ type: 'missed', node, key: watched.toldAll ? undefined : key })
    return true
  }

  /** Calls when a restart would know that the node has missed something; at once if it would. */
  whenMarked(node: number, answer: (isMarked: boolean) => void): void {
    const { health, waitsForMark, nowMs } = this.#options
    if (!waitsForMark || health.isMarked(node)) answer(true)
    else this.#nodes[node]!.waiting.push({ answer, deadlineMs: nowMs() + MARK_WAIT_MS })
  }

  /** Once in a while, and when main has woken the thread. */
  look(): void {
    for (let node = 0; node < this.#nodes.length; node += 1) this.lookAt(node)
  }

  lookAt(node: number): void {
    const { health } = this.#options
    const watched = this.#nodes[node]
    if (watched === undefined) return
    const life = health.life(node)
    if (life !== watched.life) this.#goOn(watched, life)
    if (isShutLife(life)) {
      if (health.isDecided(node)) for (const one of watched.connections) one.giveUpWaiting()
      this.#sayClosed(node, watched)
    }
    if (watched.waiting.length > 0) this.#answerWaiting(node, watched)
  }

  #goOn(watched: WatchedNode, life: number): void {
    watched.life = life
    watched.isClosedSaid = false
    for (const connection of watched.connections) {
      connection.shutOut()
      if (!isShutLife(life)) connection.admitted(life)
    }
  }

  #sayClosed(node: number, watched: WatchedNode): void {
    if (watched.isClosedSaid || !watched.connections.every(one => one.isGone)) return
    watched.isClosedSaid = true
    this.#options.post({ type: 'closed', node, life: watched.life })
  }

  #answerWaiting(node: number, watched: WatchedNode): void {
    const { health } = this.#options
    // Admitted again, nothing is missing there any more.
    const isMarked = health.isMarked(node) || health.isAdmitted(node)
    const now = this.#options.nowMs()
    const { waiting } = watched
    watched.waiting = []
    for (const one of waiting) {
      if (isMarked || now >= one.deadlineMs) one.answer(isMarked)
      else watched.waiting.push(one)
    }
  }
}
