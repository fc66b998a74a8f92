/**
 * The main thread's part in changing nodes and settings of a running router: one change after
 * another, in the steps that topology.ts draws. What was asked for while one is under way is taken
 * up after it, the last of it only.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { HostBook } from '../net/host-book.ts'
import type { Log } from '../observe/log.ts'
import { Ring } from '../ring/ring.ts'
import { rememberVersion } from './config-version.ts'
import type { HealthDesk } from './health-desk.ts'
import type { RouterOptions } from './options.ts'
import {
  changed,
  fixedDifferences,
  type Go,
  type PlacedNode,
  Slots,
  SlotsError,
  type Topology,
  type TopologyMessage,
} from './topology.ts'

/** What added nodes get to be admitted before they have keys; then their requests wait instead. */
const PREPARE_MS = 1000
const PREPARE_STEP_MS = 10
/** What threads get to take a topology; they stop waiting for each other by themselves. */
const TAKEN_MS = 2000
const CONFIG_VERSION_MAX = 2_147_483_647

export type TopologyDeskOptions = {
  /** Data threads, of all kinds. */
  threads: number
  health: HealthDesk
  /** Main's, of the nodes there are. */
  hosts: HostBook
  log: Log
  tellAll: (message: Topology | Go) => void
}

export class TopologyDesk {
  readonly #options: TopologyDeskOptions
  readonly #slots = new Slots()
  #router: RouterOptions
  #stopLookups: () => void = () => {}
  #turn = 0
  /** Threads that have taken the topology of this turn. */
  readonly #taken = new Set<number>()
  #wake: () => void = () => {}
  /** Threads that still have connections to nodes that have gone. */
  readonly #leaving = new Map<number, number>()
  #next: RouterOptions | undefined
  #isChanging = false
  #isStopped = false

  constructor(router: RouterOptions, options: TopologyDeskOptions) {
    this.#options = options
    this.#router = router
  }

  /** What threads start with. @throws RangeError when the nodes cannot form a ring. */
  async first(): Promise<Topology> {
    const { nodes } = this.#slots.place(this.#router.nodes)
    this.#router = { ...this.#router, configVersion: this.#versionOf(this.#router) }
    this.#stopLookups = await this.#options.hosts.keep()
    return this.#topologyOf(this.#router, nodes)
  }

  get nodes(): readonly PlacedNode[] {
    return this.#slots.nodes
  }

  /** @throws RangeError when the nodes cannot form a ring. */
  check({ placement, nodes }: RouterOptions): void {
    Ring.build(placement, nodes)
  }

  /** From now on, or as soon as the change before is done; it has been checked. */
  change(next: RouterOptions): void {
    this.#next = next
    if (!this.#isChanging) void this.#changeAll()
  }

  hear(thread: number, message: TopologyMessage): void {
    if (message.type === 'left') {
      this.#left(message.slot)
    } else if (message.turn === this.#turn) {
      this.#taken.add(thread)
      this.#wake()
    }
  }

  /** What is under way is not waited for. */
  stop(): void {
    this.#isStopped = true
    this.#next = undefined
    this.#wake()
    this.#stopLookups()
  }

  async #changeAll(): Promise<void> {
    this.#isChanging = true
    while (this.#next !== undefined && !this.#isStopped) {
      const next = this.#next
      this.#next = undefined
      await this.#changeTo(next)
    }
    this.#isChanging = false
  }

