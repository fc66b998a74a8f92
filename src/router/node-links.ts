/**
 * A router thread's connections to all nodes, and which of them a request takes. A write that finds
 * none is missed: then the node is not asked any more before it has been fenced (health.ts).
 */
import type { Credential } from '../auth/account.ts'
import type { HostBook } from '../net/host-book.ts'
import type { Transport } from '../net/transport.ts'
import { Command } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import type { Session } from '../session/session.ts'
import { isWrite } from './answer.ts'
import type { DeadNode } from '../cluster/config.ts'
import type { HealthMessage, NodeHealth } from './health.ts'
import { HealthWatch } from './health-watch.ts'
import { NodeConnection } from './node-connection.ts'
import type { LinkLimits } from './node-connection-options.ts'
import type { Outstanding } from './outstanding.ts'
import type { Said } from './said.ts'
import type { NodeState } from './stats.ts'
import type { PlacedNode, TopologyMessage } from './topology.ts'

/** Larger values than clients may store here are passed on too, as long as memory allows. */
const NODE_VALUE_MAX = 64 * 1024 * 1024
/** How long a node that has gone may take for what it was asked before. */
const LEAVE_MS = 2000

/** `limits`, `deadNode` and `itemSizeMax` may change while connections live. */
export type NodeLinksOptions = {
  nodes: readonly PlacedNode[]
  transport: Transport
  hosts: HostBook
  connectionsPerNode: number
  nodeCredential: Credential | undefined
  limits: LinkLimits
  itemSizeMax: number
  nowMs: () => number
  health: NodeHealth
  deadNode: DeadNode
  /** To the main thread, about nodes. */
  tellMain: (message: HealthMessage | TopologyMessage) => void
  /** Whether the failure of a write is said only when main has it on disk. */
  waitsForMark: boolean
  /** How the router names itself to its nodes: 16 hexadecimal digits. */
  routerId: string
}

export type NodeLinksHooks = {
  onAnswer: (outstanding: Outstanding, said: Said) => void
  onFailure: (outstanding: Outstanding, reason: string) => void
  /** A write was lost whose client waits. */
  onMissed: (node: number, outstanding: Outstanding, reason: string) => void
  onTurnEnd: () => void
}

export class NodeLinks {
  readonly watch: HealthWatch
  readonly #options: NodeLinksOptions
  readonly #hooks: NodeLinksHooks
  /** By the node's place, then by client. */
  readonly #connections: (NodeConnection[] | undefined)[] = []
  #nodes: readonly PlacedNode[] = []
  /** Of these places, that are no node's any more. */
  #leaving: { slot: number; connections: readonly NodeConnection[]; untilMs: number }[] = []
  #all: readonly NodeConnection[] = []
  readonly #lanes = new WeakMap<Session, number>()
  #nextLane = 0

  constructor(options: NodeLinksOptions, hooks: NodeLinksHooks) {
    this.#options = options
    this.#hooks = hooks
    const { health, waitsForMark, nowMs, tellMain, limits } = options
    const journalKeys = () => limits.healthSettings.journalKeys
    this.watch = new HealthWatch({ health, waitsForMark, nowMs, post: tellMain, journalKeys })
    this.adopt(options.nodes)
  }

  /** Those that are to be closed included. */
  get all(): readonly NodeConnection[] {
    return this.#all
  }

  get states(): readonly NodeState[] {
    return this.#nodes.map(({ slot }) => this.#connections[slot]![0]!)
  }

  /** These nodes from now on; connections to those that stay are kept. */
  adopt(nodes: readonly PlacedNode[]): void {
    const { connectionsPerNode, nowMs } = this.#options
    const stays = new Set(nodes.map(({ slot }) => slot))
    for (const { slot } of this.#nodes) {
      if (stays.has(slot)) continue
      const connections = this.#connections[slot]!
      this.#leaving.push({ slot, connections, untilMs: nowMs() + LEAVE_MS })
      this.#connections[slot] = undefined
    }
    this.#nodes = nodes
    for (const node of nodes) {
      this.#connections[node.slot] ??= Array.from({ length: connectionsPerNode }, () =>
        this.#open(node),
      )
    }
    this.#all = [...this.#leaving, ...nodes.map(({ slot }) => this.#connections[slot]!)].flatMap(
      one => ('connections' in one ? one.connections : one),
    )
    this.checkLeaving()
  }

  /** Once in a while: closes connections that nobody needs, as soon as they owe no answers. */
  checkLeaving(): void {
    if (this.#leaving.length === 0) return
    const { nowMs, tellMain } = this.#options
    this.#leaving = this.#leaving.filter(({ slot, connections, untilMs }) => {
      const isLate = nowMs() >= untilMs
      for (const one of connections) if (isLate || one.outstandingCount === 0) one.leave()
      if (!connections.every(one => one.isGone) || !this.watch.remove(slot)) return true
      this.#all = this.#all.filter(one => !connections.includes(one))
      tellMain({ type: 'left', slot })
      return false
    })
  }

  /** One client's requests to a node always share a connection. */
  of(node: number, session: Session): NodeConnection {
    const connections = this.#connections[node]!
    if (connections.length === 1) return connections[0]!
    let lane = this.#lanes.get(session)
    if (lane === undefined) {
      lane = this.#nextLane
      this.#nextLane = (this.#nextLane + 1) % this.#options.connectionsPerNode
      this.#lanes.set(session, lane)
    }
    return connections[lane]!
  }

  /**
   * Undefined: the node cannot take it. A write is then noted as missed, unless there are too many
   * (`isOverloaded`), and the node is asked nothing more before it has been fenced.
   */
  send(node: number, connection: NodeConnection, request: Request): Outstanding | undefined {
    const sent = connection.send(request)
    if (sent !== undefined) return sent
    for (;;) {
      // The thread may not have heard yet that the node is admitted again.
      this.watch.lookAt(node)
      const outstanding = connection.send(request)
      if (outstanding !== undefined || connection.isOverloaded) return outstanding
      if (!isWrite(request.command)) return undefined
      this.watch.shut(node, this.#options.health.life(node), 'a write could not be sent')
      if (this.watch.miss(node, keyOf(request))) return undefined
    }
  }

  #open(node: PlacedNode): NodeConnection {
    const index = node.slot
    const options = this.#options
    const { onAnswer, onFailure, onMissed, onTurnEnd } = this.#hooks
    const connection = new NodeConnection({
      transport: options.transport,
      hosts: options.hosts,
      node,
      index,
      health: options.health,
      limits: options.limits,
      routerId: options.routerId,
      credential: options.nodeCredential,
      valueSizeMax: Math.max(options.itemSizeMax, NODE_VALUE_MAX),
      nowMs: options.nowMs,
      onAnswer,
      onFailure,
      onLost: (outstanding, reason) => {
        this.watch.miss(index, keyOf(outstanding.request))
        if (outstanding.session !== undefined) onMissed(index, outstanding, reason)
      },
      onTurnEnd,
      onGone: () => this.watch.lookAt(index),
      onUnfit: (life, reason) => {
        this.watch.shut(index, life, reason)
        this.watch.lookAt(index)
      },
    })
    this.watch.add(index, connection)
    return connection
  }
}

/** What a missed write concerns; undefined: everything. */
function keyOf(request: Request): Request | undefined {
  return request.command === Command.flushAll ? undefined : request
}
