/** The health of all nodes on the main thread: hears data threads, has a warden for each node. */
import type { HostBook } from '../net/host-book.ts'
import type { TlsDialler } from '../net/tls-outbound.ts'
import type { Log } from '../observe/log.ts'
import { type HealthMessage, NodeHealth } from './health.ts'
import { NodeWarden } from './node-warden.ts'
import type { RouterOptions } from './options.ts'
import type { RouterState } from './router-state.ts'

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

export class HealthDesk {
  readonly health: NodeHealth
  readonly #options: HealthDeskOptions
  #wardens: readonly NodeWarden[] = []

  constructor(options: HealthDeskOptions) {
    this.#options = options
    this.health = NodeHealth.create(options.router.nodes.length)
  }

  /** Begins to look after the nodes. */
  start(): void {
    const { router, threads, dialler, state, hosts, log, wakeAll } = this.#options
    const { healthSettings } = router
    const unknown = router.nodes.filter(({ label }) => state.markOf(label) === undefined)
    if (state.problem !== '') log.error({ reason: state.problem }, 'State not found')
    if (state.isKept && unknown.length > 0 && !router.nodesAreEmpty) {
      const nodes = unknown.map(({ name }) => name).join(', ')
      log.warn({ nodes }, 'No state of these nodes: flushed before they serve')
    }
    this.#wardens = router.nodes.map((node, index) => {
      return new NodeWarden({
        node,
        index,
        threads,
        dialler,
        health: this.health,
        state,
        hosts,
        credential: router.nodeCredential,
        connectTimeoutMs: router.connectTimeoutMs,
        answerTimeoutMs: healthSettings.timeoutMs,
        pauseMinMs: router.reconnectMinMs,
        pauseMaxMs: router.reconnectMaxMs,
        journalKeys: healthSettings.journalKeys,
        isEmpty: router.nodesAreEmpty,
        log,
        random: Math.random,
        onChange: wakeAll,
      })
    })
  }

  /** From a data thread. */
  hear(thread: number, message: unknown): void {
    const said = message as HealthMessage
    const warden = 'node' in said ? this.#wardens[said.node] : undefined
    if (warden === undefined) return
    if (said.type === 'shut') warden.onShut(said.life, said.reason)
    else if (said.type === 'closed') warden.onClosed(thread, said.life)
    else if (said.type === 'missed') warden.onMissed(said.key)
  }

  stop(): void {
    for (const warden of this.#wardens) warden.stop()
  }
}
