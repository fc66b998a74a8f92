/**
 * Reads a cluster file: YAML text → values with places (yaml-source.ts) → checked fields
 * (cluster-schema.ts) → checked against each other (cluster-checks.ts) → `ClusterConfig`.
 *
 * Import it only where a file is read (`await import`): yaml and zod take 20 MB of memory. No
 * password, right or wrong, ever gets into a message.
 */
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import {
  checkCluster,
  DEFAULT_ITEM_SIZE_BYTES,
  DEFAULT_MEMORY_BYTES,
  labelOf,
  type Listed,
  type Sections,
} from './cluster-checks.ts'
import {
  clusterSchema,
  type Defaults,
  type DiscoveryEntry,
  defaultsSchema,
  discoverySchema,
  fieldsBelow,
  NODE_COUNT_MAX,
  type NodeEntry,
  nodeSchema,
  type RouterEntry,
  routerSchema,
  USER_COUNT_MAX,
  userSchema,
} from './cluster-schema.ts'
import type { Placement } from '../ring/placement.ts'
import type { ClusterConfig, DiscoveryConfig, NodeConfig, RouterConfig, User } from './config.ts'
import { readPassword } from './passwords.ts'
import { ClusterFileError, type Path, quote, suggest } from './problems.ts'
import { type Environment, YamlSource } from './yaml-source.ts'
import { readText } from './yaml-text.ts'

const DEFAULT_THREADS = 4
const DEFAULT_CONNECTIONS = 1024
const MB = 1 << 20

/**
 * @param environment what `${VAR}` in the file stands for.
 * @throws {ClusterFileError} that lists every problem with its place.
 */
export function loadClusterFile(path: string, environment: Environment): ClusterConfig {
  const source = new YamlSource(readText(path), environment)
  const sections = readSections(source, dirname(path))
  if (sections !== undefined) checkCluster(source, sections)
  if (source.problems.length > 0) throw new ClusterFileError(path, source.problemsInOrder())
  return configOf(sections, dirname(path))
}

/** Every section that is right by itself; what is wrong is noted in the source. */
function readSections(source: YamlSource, directory: string): Sections | undefined {
  const { data } = source
  if (!isMapping(data)) {
    if (source.problems.length > 0) return undefined
    const expected = 'a mapping of nodes, router and users'
    source.addProblem([], `found ${quote(data)}, expected ${expected}`)
    return undefined
  }
  const { defaults, nodes, discovery, router, users, ...cluster } = data
  const isDiscovered = discovery !== undefined && nodes === undefined
  return {
    cluster: readFields(source, [], clusterSchema, cluster),
    defaults: readFields(source, ['defaults'], defaultsSchema, defaults ?? {}),
    nodes: isDiscovered ? [] : readNodes(source, nodes),
    discovery:
      discovery === undefined
        ? undefined
        : readFields(source, ['discovery'], discoverySchema, discovery),
    hasBoth: discovery !== undefined && nodes !== undefined,
    router: readFields(source, ['router'], routerSchema, withListenList(router ?? {})),
    users: readList(source, 'users', users ?? [], { min: 0, max: USER_COUNT_MAX }, (path, item) =>
      readUser(source, path, item, directory),
    ),
    hasUsers: users !== undefined && users !== null,
  }
}

function readNodes(source: YamlSource, nodes: unknown): Listed<NodeEntry>[] {
  return readList(source, 'nodes', nodes, { min: 1, max: NODE_COUNT_MAX }, (path, item) =>
    readFields(source, path, nodeSchema, typeof item === 'string' ? { address: item } : item),
  )
}

/** The items of a list that are right by themselves. */
function readList<T>(
  source: YamlSource,
  name: string,
  list: unknown,
  count: { min: number; max: number },
  readItem: (path: Path, item: unknown) => T | undefined,
): Listed<T>[] {
  if (!Array.isArray(list) || list.length < count.min || list.length > count.max) {
    const found = Array.isArray(list) ? `${list.length} ${name}` : kindOf(list)
    const expected = `a list of ${count.min} to ${count.max} ${name}`
    if (!source.isRefused([name])) source.addProblem([name], `found ${found}, expected ${expected}`)
    return []
  }
  return list.flatMap((item: unknown, at) => {
    const path = [name, at]
    const value = readItem(path, item)
    return value === undefined ? [] : [{ path, value }]
  })
}

function readUser(
  source: YamlSource,
  path: Path,
  item: unknown,
  directory: string,
): User | undefined {
  const user = readFields(source, path, userSchema, item)
  if (user === undefined) return undefined
  const password = readPassword(source, path, user, directory)
  if (password === undefined) return undefined
  const { name, rights, prefixes } = user
  return { name, password, ...(rights && { rights }), ...(prefixes && { prefixes }) }
}

