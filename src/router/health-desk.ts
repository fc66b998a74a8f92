/** The health of all nodes on the main thread: hears data threads, has a warden for each node. */
import type { HostBook } from '../net/host-book.ts'
import type { TlsDialler } from '../net/tls-outbound.ts'
import type { Log } from '../observe/log.ts'
import { type HealthMessage, NodeHealth } from './health.ts'
import { NodeWarden, type WardenTimes } from './node-warden.ts'
import type { RouterNode, RouterOptions } from './options.ts'
import type { RouterState } from './router-state.ts'
import { type PlacedNode, SLOT_COUNT } from './topology.ts'

export type HealthDeskOptions = {
  router: RouterOptions
  /** Data threads, of all kinds. */
  threads: number
  /** Undefined: nodes are spoken to in the clear. */
  dialler: TlsDialler | undefined
  state: RouterState
  hosts: HostBook
  log: Log
  /** Has all data threads look at the words. */
  wakeAll: () => void
}

/** Labels that have gone; beyond that every node counts as one of them. */
const GONE_MAX = 10_000

export class HealthDesk {
  readonly health = NodeHealth.create(SLOT_COUNT)
  readonly #options: HealthDeskOptions
  #router: RouterOptions
  /** By the nodes' places; a node that has gone has none. */
  readonly #wardens = new Map<number, NodeWarden>()
  /** Labels that have gone, or have moved to another address: flushed if they are seen again. */
  readonly #gone = new Set<string>()

  constructor(options: HealthDeskOptions) {
    this.#options = options
    this.#router = options.router
  }

  /** Begins to look after the nodes. */
  start(nodes: readonly PlacedNode[]): void {
    const { router, state, log } = this.#options
    const unknown = nodes.filter(({ label }) => state.markOf(label) === undefined)
    if (state.problem !== '') log.error({ reason: state.problem }, 'State not found')
    if (state.isKept && unknown.length > 0 && !router.nodesAreEmpty) {
      const names = unknown.map(({ name }) => name).join(', ')
      log.warn({ nodes: names }, 'No state of these nodes: flushed before they serve')
    }
    this.watchOver(nodes)
  }

  /** Other settings, for all that is watched over. */
  change(router: RouterOptions): void {
    this.#router = router
    for (const warden of this.#wardens.values()) warden.change(timesOf(router))
  }

  /** Looks after these, too: admits them when they are fenced. */
  watchOver(nodes: readonly PlacedNode[]): void {
    const { threads, dialler, state, hosts, log, wakeAll } = this.#options
    for (const node of nodes) {
      const warden = new NodeWarden({
        ...timesOf(this.#router),
        node,
        index: node.slot,
        threads,
        dialler,
        health: this.health,
        state,
        hosts,
        credential: this.#router.nodeCredential,
        journalKeys: this.#router.healthSettings.journalKeys,
        isEmpty: this.#router.nodesAreEmpty,
        wasGone: this.#gone.size >= GONE_MAX || this.#gone.has(node.label),
        log,
        random: Math.random,
        onChange: wakeAll,
      })
      this.#wardens.set(node.slot, warden)
    }
  }

  /**
   * Nodes that go are not let in again any more, and what they missed is not remembered: they are
   * flushed if they ever come back, whatever happens to this process.
   */
  async retire(nodes: readonly PlacedNode[], staying: readonly RouterNode[]): Promise<void> {
    const { state, log, wakeAll } = this.#options
    const labels = new Set(staying.map(({ label }) => label))
    for (const { slot, label, name } of nodes) {
      const warden = this.#wardens.get(slot)
      this.#wardens.delete(slot)
      warden?.stop()
      if (this.#gone.size < GONE_MAX) this.#gone.add(label)
      try {
        await (labels.has(label) ? state.set(label, 'marked') : state.forget(label))
        this.health.setMarked(slot, true)
      } catch (error) {
        log.error({ node: name, error: String(error) }, 'Cannot write down that a node has gone')
      }
    }
    if (nodes.length > 0) wakeAll()
  }

  /** From a data thread. */
  hear(thread: number, said: HealthMessage): void {
    const warden = this.#wardens.get(said.node)
    if (warden === undefined) {
      // Of a node that has gone nothing is remembered.
      if (said.type === 'missed') this.health.settle(said.node)
    } else if (said.type === 'shut') warden.onShut(said.life, said.reason)
    else if (said.type === 'closed') warden.onClosed(thread, said.life)
    else if (said.type === 'missed') warden.onMissed(said.key)
  }

  stop(): void {
    for (const warden of this.#wardens.values()) warden.stop()
  }
}

function timesOf(router: RouterOptions): WardenTimes {
  return {
    connectTimeoutMs: router.connectTimeoutMs,
    answerTimeoutMs: router.healthSettings.timeoutMs,
    pauseMinMs: router.reconnectMinMs,
    pauseMaxMs: router.reconnectMaxMs,
  }
}
