/**
 * twemproxy's configuration (nutcracker.yml; nc_conf.c) as a cluster: one of its pools.
 */
import { optionFields, type Placement, PlacementError, placementOf } from '../ring/placement.ts'
import { isLoopback, parseAddress } from './address.ts'
import type { Address } from './config.ts'
import {
  clusterNameOf,
  type Imported,
  type ImportedNode,
  ImportSource,
  isNodeName,
} from './imported.ts'
import { type Path, quote, suggest } from './problems.ts'
import { YamlSource } from './yaml-source.ts'

const NODE_COUNT_MAX = 500
const WEIGHT_MAX = 1000
const PORT = /^[1-9]\d{0,4}$/

/** Directives that say nothing of where keys live, and what becomes of them. */
const leftOut: Readonly<Record<string, string>> = {
  auto_eject_hosts: 'the ring is fixed: keys of a dead node are misses until it is back',
  server_retry_timeout: 'nodes are connected to again as router.reconnect says',
  server_failure_limit: 'a node is down when its connections are',
  client_connections: 'see router.connections',
  backlog: 'the kernel’s limit is used',
  preconnect: 'nodes are always connected to at the start',
}
const known = [
  'listen',
  'hash',
  'hash_tag',
  'distribution',
  'timeout',
  'server_connections',
  'servers',
  'redis',
  'redis_auth',
  'redis_db',
  ...Object.keys(leftOut),
]

/** @param poolName which pool; undefined: the only one. */
export function importNutcracker(text: string, poolName: string | undefined): Imported {
  const input = new ImportSource(new YamlSource(text, {}))
  const pools = mappingOf(input.source.data)
  if (pools === undefined) {
    if (input.source.problems.length === 0) input.problem([], 'found no pools, expected a mapping')
    return input.result(undefined)
  }
  const names = Object.keys(pools)
  const [only] = names
  const name = poolName ?? (names.length === 1 ? only : undefined)
  if (name === undefined || !names.includes(name)) {
    const found = poolName === undefined ? `${names.length} pools` : `no pool ${quote(poolName)}`
    input.problem([], `found ${found}, expected --pool, one of ${names.join(', ')}`)
    return input.result(undefined)
  }
  const pool = mappingOf(pools[name])
  if (pool === undefined) {
    input.problem([name], `found ${quote(pools[name])}, expected a mapping of directives`)
    return input.result(undefined)
  }
  return importPool(input, name, pool)
}

function importPool(input: ImportSource, name: string, pool: Record<string, unknown>): Imported {
  for (const [field, value] of Object.entries(pool)) {
    const path = [name, field]
    const reason = leftOut[field]
    if (!known.includes(field)) {
      input.source.addProblem(path, `found an unknown directive, ${suggest(field, known)}`)
    } else if (reason !== undefined && value !== false) input.note(path, `is left out: ${reason}`)
    else if (field.startsWith('redis') && value !== false) {
      input.problem(path, `found ${quote(value)}, expected memcached: there is no Redis here`)
    }
  }
  const placement = readPlacement(input, name, pool)
  const nodes = readServers(input, [name, 'servers'], pool['servers'])
  const timeout = input.number([name, 'timeout'], pool['timeout'], 1, 600_000)
  return input.result(
    placement &&
      nodes && {
        name: clusterNameOf(name),
        placement,
        nodes,
        listen: readListen(input, [name, 'listen'], pool['listen']),
        connectionsPerNode: input.number(
          [name, 'server_connections'],
          pool['server_connections'],
          1,
          64,
        ),
        connectTimeoutMs: timeout,
        requestTimeoutMs: timeout,
      },
  )
}

function readPlacement(
  input: ImportSource,
  name: string,
  { hash, hash_tag, distribution }: Record<string, unknown>,
): Placement | undefined {
  try {
    return placementOf('twemproxy', { hash, hash_tag, distribution })
  } catch (error) {
    if (!(error instanceof PlacementError)) throw error
    const field = error.field in optionFields ? error.field : 'hash'
    const value = { hash, hash_tag, distribution }[field as 'hash']
    return input.problem([name, field], `found ${quote(value)}, expected ${error.expected}`)
  }
}

function readListen(input: ImportSource, path: Path, value: unknown): Address | undefined {
  if (typeof value !== 'string') {
    return input.problem(path, `found ${quote(value)}, expected host:port`)
  }
  if (value.startsWith('/')) {
    input.note(path, 'is left out: routers listen on TCP; the default is 127.0.0.1:11211')
    return undefined
  }
  try {
    const address = parseAddress(value)
    if (!isLoopback(address.host)) {
      input.note(path, 'can be reached by everyone: give users, router.allow, or open: true')
    }
    return address
  } catch {
    return input.problem(path, `found ${quote(value)}, expected host:port`)
  }
}

function readServers(input: ImportSource, path: Path, list: unknown): ImportedNode[] | undefined {
  if (!Array.isArray(list) || list.length < 1 || list.length > NODE_COUNT_MAX) {
    const found = Array.isArray(list) ? `${list.length} servers` : quote(list)
    return input.problem(path, `found ${found}, expected a list of 1 to ${NODE_COUNT_MAX}`)
  }
  return list.flatMap((item: unknown, at) => readServer(input, [...path, at], item) ?? [])
}

/** `host:port:weight [name]` */
function readServer(input: ImportSource, path: Path, item: unknown): ImportedNode | undefined {
  const expected = 'expected host:port:weight, and perhaps a name'
  if (typeof item !== 'string') return input.problem(path, `found ${quote(item)}, ${expected}`)
  if (item.startsWith('/')) {
    return input.problem(path, `found ${quote(item)}, expected a node on TCP, not a UNIX socket`)
  }
  const match = /^(\S+):(\d+):(\d+)(?: (\S+))?$/.exec(item)
  const [, host = '', port = '', weightText = '', name] = match ?? []
  const weight = Number(weightText)
  if (match === null || !PORT.test(port)) {
    return input.problem(path, `found ${quote(item)}, ${expected}`)
  }
  if (weight < 1 || weight > WEIGHT_MAX) {
    return input.problem(path, `found weight ${weightText}, expected 1 to ${WEIGHT_MAX}`)
  }
  if (name !== undefined && !isNodeName(name)) {
    const letters = 'expected letters, digits, ".", ":", "/", "_" or "-"'
    return input.problem(path, `found the name ${quote(name)}, ${letters}`)
  }
  try {
    const address = parseAddress(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
    return { name, address, weight }
  } catch {
    return input.problem(path, `found ${quote(item)}, ${expected}`)
  }
}

export function mappingOf(value: unknown): Record<string, unknown> | undefined {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isMapping ? (value as Record<string, unknown>) : undefined
}