/** One mapping, or undefined and its problems noted. */
function readFields<T extends z.ZodType>(
  source: YamlSource,
  path: Path,
  schema: T,
  data: unknown,
): z.infer<T> | undefined {
  const result = schema.safeParse(data)
  for (const issue of result.error?.issues ?? []) {
    const field = [
      ...path,
      ...issue.path.map(part => (typeof part === 'number' ? part : String(part))),
    ]
    if (issue.code === 'unrecognized_keys') addUnknownFields(source, field, issue.keys)
    else if (!source.isRefused(field)) {
      const value = valueAt(data, issue.path)
      // Under `users` any text may be a password in the wrong place.
      const found = path[0] === 'users' ? kindOf(value) : quote(value)
      const expected = isMapping(data) ? issue.message : 'a mapping of fields'
      source.addProblem(field, `found ${found}, expected ${expected}`)
    }
  }
  return result.success ? result.data : undefined
}

function addUnknownFields(source: YamlSource, path: Path, names: readonly string[]): void {
  for (const name of names) {
    const field = [...path, name]
    const hint = suggest(name, fieldsBelow(path))
    source.addProblem(field, `found an unknown field, ${hint}`, source.positionOfKey(field))
  }
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

/** `listen: ADDRESS` is short for a list of one. */
function withListenList(router: unknown): unknown {
  if (!isMapping(router) || typeof router['listen'] !== 'string') return router
  return { ...router, listen: [router['listen']] }
}

function kindOf(value: unknown): string {
  return ['string', 'number', 'boolean'].includes(typeof value) ? `a ${typeof value}` : quote(value)
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function configOf(sections: Sections | undefined, directory: string): ClusterConfig {
  const { cluster, defaults, nodes, discovery, router, users } = sections ?? {}
  if (!cluster || !defaults || !nodes || !router || !users) {
    throw new Error('Cannot use a cluster file: a section is missing and no problem was noted')
  }
  return {
    name: cluster.name,
    placement: cluster.placement,
    configVersion: cluster.config_version,
    nodes: nodes.map(({ value }) => nodeOf(value, defaults, cluster.placement)),
    discovery: discovery && discoveryOf(discovery),
    router: routerOf(router, directory),
    users: users.map(({ value }) => value),
    open: cluster.open,
  }
}

function discoveryOf(entry: DiscoveryEntry): DiscoveryConfig {
  const { srv, dns, port, endpoint, server, interval } = entry
  const common = { server, intervalMs: interval }
  if (srv !== undefined) return { from: { srv }, ...common }
  if (dns !== undefined && port !== undefined) return { from: { dns, port }, ...common }
  if (endpoint !== undefined) return { from: { endpoint }, ...common }
  throw new Error('Cannot use a cluster file: discovery from nowhere and no problem was noted')
}

function nodeOf(entry: NodeEntry, defaults: Defaults, placement: Placement): NodeConfig {
  const label = labelOf(entry, placement)
  return {
    name: label,
    label,
    host: entry.address.host,
    port: entry.address.port,
    weight: entry.weight,
    memoryMb: (entry.memory ?? defaults.memory ?? DEFAULT_MEMORY_BYTES) / MB,
    threads: entry.threads ?? defaults.threads ?? DEFAULT_THREADS,
    maxItemSizeBytes: entry.max_item_size ?? defaults.max_item_size ?? DEFAULT_ITEM_SIZE_BYTES,
    connectionLimit: entry.connections ?? defaults.connections ?? DEFAULT_CONNECTIONS,
    io: entry.io ?? defaults.io,
  }
}

function routerOf(entry: RouterEntry, directory: string): RouterConfig {
  return {
    ...tlsOf(entry, directory),
    threads: entry.threads,
    connectionsPerNode: entry.connections_per_node,
    connectionLimit: entry.connections,
    connectTimeoutMs: entry.timeouts.connect,
    requestTimeoutMs: entry.timeouts.request,
    reconnectMinMs: entry.reconnect.min,
    reconnectMaxMs: entry.reconnect.max,
    healthSettings: {
      timeoutMs: entry.health.timeout,
      failures: entry.health.failures,
      errorPercent: entry.health.errors,
      journalKeys: entry.health.journal,
    },
    deadNode: entry.dead_node,
    outstandingPerNode: entry.outstanding_per_node,
    coalesces: entry.coalesce,
    allow: entry.allow,
    io: entry.io,
  }
}

/** Files are found beside the cluster file, as password files are. */
function tlsOf(
  { listen, tls, node_tls: nodeTls }: RouterEntry,
  directory: string,
): Pick<RouterConfig, 'listen' | 'tls' | 'nodeTls'> {
  const beside = (file: string | undefined) =>
    file === undefined ? file : resolve(directory, file)
  return {
    listen: listen.map(({ host, port, prefix }) => {
      const own = prefix === 'btls' || prefix === 'mtls' ? prefix : 'tls'
      return { host, port, secure: tls === undefined || prefix === 'notls' ? undefined : own }
    }),
    tls: tls && {
      chainCert: resolve(directory, tls.cert),
      key: resolve(directory, tls.key),
      caCert: beside(tls.ca),
      verify: TLS_VERIFY[tls.verify],
      minVersion: `TLSv${tls.min_version}`,
      ciphers: tls.ciphers,
    },
    nodeTls: nodeTls && {
      ca: beside(nodeTls.ca),
      cert: beside(nodeTls.cert),
      key: beside(nodeTls.key),
      serverName: nodeTls.server_name,
    },
  }
}

/** memcached's numbers (`ssl_verify_mode`). */
const TLS_VERIFY = { none: 0, request: 1, require: 2 } as const
