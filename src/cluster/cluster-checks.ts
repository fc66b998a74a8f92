/**
 * What the fields of a cluster file must be to each other: names and addresses are each node's
 * own, sizes fit, and nothing is open to others that was not meant to be.
 */
import { isIP } from 'node:net'
import { isWeight, type WeightKind } from '../ring/nodes.ts'
import { nodeLabel, type Placement, weightsOf } from '../ring/placement.ts'
import { collides, formatAddress, isLoopback } from './address.ts'
import type {
  ClusterEntry,
  Defaults,
  DiscoveryEntry,
  NodeEntry,
  RouterEntry,
} from './cluster-schema.ts'
import type { Address, User } from './config.ts'
import { formatPath, type Path } from './problems.ts'
import type { YamlSource } from './yaml-source.ts'

export const DEFAULT_MEMORY_BYTES = 64 << 20
export const DEFAULT_ITEM_SIZE_BYTES = 1 << 20

/** The parts of a cluster file that are right by themselves, with their places. */
export type Sections = {
  cluster: ClusterEntry | undefined
  defaults: Defaults | undefined
  nodes: readonly Listed<NodeEntry>[]
  /** Undefined: wrong, or there is none. */
  discovery: DiscoveryEntry | undefined
  /** The file has nodes and discovery, right or wrong. */
  hasBoth: boolean
  router: RouterEntry | undefined
  users: readonly Listed<User>[]
  /** The file lists users, right or wrong. */
  hasUsers: boolean
}

export type Listed<T> = { path: Path; value: T }

type Listener = { path: Path; address: Address; what: string }

export function checkCluster(source: YamlSource, sections: Sections): void {
  const { nodes, router, users } = sections
  const placement = sections.cluster?.placement
  checkDiscovery(source, sections)
  checkNames(source, nodes, placement ?? { preset: 'ketama' })
  // Which weights are right is not known while the placement is not.
  if (placement !== undefined) checkWeights(source, nodes, placement)
  checkUserNames(source, users)
  for (const node of nodes) checkItemSize(source, node, sections.defaults)
  const listeners = [
    ...nodes.map(({ path, value }) => {
      return { path: [...path, 'address'], address: value.address, what: formatPath(path) }
    }),
    ...(router?.listen ?? []).map((address, at) => {
      const path = ['router', 'listen', at]
      return { path, address, what: formatPath(path) }
    }),
  ]
  checkAddresses(source, listeners)
  if (router === undefined) return
  checkReach(source, router, sections)
  checkTls(source, router)
  const { min, max } = router.reconnect
  if (min > max) {
    const path = ['router', 'reconnect', 'min']
    source.addProblem(path, `found ${min} milliseconds, expected at most max, which is ${max}`)
  }
}

export function labelOf({ name, address }: NodeEntry, placement: Placement): string {
  return nodeLabel(placement, { name, ...address })
}

const SOURCES = ['srv', 'dns', 'endpoint'] as const

function checkDiscovery(source: YamlSource, { discovery, hasBoth, router }: Sections): void {
  const path = ['discovery']
  if (hasBoth) source.addProblem(path, 'found nodes, too, expected one of nodes and discovery')
  if (discovery === undefined) return
  const { port, dns, endpoint, server } = discovery
  const given = SOURCES.filter(name => discovery[name] !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none' : given.join(' and ')
    source.addProblem(path, `found ${found}, expected one of ${SOURCES.join(', ')}`)
  }
  if (dns !== undefined && port === undefined) {
    source.addProblem([...path, 'dns'], 'found no port beside it, expected port: 1 to 65535')
  }
  if (dns === undefined && port !== undefined) {
    source.addProblem([...path, 'port'], `found ${port}, expected none without dns`)
  }
  if (dns !== undefined && router?.node_tls !== undefined) {
    const expected = 'expected srv or endpoint: nodes tell their names in the clear only'
    source.addProblem([...path, 'dns'], `found router.node_tls, too, ${expected}`)
  }
  if (endpoint?.port === 0) {
    source.addProblem([...path, 'endpoint'], 'found port 0, expected a port of 1 to 65535')
  }
  if (server === undefined) return
  if (isIP(server.host) === 0 || server.port === 0 || endpoint !== undefined) {
    const expected = 'the IP address and port of a name server, with srv or dns'
    source.addProblem([...path, 'server'], `found ${formatAddress(server)}, expected ${expected}`)
  }
}

/** Where a placement does not know weights, one that is written down would mean nothing. */
const expectedWeights: Record<WeightKind, (preset: string) => string> = {
  whole: () => 'a whole number of 1 to 1000',
  fraction: preset => `a number of 0 to 1 for placement ${preset}`,
  none: preset => `1, or none: placement ${preset} knows no weights`,
}

