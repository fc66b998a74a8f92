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
import type { DeadNode, HealthSettings } from '../cluster/config.ts'
import type { HealthMessage, NodeHealth } from './health.ts'
import { HealthWatch } from './health-watch.ts'
import { NodeConnection } from './node-connection.ts'
import type { RouterNode } from './options.ts'
import type { Outstanding } from './outstanding.ts'
import type { Said } from './said.ts'
import type { NodeState } from './stats.ts'

/** Larger values than clients may store here are passed on too, as long as memory allows. */
const NODE_VALUE_MAX = 64 * 1024 * 1024

export type NodeLinksOptions = {
  nodes: readonly RouterNode[]
  transport: Transport
  hosts: HostBook
  connectionsPerNode: number
  nodeCredential: Credential | undefined
  connectTimeoutMs: number
  requestTimeoutMs: number
  reconnectMinMs: number
  reconnectMaxMs: number
  itemSizeMax: number
  nowMs: () => number
  health: NodeHealth
  healthSettings: HealthSettings
  deadNode: DeadNode
  /** Requests that one connection to a node may owe answers to. */
  outstandingMax: number
  /** To the main thread, about nodes. */
  tellMain: (message: HealthMessage) => void
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
  /** By node, then by client. */
  readonly #connections: NodeConnection[][]
  readonly #lanes = new WeakMap<Session, number>()
  #nextLane = 0

  constructor(options: NodeLinksOptions, hooks: NodeLinksHooks) {
    this.#options = options
    this.#hooks = hooks
    const { journalKeys } = options.healthSettings
    const ofWatch = { ...options, journalKeys, post: options.tellMain }
    this.watch = new HealthWatch(ofWatch, options.nodes.length)
    this.#connections = options.nodes.map((_, node) =>
      Array.from({ length: options.connectionsPerNode }, () => this.#open(node)),
    )
  }

  get all(): readonly NodeConnection[] {
    return this.#connections.flat()
  }

  get states(): readonly NodeState[] {
    return this.#connections.map(([first]) => first!)
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

  #open(index: number): NodeConnection {
    const options = this.#options
    const { onAnswer, onFailure, onMissed, onTurnEnd } = this.#hooks
    const connection = new NodeConnection({
      transport: options.transport,
      hosts: options.hosts,
      node: options.nodes[index]!,
      index,
      health: options.health,
      settings: options.healthSettings,
      routerId: options.routerId,
      outstandingMax: options.outstandingMax,
      credential: options.nodeCredential,
      connectTimeoutMs: options.connectTimeoutMs,
      requestTimeoutMs: options.requestTimeoutMs,
      reconnectMinMs: options.reconnectMinMs,
      reconnectMaxMs: options.reconnectMaxMs,
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
