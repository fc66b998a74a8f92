/**
 * A data thread's part in the change of the topology (topology.ts): it takes up nothing new while
 * requests by the old one are on their way, nor before all threads go by the new one.
 *
 *   open ──topology──▶ draining ──all answered, or DRAIN_MS──▶ taken ──go, or GO_MS──▶ open
 *
 * Clients notice a pause of the time that a node takes to answer. A node that answers too late for
 * it is waited for no longer: what it was asked stays on its way.
 */
import type { Cancel, Transport } from '../net/transport.ts'
import type { Session } from '../session/session.ts'
import type { Topology } from './topology.ts'

const DRAIN_MS = 100
const STEP_MS = 1
/** Another thread that is late does not hold this one up for longer. */
const GO_MS = 500

export type BarrierOptions = {
  transport: Pick<Transport, 'after'>
  nowMs: () => number
  /** Nothing is on its way to nodes. */
  isQuiet: () => boolean
  take: (topology: Topology) => void
}

export class Barrier {
  readonly #options: BarrierOptions
  /** Undefined: it is open. */
  #topology: Topology | undefined
  #isTaken = false
  #drainedByMs = 0
  /** Sessions that have been kept waiting. */
  readonly #held = new Set<Session>()
  #cancel: Cancel | undefined

  constructor(options: BarrierOptions) {
    this.#options = options
  }

  /** Whether the session has to wait; it is called when it need not any more. */
  holds(session: Session): boolean {
    if (this.#topology === undefined) return false
    this.#held.add(session)
    return true
  }

  forget(session: Session): void {
    this.#held.delete(session)
  }

  shut(topology: Topology): void {
    this.#cancel?.()
    this.#topology = topology
    this.#isTaken = false
    this.#drainedByMs = this.#options.nowMs() + DRAIN_MS
    this.#drain()
  }

  /** Main says that all threads have taken the topology of this turn. */
  open(turn: number): void {
    if (this.#topology?.turn !== turn || !this.#isTaken) return
    this.#cancel?.()
    this.#topology = undefined
    const held = [...this.#held]
    this.#held.clear()
    for (const session of held) session.resume()
  }

  #drain(): void {
    const { transport, nowMs, isQuiet, take } = this.#options
    const topology = this.#topology!
    if (!isQuiet() && nowMs() < this.#drainedByMs) {
      this.#cancel = transport.after(STEP_MS, () => this.#drain())
      return
    }
    this.#isTaken = true
    this.#cancel = transport.after(GO_MS, () => this.open(topology.turn))
    take(topology)
  }
}
