/**
 * mcrouter's configuration (JSON with comments) as a cluster: one pool behind one PoolRoute or
 * HashRoute. What else routes can do (failover, shadows, prefixes …) is named, not dropped.
 */
import { type Placement, placementOf } from '../ring/placement.ts'
import { parseAddress } from './address.ts'
import { mappingOf } from './import-nutcracker.ts'
import { type Imported, type ImportedNode, clusterNameOf, ImportSource } from './imported.ts'
import { type Path, quote } from './problems.ts'
import { YamlSource } from './yaml-source.ts'

const NODE_COUNT_MAX = 500
/** WeightedCh3HashFunc.cpp, for servers beyond the list of weights. */
const MISSING_WEIGHT = 0.5

type Fields = Record<string, unknown>
/** The pool that keys go to, and how they are hashed. */
type Route = { readonly pool: string; readonly hash: Hash; readonly path: Path }
type Hash = { readonly placement: Placement; readonly weights: readonly number[] | undefined }

export function importMcrouter(text: string): Imported {
  // JSON is YAML but for comments and tabs; blanks in their place move nothing.
  const input = new ImportSource(new YamlSource(withoutComments(text), {}))
  const data = mappingOf(input.source.data)
  if (data === undefined) {
    if (input.source.problems.length === 0) input.problem([], 'found no object, expected one')
    return input.result(undefined)
  }
  refuseOthers(input, [], data, ['pools', 'route', 'routes'])
  const route = readRoutes(input, data)
  if (route === undefined) return input.result(undefined)
  const pools = mappingOf(data['pools']) ?? {}
  const pool = mappingOf(pools[route.pool])
  if (pool === undefined) {
    const known = Object.keys(pools).join(', ')
    input.problem(route.path, `found pool ${quote(route.pool)}, expected one of ${known}`)
    return input.result(undefined)
  }
  for (const name of Object.keys(pools)) {
    if (name !== route.pool) input.note(['pools', name], 'is left out: nothing is routed to it')
  }
  return importPool(input, pool, route)
}

function importPool(input: ImportSource, pool: Fields, { pool: name, hash }: Route): Imported {
  const path = ['pools', name]
  refuseOthers(input, path, pool, [
    'servers',
    'protocol',
    'keep_routing_prefix',
    'server_timeout',
    'connect_timeout',
  ])
  const { protocol, keep_routing_prefix: keepPrefix } = pool
  if (protocol !== undefined && protocol !== 'ascii') {
    input.problem([...path, 'protocol'], `found ${quote(protocol)}, expected "ascii"`)
  }
  if (keepPrefix !== undefined && keepPrefix !== false) {
    input.problem([...path, 'keep_routing_prefix'], `found ${quote(keepPrefix)}, expected false`)
  }
  const nodes = readServers(input, [...path, 'servers'], pool['servers'], hash.weights)
  const timeout = (field: string): number | undefined =>
    input.number([...path, field], pool[field], 1, 600_000)
  return input.result(
    nodes && {
      name: clusterNameOf(name),
      placement: hash.placement,
      nodes,
      listen: undefined,
      connectionsPerNode: undefined,
      connectTimeoutMs: timeout('connect_timeout'),
      requestTimeoutMs: timeout('server_timeout'),
    },
  )
}

function readRoutes(input: ImportSource, data: Fields): Route | undefined {
  if (data['routes'] === undefined) return readRoute(input, ['route'], data['route'])
  const { routes } = data
  const path = ['routes']
  if (!Array.isArray(routes) || routes.length !== 1) {
    const found = Array.isArray(routes) ? `${routes.length} routes` : quote(routes)
    return input.problem(path, `found ${found}, expected one: keys are not routed by prefix here`)
  }
  const entry = mappingOf(routes[0])
  if (entry === undefined) return input.problem([...path, 0], 'expected an object with a route')
  refuseOthers(input, [...path, 0], entry, ['aliases', 'route'])
  if (entry['aliases'] !== undefined) {
    input.note([...path, 0, 'aliases'], 'are left out: prefixes of keys are not taken off')
  }
  return readRoute(input, [...path, 0, 'route'], entry['route'])
}

