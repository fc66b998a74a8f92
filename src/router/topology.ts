/**
 * What a router's threads know of its nodes and settings: made whole by main, taken whole by every
 * thread. While it runs it is exchanged (topology-desk.ts), so that no two threads ever forward by
 * different rings:
 *
 *   main                                         data threads
 *     looks names up, fences what is new
 *     { topology } ─────────────────────────────▶ take up nothing new, wait for answers, take it
 *     hears of all  ◀──────────────────────────── { taken }
 *     GO ───────────────────────────────────────▶ go on
 *     the place is free ◀──────────────────────── { left }: no connection to the node is left
 *
 * A node has a place (`slot`) in the shared words of health.ts, apart from its index on the ring:
 * it keeps it, and with it its connections and its health, as long as its label and address stay.
 */
import type { HostBookHandle } from '../net/host-book.ts'
import type { RingPlan } from '../ring/lookup.ts'
import type { LinkLimits } from './node-connection-options.ts'
import type { RouterNode, RouterOptions } from './options.ts'

/** Twice what a cluster file may have: a change has the nodes before it beside those after it. */
export const SLOT_COUNT = 1024

export type PlacedNode = RouterNode & { readonly slot: number }

export type Topology = {
  type: 'topology'
  /** Counts changes; 0 is the start. */
  turn: number
  /** In the order of the ring. */
  nodes: readonly PlacedNode[]
  ring: RingPlan
  hosts: HostBookHandle
  options: RouterOptions
}

/** From main: every thread has taken the topology of this turn. */
export type Go = { type: 'go'; turn: number }

/** What data threads tell main. */
export type TopologyMessage =
  | { type: 'taken'; turn: number }
  /** No connection to the node in this place is left. */
  | { type: 'left'; slot: number }

export class SlotsError extends Error {
  override name = 'SlotsError'
}

export type Placing = {
  nodes: readonly PlacedNode[]
  added: readonly PlacedNode[]
  removed: readonly PlacedNode[]
}

export class Slots {
  readonly #free: number[]
  #nodes: readonly PlacedNode[] = []

  constructor(count = SLOT_COUNT) {
    this.#free = Array.from({ length: count }, (_, at) => count - 1 - at)
  }

  get nodes(): readonly PlacedNode[] {
    return this.#nodes
  }

  /**
   * Nodes that stay keep their places; those that go, too, until they are given back.
   * @throws SlotsError when so many have gone of late that none is free; nothing is changed then.
   */
  place(nodes: readonly RouterNode[]): Placing {
    const known = new Map(this.#nodes.map(node => [identityOf(node), node]))
    const news = nodes.filter(node => !known.has(identityOf(node)))
    if (news.length > this.#free.length) {
      const found = `${news.length} new nodes, places for ${this.#free.length}`
      throw new SlotsError(`Cannot take other nodes: ${found}, expected to wait for those that go`)
    }
    const placed = nodes.map(node => {
      const slot = known.get(identityOf(node))?.slot ?? this.#free.pop()!
      return { ...node, slot }
    })
    const stays = new Set(placed.map(({ slot }) => slot))
    const removed = this.#nodes.filter(({ slot }) => !stays.has(slot))
    const before = new Set(this.#nodes.map(({ slot }) => slot))
    const added = placed.filter(({ slot }) => !before.has(slot))
    this.#nodes = placed
    return { nodes: placed, added, removed }
  }

  giveBack(slot: number): void {
    this.#free.push(slot)
  }
}

function identityOf({ label, host, port }: RouterNode): string {
  return `${label} ${host} ${port}`
}

/** What a running router cannot change, by its name in the cluster file. */
const FIXED = {
  'router.listen': ({ listen }) => listen,
  'router.tls': ({ tls }) => tls,
  'router.node_tls': ({ nodeTls }) => nodeTls,
  'router.threads': ({ threads }) => threads,
  'router.io': ({ io }) => io,
  'router.connections_per_node': ({ connectionsPerNode }) => connectionsPerNode,
  'router.allow': ({ allow }) => allow,
  'users, if there are any,': ({ accounts }) => accounts !== undefined,
} as const satisfies Record<string, (options: RouterOptions) => unknown>

/** The names of fixed settings that differ. */
export function fixedDifferences(before: RouterOptions, after: RouterOptions): string[] {
  return Object.entries(FIXED).flatMap(([name, of]) => {
    return JSON.stringify(of(before)) === JSON.stringify(of(after)) ? [] : [name]
  })
}

/** What a running router goes by when it is told `next`. */
export function changed(before: RouterOptions, next: RouterOptions): RouterOptions {
  const { listen, tls, nodeTls, threads, io, ioReason, connectionsPerNode, allow } = before
  const { stateDir, loginWaitMs, useKernel, backlog, nodeCredential } = before
  const fixed = { listen, tls, nodeTls, threads, io, ioReason, connectionsPerNode, allow }
  const byFlags = { stateDir, loginWaitMs, useKernel, backlog, nodeCredential }
  const accounts = before.accounts && next.accounts ? next.accounts : before.accounts
  return { ...next, ...fixed, ...byFlags, accounts, nodesAreEmpty: false }
}

/** What a connection to a node goes by. */
export function limitsOf(options: RouterOptions): LinkLimits {
  const { connectTimeoutMs, requestTimeoutMs, reconnectMinMs, reconnectMaxMs } = options
  const { healthSettings, outstandingPerNode, threads, connectionsPerNode } = options
  const { coalesces } = options
  const share = Math.floor(outstandingPerNode / threads / connectionsPerNode)
  const outstandingMax = Math.max(1, share)
  const times = { connectTimeoutMs, requestTimeoutMs, reconnectMinMs, reconnectMaxMs }
  return { ...times, healthSettings, outstandingMax, coalesces }
}
