/** What a connection to a node is told, and whom it tells (node-connection.ts). */
import type { Credential } from '../auth/account.ts'
import type { HealthSettings } from '../cluster/config.ts'
import type { HostBook } from '../net/host-book.ts'
import type { Transport } from '../net/transport.ts'
import type { NodeHealth } from './health.ts'
import type { Outstanding } from './outstanding.ts'
import type { Said } from './said.ts'

export type LinkLimits = {
  connectTimeoutMs: number
  requestTimeoutMs: number
  reconnectMinMs: number
  reconnectMaxMs: number
  healthSettings: HealthSettings
  /** Requests that may wait for one connection; more fail at once. */
  outstandingMax: number
  /** Whether gets of one key share an answer (shared-gets.ts). */
  coalesces: boolean
}

export type NodeConnectionOptions = {
  transport: Transport
  /** Where names are looked up. */
  hosts: HostBook
  node: { name: string; host: string; port: number }
  /** The node's place among all, in `health`. */
  index: number
  health: NodeHealth
  /** May change while the connection lives. */
  limits: LinkLimits
  /** How the router's connections name themselves to nodes that know `fence`. */
  routerId: string
  credential: Credential | undefined
  valueSizeMax: number
  nowMs: () => number
  /** An answer in the client's protocol, for a request that has not been given up. */
  onAnswer: (outstanding: Outstanding, said: Said) => void
  /** No answer will come; `reason` says why. */
  onFailure: (outstanding: Outstanding, reason: string) => void
  /** A write was lost: nobody knows whether the node has it. Its client may have been answered. */
  onLost: (outstanding: Outstanding, reason: string) => void
  /** After a batch of answers. */
  onTurnEnd: () => void
  /** Nothing is left of the life that is over. */
  onGone: () => void
  /** The node must not be asked any more, in this life. */
  onUnfit: (life: number, reason: string) => void
}