/** `"PoolRoute|A"`, or an object of type PoolRoute, or of HashRoute over `"Pool|A"`. */
function readRoute(input: ImportSource, path: Path, value: unknown): Route | undefined {
  const expected = 'expected a PoolRoute, or a HashRoute over a pool'
  const short = typeof value === 'string' ? /^PoolRoute\|([^|]+)$/.exec(value)?.[1] : undefined
  if (short !== undefined) return { pool: short, hash: hashOf('Ch3')!, path }
  const route = mappingOf(value)
  if (route === undefined) return input.problem(path, `found ${quote(value)}, ${expected}`)
  const { type, pool, children } = route
  if (type === 'PoolRoute' && typeof pool === 'string') {
    refuseOthers(input, path, route, ['type', 'pool', 'hash'])
    const hash = readHash(input, [...path, 'hash'], route['hash'] ?? 'Ch3')
    return hash && { pool, hash, path: [...path, 'pool'] }
  }
  const child = typeof children === 'string' ? /^Pool\|([^|]+)$/.exec(children)?.[1] : undefined
  if (type === 'HashRoute' && child !== undefined) {
    refuseOthers(input, path, route, ['type', 'children', 'hash_func', 'salt', 'weights'])
    const { type: _, children: __, ...fields } = route
    const hash = readHash(input, path, fields)
    return hash && { pool: child, hash, path: [...path, 'children'] }
  }
  return input.problem([...path, 'type'], `found ${quote(type)}, ${expected}`)
}

/** A name, or an object with `hash_func` and what goes with it. */
function readHash(input: ImportSource, path: Path, value: unknown): Hash | undefined {
  const fields: Fields = typeof value === 'string' ? { hash_func: value } : (mappingOf(value) ?? {})
  refuseOthers(input, path, fields, ['hash_func', 'weights', 'salt'])
  const { hash_func: name = 'Ch3', salt, weights } = fields
  if (salt !== undefined && salt !== '') {
    return input.problem([...path, 'salt'], `found ${quote(salt)}, expected none`)
  }
  const hash = hashOf(name)
  if (hash === undefined) {
    const expected = 'expected Ch3, WeightedCh3 or Crc32'
    return input.problem([...path, 'hash_func'], `found ${quote(name)}, ${expected}`)
  }
  if (name !== 'WeightedCh3') return hash
  const isRight = Array.isArray(weights) && weights.every(isFraction)
  if (isRight) return { ...hash, weights: weights as number[] }
  return input.problem([...path, 'weights'], 'expected a list of numbers of 0 to 1')
}

function hashOf(name: unknown): Hash | undefined {
  if (name === 'Ch3' || name === 'WeightedCh3') {
    return { placement: placementOf('mcrouter-ch3', {}), weights: undefined }
  }
  if (name !== 'Crc32') return undefined
  const fields = { client: 'mcrouter', hash_stop: '|#|' }
  return { placement: placementOf('modulo', fields), weights: undefined }
}

function isFraction(weight: unknown): boolean {
  return typeof weight === 'number' && weight >= 0 && weight <= 1
}

function readServers(
  input: ImportSource,
  path: Path,
  list: unknown,
  weights: readonly number[] | undefined,
): ImportedNode[] | undefined {
  if (!Array.isArray(list) || list.length < 1 || list.length > NODE_COUNT_MAX) {
    const found = Array.isArray(list) ? `${list.length} servers` : quote(list)
    return input.problem(path, `found ${found}, expected a list of 1 to ${NODE_COUNT_MAX}`)
  }
  return list.flatMap((item: unknown, at) => {
    const weight = weights === undefined ? 1 : (weights[at] ?? MISSING_WEIGHT)
    const text = typeof item === 'string' ? item.replace(/:ascii(:plain)?$/, '') : ''
    try {
      return [{ name: undefined, address: parseAddress(text), weight }]
    } catch {
      const expected = 'expected "host:port", in ASCII and without TLS'
      input.problem([...path, at], `found ${quote(item)}, ${expected}`)
      return []
    }
  })
}

function refuseOthers(input: ImportSource, path: Path, fields: Fields, taken: string[]): void {
  for (const field of Object.keys(fields)) {
    if (taken.includes(field)) continue
    const below = [...path, field]
    const expected = `expected nothing but ${taken.join(', ')}`
    input.source.addProblem(
      below,
      `cannot be translated, ${expected}`,
      input.source.positionOfKey(below),
    )
  }
}

/** Blanks for comments and tabs outside of strings. */
function withoutComments(text: string): string {
  const parts = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\/|\t/g
  return text.replaceAll(parts, part =>
    part.startsWith('"') ? part : part.replaceAll(/[^\n]/g, ' '),
  )
}