function checkWeights(
  source: YamlSource,
  nodes: readonly Listed<NodeEntry>[],
  placement: Placement,
): void {
  const kind = weightsOf(placement)
  for (const { path, value } of nodes) {
    if (isWeight(value.weight, kind) && (kind !== 'whole' || value.weight > 0)) continue
    const expected = expectedWeights[kind](placement.preset)
    source.addProblem([...path, 'weight'], `found ${value.weight}, expected ${expected}`)
  }
}

function checkNames(
  source: YamlSource,
  nodes: readonly Listed<NodeEntry>[],
  placement: Placement,
): void {
  const known = new Map<string, Path>()
  for (const { path, value } of nodes) {
    const field = [...path, value.name === undefined ? 'address' : 'name']
    if (value.name === undefined && value.address.port === 0) {
      source.addProblem(field, 'found port 0 and no name, expected a name to place the node by')
      continue
    }
    const label = labelOf(value, placement)
    const before = known.get(label)
    if (before === undefined) {
      known.set(label, path)
      continue
    }
    const owner = `which ${formatPath(before)} has too`
    source.addProblem(field, `found the name "${label}", ${owner}, expected one of its own`)
  }
}

function checkUserNames(source: YamlSource, users: readonly Listed<User>[]): void {
  const known = new Map<string, Path>()
  for (const { path, value } of users) {
    const before = known.get(value.name)
    if (before === undefined) known.set(value.name, path)
    else {
      const owner = `which ${formatPath(before)} has too`
      source.addProblem([...path, 'name'], `found a name ${owner}, expected one of its own`)
    }
  }
}

function checkItemSize(
  source: YamlSource,
  { path, value }: Listed<NodeEntry>,
  defaults: Defaults | undefined,
): void {
  const memory = value.memory ?? defaults?.memory ?? DEFAULT_MEMORY_BYTES
  const itemSize = value.max_item_size ?? defaults?.max_item_size ?? DEFAULT_ITEM_SIZE_BYTES
  if (itemSize * 2 <= memory) return
  const own = value.max_item_size !== undefined || value.memory !== undefined
  // A wrong default is said once, where it stands, and not for every node.
  const field = own
    ? [...path, value.max_item_size === undefined ? 'memory' : 'max_item_size']
    : ['defaults', defaults?.max_item_size === undefined ? 'memory' : 'max_item_size']
  if (!own && source.isReported(field)) return
  const half = `at most half of the node's memory of ${memory} bytes`
  source.addProblem(field, `found items of up to ${itemSize} bytes, expected ${half}`)
}

function checkAddresses(source: YamlSource, listeners: readonly Listener[]): void {
  const byPort = Map.groupBy(listeners, listener => listener.address.port)
  for (const [port, same] of byPort) {
    for (const [at, { path, address }] of same.entries()) {
      if (port === 0 && !isLoopback(address.host)) {
        const reason = 'since others must know it (0, chosen by the kernel, is for loopback)'
        source.addProblem(path, `found port 0, expected a port of 1 to 65535, ${reason}`)
      }
      const before = same.slice(0, at).find(other => collides(address, other.address))
      if (before === undefined) continue
      const owner = `which ${before.what} has too`
      source.addProblem(path, `found ${formatAddress(address)}, ${owner}, expected another port`)
    }
  }
}

/** Beyond loopback, without a login, only if the file says that this is meant. */
function checkReach(source: YamlSource, router: RouterEntry, sections: Sections): void {
  if (router.allow !== undefined) return
  if (sections.hasUsers || sections.cluster === undefined || sections.cluster.open) return
  for (const [at, address] of router.listen.entries()) {
    if (isLoopback(address.host) || wantsCertificate(router, address)) continue
    const found = `found ${formatAddress(address)}, open to everyone who can reach it`
    const expected = 'expected users, allow, mtls:, a loopback address, or open: true'
    source.addProblem(['router', 'listen', at], `${found}, ${expected}`)
  }
}

/** Whether only those come in who show a certificate. */
function wantsCertificate({ tls }: RouterEntry, { prefix }: RouterEntry['listen'][0]): boolean {
  return prefix === 'mtls' || (prefix === undefined && tls?.verify === 'require')
}

function checkTls(source: YamlSource, { listen, tls, node_tls: nodeTls }: RouterEntry): void {
  for (const [at, { prefix }] of listen.entries()) {
    if (prefix === undefined || prefix === 'notls' || tls !== undefined) continue
    const found = `found ${prefix}: without router.tls`
    source.addProblem(['router', 'listen', at], `${found}, expected its cert and key`)
  }
  const path = ['router', 'node_tls']
  const alone = nodeTls && (nodeTls.cert === undefined) !== (nodeTls.key === undefined)
  if (alone) source.addProblem(path, 'found one of cert and key, expected both or none')
}
