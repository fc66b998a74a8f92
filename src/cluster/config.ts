/**
 * What a cluster is, as every part of memring sees it after the cluster file has been read and
 * checked (cluster-file.ts): plain data, all defaults filled in, every unit in the field's name.
 */

import type { RightName } from '../auth/account.ts'
import type { Placement } from '../ring/placement.ts'

export type Address = {
  /** A name or an IP address; IPv6 without brackets. */
  host: string
  /** 0 lets the kernel choose, on loopback and under `memring up` only. */
  port: number
}

/** What may serve sockets, as `--io` takes it; undefined: what the environment says, else auto. */
export const ioNames = ['auto', 'uring', 'epoll', 'net'] as const
export type IoName = (typeof ioNames)[number]

export type NodeConfig = {
  /** What people and logs call the node. */
  name: string
  /** What is hashed: the node's place on the ring. It never changes with the address. */
  label: string
  host: string
  port: number
  weight: number
  memoryMb: number
  threads: number
  maxItemSizeBytes: number
  connectionLimit: number
  io: IoName | undefined
}

/** Of `router.tls`: PEM files, and what clients must show. */
export type TlsConfig = {
  chainCert: string
  key: string
  caCert: string | undefined
  verify: 0 | 1 | 2
  minVersion: 'TLSv1.2' | 'TLSv1.3'
  ciphers: string | undefined
}

/** Of `router.node_tls`. */
export type NodeTlsConfig = {
  ca: string | undefined
  cert: string | undefined
  key: string | undefined
  serverName: string | undefined
}

/** `secure`: as the prefixes of `-l` say it; undefined: no TLS. */
export type ListenConfig = Address & { secure?: 'tls' | 'btls' | 'mtls' | undefined }

/** When a node counts as down, and what is remembered for it meanwhile. */
export type HealthSettings = {
  /** What a node that owes an answer may be silent. */
  timeoutMs: number
  /** Connections that fail or end, one after another, without an answer in between. */
  failures: number
  /** Percent of a second's answers that may be errors or too late. */
  errorPercent: number
  /** Keys of missed writes that are remembered for a node; more, and it is flushed. */
  journalKeys: number
}

/** What clients are told in place of a node that is down. */
export type DeadNode = {
  reads: 'miss' | 'error'
  /** `discard`: as if it had been stored, and evicted at once. */
  writes: 'error' | 'discard'
}

export type RouterConfig = {
  listen: readonly ListenConfig[]
  tls: TlsConfig | undefined
  nodeTls: NodeTlsConfig | undefined
  threads: number
  /** Connections that each router thread keeps to each node. */
  connectionsPerNode: number
  /** Client connections, all threads together. */
  connectionLimit: number
  connectTimeoutMs: number
  requestTimeoutMs: number
  reconnectMinMs: number
  reconnectMaxMs: number
  healthSettings: HealthSettings
  deadNode: DeadNode
  /** Requests that may wait for one node; more fail at once. */
  outstandingPerNode: number
  /** Gets of one key that come at the same time are asked of the node once. */
  coalesces: boolean
  /** Networks that clients may come from; undefined: any. */
  allow: readonly string[] | undefined
  io: IoName | undefined
}

export type User = {
  name: string
  password: string
  /** Absent: all of them (auth/account.ts). */
  rights?: readonly RightName[]
  /** What keys must begin with; absent: any key. */
  prefixes?: readonly string[]
}

/** Of `discovery`: where to ask for nodes, and how often. */
export type DiscoveryConfig = {
  from: { srv: string } | { dns: string; port: number } | { endpoint: Address }
  /** The name server to ask; undefined: the system's. */
  server: Address | undefined
  intervalMs: number
}

export type ClusterConfig = {
  name: string
  placement: Placement
  /** Of the list of nodes, as auto discovery tells it: greater whenever that changes. */
  configVersion: number
  /** Empty where they are discovered. */
  nodes: readonly NodeConfig[]
  discovery: DiscoveryConfig | undefined
  router: RouterConfig
  users: readonly User[]
  /** The file says that a listener beyond loopback without users is meant. */
  open: boolean
}