  async #changeTo(next: RouterOptions): Promise<void> {
    const { health, log, tellAll } = this.#options
    const fields = fixedDifferences(this.#router, next)
    if (fields.length > 0) {
      log.warn({ fields: fields.join(', ') }, 'Not changed: takes a restart of the router')
    }
    const router = changed(this.#router, next)
    let placing: ReturnType<Slots['place']>
    try {
      placing = this.#slots.place(router.nodes)
    } catch (error) {
      if (!(error instanceof SlotsError)) throw error
      log.error({ error: error.message }, 'Not changed')
      return
    }
    const { nodes, added, removed } = placing
    await this.#lookUp(router)
    for (const { slot } of removed) this.#leaving.set(slot, this.#options.threads)
    health.change(router)
    await health.retire(removed, nodes)
    if (this.#isStopped) return
    health.watchOver(added)
    await this.#prepare(added)
    if (this.#isStopped) return
    const configVersion = this.#versionOf(router)
    this.#router = { ...router, configVersion }
    this.#turn += 1
    this.#taken.clear()
    tellAll(this.#topologyOf(this.#router, nodes))
    await this.#allTaken()
    tellAll({ type: 'go', turn: this.#turn })
    const said = {
      nodes: nodes.length,
      ...(added.length > 0 && { added: namesOf(added) }),
      ...(removed.length > 0 && { removed: namesOf(removed) }),
      configVersion,
    }
    log.info(said, 'Configuration taken')
  }

  #topologyOf(router: RouterOptions, nodes: readonly PlacedNode[]): Topology {
    return {
      type: 'topology',
      turn: this.#turn,
      nodes,
      ring: Ring.build(router.placement, router.nodes).plan,
      hosts: this.#options.hosts.handle,
      // What threads need not know they are not told.
      options: { ...router, accounts: router.accounts && [], nodes: [] },
    }
  }

  /** Threads keep the book they have until they take the new one. */
  async #lookUp(router: RouterOptions): Promise<void> {
    const { hosts } = this.#options
    const book = HostBook.create(router.nodes.map(({ host }) => host))
    if (book.handle.names.join(' ') === hosts.handle.names.join(' ')) return
    for (const name of book.handle.names) {
      const address = hosts.knows(name) ? hosts.addressOf(name) : undefined
      if (address !== undefined) book.set(name, address)
    }
    this.#stopLookups()
    hosts.exchange(book.handle)
    const stop = await hosts.keep()
    this.#stopLookups = stop
    if (this.#isStopped) stop()
  }

  async #prepare(added: readonly PlacedNode[]): Promise<void> {
    const { health } = this.#options
    const deadline = performance.now() + PREPARE_MS
    const isReady = () => added.every(({ slot }) => health.health.isDecided(slot))
    while (!isReady() && !this.#isStopped && performance.now() < deadline) {
      await sleep(PREPARE_STEP_MS)
    }
  }

  async #allTaken(): Promise<void> {
    const { threads, log } = this.#options
    const late = sleep(TAKEN_MS, 'late' as const, { ref: false })
    while (this.#taken.size < threads && !this.#isStopped) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      if ((await Promise.race([woken, late])) !== 'late') continue
      log.warn({ threads: threads - this.#taken.size }, 'Threads are late to take a change')
      return
    }
  }

  #left(slot: number): void {
    const threads = (this.#leaving.get(slot) ?? 0) - 1
    this.#leaving.set(slot, threads)
    if (threads > 0) return
    this.#leaving.delete(slot)
    this.#options.health.health.renew(slot)
    this.#slots.giveBack(slot)
  }

  /** What auto discovery counts its lists of nodes by: greater with each of them. */
  #versionOf(router: RouterOptions): number {
    const { stateDir, nodes, configVersion } = router
    const before = this.#router
    const isFirst = this.#turn === 0 && before.nodes === nodes
    const isSame = listOf(before.nodes) === listOf(nodes)
    const least = isFirst ? configVersion : before.configVersion + (isSame ? 0 : 1)
    const own = Math.min(Math.max(configVersion, least), CONFIG_VERSION_MAX)
    if (stateDir === undefined) return own
    const { config, problem } = rememberVersion(stateDir, nodes, isFirst ? configVersion : own)
    if (problem !== '') {
      const said = 'Version of auto discovery may have gone back'
      this.#options.log.warn({ problem, config }, said)
    }
    return config
  }
}

function namesOf(nodes: readonly PlacedNode[]): string {
  return nodes.map(({ name }) => name).join(', ')
}

function listOf(nodes: RouterOptions['nodes']): string {
  const list = nodes.map(({ host, port }) => `${host}:${port}`)
  return list.toSorted().join(' ')
}
