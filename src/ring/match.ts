/**
 * Which placement explains where keys live: every preset, with every hash that it may have, is
 * asked for each key. Placements that name the same node for every key are one answer.
 */
import type { KeyHashName } from './hash/key-hashes.ts'
import { isWeight, type RingNode } from './nodes.ts'
import { nodeLabel, type Placement, weightsOf } from './placement.ts'
import { labelForms, moduloClients, presetNames } from './presets.ts'
import { Ring } from './ring.ts'

export type MatchNode = {
  readonly name: string | undefined
  readonly host: string
  readonly port: number
  readonly weight: number
}

/** A key, and the node that has it, by its index. */
export type Sighting = { readonly key: Uint8Array; readonly node: number }

export type Candidate = {
  readonly placement: Placement
  /** Nodes by what they are called, or by where they are. */
  readonly labels: 'name' | 'address'
  readonly order: 'given' | 'sorted'
}

export type Match = { readonly explained: number; readonly candidates: readonly Candidate[] }

/** Best first. @throws RangeError for nodes that make no ring. */
export function matchPlacements(
  nodes: readonly MatchNode[],
  sightings: readonly Sighting[],
): Match[] {
  const byOwners = new Map<string, { explained: number; candidates: Candidate[] }>()
  for (const candidate of candidatesFor(nodes)) {
    const owners = ownersBy(candidate, nodes, sightings)
    const signature = Buffer.from(owners.buffer).toString('latin1')
    const same = byOwners.get(signature)
    if (same !== undefined) same.candidates.push(candidate)
    else {
      const explained = sightings.filter(({ node }, at) => owners[at] === node).length
      byOwners.set(signature, { explained, candidates: [candidate] })
    }
  }
  return [...byOwners.values()].sort((one, other) => other.explained - one.explained)
}

/** What each client lets one choose: no other combination is in use. */
const fnv = ['fnv1_64', 'fnv1a_64', 'fnv1_32', 'fnv1a_32'] as const
const java = [...fnv, 'crc32'] as const
const libhashkit = [...java, 'md5', 'one_at_a_time', 'hsieh', 'murmur', 'jenkins'] as const
const nutcracker = [...libhashkit, 'crc16', 'crc32a'] as const

/** The simplest first, so that of equal ones the simplest is named. */
function candidatesFor(nodes: readonly MatchNode[]): Candidate[] {
  const isNamed = nodes.some(({ name }) => name !== undefined)
  const isSorted = sorted(nodes).every((at, place) => at === place)
  return placements().flatMap(placement => {
    if (isByOrder(placement)) {
      const given: Candidate = { placement, labels: 'address', order: 'given' }
      return isSorted ? [given] : [given, { ...given, order: 'sorted' }]
    }
    const address: Candidate = { placement, labels: 'address', order: 'given' }
    return isNamed ? [{ ...address, labels: 'name' } satisfies Candidate, address] : [address]
  })
}

function isByOrder({ preset }: Placement): boolean {
  return ['modulo', 'mcrouter-ch3', 'memcached-proxy'].includes(preset)
}

/** Plain presets before those with options. */
function placements(): Placement[] {
  const plain = presetNames.map((preset): Placement => ({ preset }))
  return [
    ...plain,
    ...moduloClients.map((client): Placement => ({ preset: 'modulo', client })),
    ...labelForms.flatMap((labels): Placement[] => [
      { preset: 'spymemcached', labels },
      { preset: 'aws-java', labels },
    ]),
    { preset: 'twemproxy', distribution: 'modula' },
    ...hashed({ preset: 'ketama' }, libhashkit),
    ...hashed({ preset: 'ketama-unweighted' }, libhashkit),
    ...hashed({ preset: 'modulo' }, [...libhashkit, 'crc32a']),
    ...hashed({ preset: 'twemproxy' }, nutcracker),
    ...hashed({ preset: 'twemproxy', distribution: 'modula' }, nutcracker),
    ...hashed({ preset: 'spymemcached' }, java),
    ...hashed({ preset: 'aws-java' }, java),
  ]
}

function hashed(placement: Placement, hashes: readonly KeyHashName[]): Placement[] {
  return hashes.map(hash => ({ ...placement, hash }))
}

function ownersBy(
  { placement, labels, order }: Candidate,
  nodes: readonly MatchNode[],
  sightings: readonly Sighting[],
): Uint16Array {
  const kind = weightsOf(placement)
  const isWeighted = nodes.every(({ weight }) => isWeight(weight, kind))
  const places = order === 'sorted' ? sorted(nodes) : [...nodes.keys()]
  const ringNodes = places.map((at): RingNode => {
    const { name, host, port, weight } = nodes[at]!
    const label = nodeLabel(placement, { name: labels === 'name' ? name : undefined, host, port })
    // A client that knows no weights has not been told any.
    return { label, weight: isWeighted ? weight : 1 }
  })
  const ring = Ring.build(placement, ringNodes)
  return Uint16Array.from(sightings, ({ key }) => places[ring.locate(key, 0, key.length)]!)
}

/** The nodes' indexes in the order of their addresses as text. */
function sorted(nodes: readonly MatchNode[]): number[] {
  const texts = nodes.map(({ host, port }) => `${host}:${port}`)
  return [...nodes.keys()].sort((one, other) => {
    return texts[one]! < texts[other]! ? -1 : texts[one]! > texts[other]! ? 1 : 0
  })
}
