/** What a router is told: the cluster's nodes and its own door. */
import type { Account, Credential } from '../auth/account.ts'
import type { Io } from '../net/io.ts'
import type { TlsFiles } from '../net/tls-material.ts'
import type { OutboundTlsFiles } from '../net/tls-outbound.ts'
import type { Secure } from '../net/transport.ts'
import type { Placement } from '../ring/placement.ts'
import type { DeadNode, DiscoveryConfig, HealthSettings } from '../cluster/config.ts'

export type RouterNode = {
  name: string
  /** What is hashed (cluster/config.ts). */
  label: string
  host: string
  port: number
  weight: number
}

export type RouterOptions = {
  listen: readonly { host: string; port: number; secure?: Secure | undefined }[]
  /** What secure listeners show and demand. */
  tls: TlsFiles | undefined
  /** Undefined: nodes are spoken to in the clear. */
  nodeTls: OutboundTlsFiles | undefined
  threads: number
  placement: Placement
  nodes: readonly RouterNode[]
  /** Where `nodes` were found; undefined: they are listed. */
  discovery?: DiscoveryConfig | undefined
  /** Of what auto discovery tells; 1 to 2147483647. */
  configVersion: number
  connectionsPerNode: number
  connectionLimit: number
  backlog: number
  connectTimeoutMs: number
  requestTimeoutMs: number
  reconnectMinMs: number
  reconnectMaxMs: number
  healthSettings: HealthSettings
  deadNode: DeadNode
  /** Requests that may wait for one node, all threads together; more fail at once. */
  outstandingPerNode: number
  /** Whether gets of one key share an answer (shared-gets.ts). */
  coalesces: boolean
  /** Where what must outlive the process is kept; undefined: nowhere. */
  stateDir: string | undefined
  /** The nodes have been started just now, for this router: there is nothing in them. */
  nodesAreEmpty: boolean
  /** Largest item any node takes, as `-I`. */
  itemSizeMax: number
  /** Undefined: no client has to log in. */
  accounts: readonly Account[] | undefined
  /** Networks that connections may come from (`--allow`); undefined: any. */
  allow: readonly string[] | undefined
  /** The longest wait after wrong passwords from one address; 0: none. */
  loginWaitMs: number
  /** How the router logs in at its nodes. */
  nodeCredential: Credential | undefined
  verbosity: number
  useKernel: boolean
  /** The transport; without kernel calls it is `net` anyway. */
  io: Io
  /** Why not a faster one, for the log; '': this is what was wanted. */
  ioReason: string
}
