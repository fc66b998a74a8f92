/**
 * The placement presets: each is what a client or a proxy does with the same nodes, to the key.
 * A row says what a preset takes; `placement.ts` reads and checks it.
 */
import { type Continuum, withoutTies } from './continuum.ts'
import { dalliContinuum } from './dalli.ts'
import { type KeyHashName, keyHashes } from './hash/key-hashes.ts'
import { words } from './hash/u64.ts'
import { xxh3 } from './hash/xxh3.ts'
import { hashringContinuum } from './hashring-preset.ts'
import {
  type Digest,
  evenContinuum,
  hashContinuum,
  ketamaContinuum,
  md5Digest,
  sha384Digest,
} from './ketama.ts'
import { fullLabel, ringLabel } from './label.ts'
import type { Lookup } from './lookup.ts'
import type { RingNode, WeightKind } from './nodes.ts'

export const distributions = ['ketama', 'modula'] as const
export const moduloClients = ['libmemcached', 'php', 'memjs', 'gomemcache', 'mcrouter'] as const
export const labelForms = ['host:port', 'host'] as const

/** What may be said of a placement beside its preset; all of it optional. */
export type PlacementOptions = {
  /** The hash of keys. */
  readonly hash?: KeyHashName
  readonly hashTag?: string
  readonly hashStop?: string
  /** twemproxy's `distribution:`. */
  readonly distribution?: (typeof distributions)[number]
  /** Whose modulo. */
  readonly client?: (typeof moduloClients)[number]
  /** How a node without a name is called: `host` leaves port 11211 away. */
  readonly labels?: (typeof labelForms)[number]
  /** memcached's proxy: `seed` of a pool. */
  readonly seed?: string
}

export type Preset = {
  readonly summary: string
  /** The hash of keys where none is said; undefined: the preset has one of its own. */
  readonly hash: KeyHashName | ((options: PlacementOptions) => KeyHashName) | undefined
  readonly weights: WeightKind
  /** What it takes beside `hash`, `hashTag` and `hashStop`. */
  readonly takes: readonly (keyof PlacementOptions)[]
  readonly hashStop?: string
  readonly label: (host: string, port: number) => string
  readonly build: (nodes: readonly RingNode[], options: PlacementOptions) => Lookup
}

const clientHashes = {
  libmemcached: 'one_at_a_time',
  php: 'one_at_a_time',
  memjs: 'java',
  gomemcache: 'crc32a',
  mcrouter: 'crc32_31',
} as const satisfies Record<string, KeyHashName>

/** libmemcached's CONSISTENT (`MEMCACHED_POINTS_PER_SERVER`) and spymemcached's. */
const LIBMEMCACHED_POINTS = 100
const SPYMEMCACHED_POINTS = 160
const MODULA_SLOTS_MAX = 1 << 20

export const presets = {
  ketama: {
    summary: 'libmemcached ketama_weighted (pylibmc, PHP OPT_LIBKETAMA_COMPATIBLE)',
    hash: 'md5',
    weights: 'whole',
    takes: [],
    label: ringLabel,
    build: nodes => successor(ketamaContinuum(nodes)),
  },
  'ketama-unweighted': {
    summary: 'libmemcached consistent (pylibmc ketama, PHP DISTRIBUTION_CONSISTENT)',
    hash: 'one_at_a_time',
    weights: 'whole',
    takes: [],
    label: ringLabel,
    build: (nodes, { hash = 'one_at_a_time' }) => {
      // As libmemcached: with a weight the ring is of MD5, and the hash of keys stays.
      if (nodes.some(node => node.weight > 1)) return successor(ketamaContinuum(nodes))
      return successor(hashContinuum(nodes, keyHashes[hash], LIBMEMCACHED_POINTS))
    },
  },
  twemproxy: {
    summary: 'twemproxy (nutcracker): distribution ketama or modula',
    hash: 'fnv1a_64',
    weights: 'whole',
    takes: ['distribution'],
    label: ringLabel,
    build: (nodes, { distribution }) => {
      return distribution === 'modula' ? modula(nodes) : successor(ketamaContinuum(nodes))
    },
  },
  hashring: {
    summary: 'npm hashring, npm memcached',
    hash: 'md5',
    weights: 'whole',
    takes: [],
    label: ringLabel,
    build: nodes => successor(hashringContinuum(nodes)),
  },
  spymemcached: {
    summary: 'spymemcached KetamaConnectionFactory (Java)',
    hash: 'md5',
    weights: 'whole',
    takes: ['labels'],
    label: fullLabel,
    build: (nodes, options) => spymemcached(nodes, options, 'md5', md5Digest),
  },
  'aws-java': {
    summary: 'AWS ElastiCache client for Java since 1.2.0, KetamaConnectionFactory',
    hash: 'sha384',
    weights: 'whole',
    takes: ['labels'],
    label: fullLabel,
    build: (nodes, options) => spymemcached(nodes, options, 'sha384', sha384Digest),
  },
  modulo: {
    summary: 'hash modulo nodes, in their order: libmemcached, PHP, memjs, gomemcache, mcrouter',
    hash: ({ client }) => clientHashes[client ?? 'libmemcached'],
    weights: 'none',
    takes: ['client'],
    label: ringLabel,
    build: nodes => ({ kind: 'slots', owners: Uint16Array.from(nodes.keys()) }),
  },
  dalli: {
    summary: 'dalli (Ruby)',
    hash: 'crc32a',
    weights: 'whole',
    takes: [],
    label: fullLabel,
    build: nodes => {
      return { kind: 'continuum', step: 'predecessor', continuum: dalliContinuum(nodes) }
    },
  },
  pymemcache: {
    summary: 'pymemcache HashClient (rendezvous)',
    hash: 'murmur3',
    weights: 'none',
    takes: [],
    label: fullLabel,
    build: rendezvous,
  },
  'mcrouter-ch3': {
    summary: 'mcrouter Ch3, with weights WeightedCh3; by the order of nodes',
    hash: undefined,
    weights: 'fraction',
    takes: [],
    hashStop: '|#|',
    label: ringLabel,
    build: nodes => {
      const isEven = nodes.every(node => node.weight === 1)
      const weights = isEven ? undefined : Float64Array.from(nodes, node => node.weight)
      return { kind: 'tree', weights }
    },
  },
  'memcached-proxy': {
    summary: 'memcached’s own proxy: XXH3 and jump hash; by the order of nodes',
    hash: 'xxh3',
    weights: 'none',
    takes: ['seed'],
    label: ringLabel,
    build: (_, { seed = '' }) => {
      if (seed === '') return { kind: 'jump', seedLow: 0, seedHigh: 0 }
      const text = new TextEncoder().encode(seed)
      xxh3(text, 0, text.length, 0, 0)
      return { kind: 'jump', seedLow: words[0]!, seedHigh: words[1]! }
    },
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as readonly PresetName[]

/** Wider than the row, so that all presets have the same fields. */
export function presetOf(name: PresetName): Preset {
  return presets[name]
}

function successor(continuum: Continuum): Lookup {
  return { kind: 'continuum', step: 'successor', continuum }
}

/** A hash other than that of its digest gives one point a string, as spymemcached's others do. */
function spymemcached(
  nodes: readonly RingNode[],
  { hash }: PlacementOptions,
  own: KeyHashName,
  digest: Digest,
): Lookup {
  const build = (): Continuum => {
    if (nodes.some(node => node.weight !== 1)) return ketamaContinuum(nodes, digest)
    if (hash === undefined || hash === own) return evenContinuum(nodes, digest)
    return hashContinuum(nodes, keyHashes[hash], SPYMEMCACHED_POINTS)
  }
  return successor(withoutTies(build()))
}

/** twemproxy sorts its servers by name, short names first, and gives each a slot a weight. */
function modula(nodes: readonly RingNode[]): Lookup {
  const count = nodes.reduce((sum, node) => sum + Math.max(1, node.weight), 0)
  if (count > MODULA_SLOTS_MAX) {
    const expected = `expected ${MODULA_SLOTS_MAX} at most`
    throw new RangeError(`Cannot build ring: weights of ${count} together, ${expected}`)
  }
  const owners = [...nodes.entries()]
    .sort(([, one], [, other]) => compareNames(one.label, other.label))
    .flatMap(([index, { weight }]) => Array.from({ length: Math.max(1, weight) }, () => index))
  return { kind: 'slots', owners: Uint16Array.from(owners) }
}

function compareNames(one: string, other: string): number {
  return one.length - other.length || compareTexts(one, other)
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function rendezvous(nodes: readonly RingNode[]): Lookup {
  const parts = nodes.map(({ label }) => new TextEncoder().encode(`${label}-`))
  const ends = new Uint32Array(nodes.length)
  const ranks = new Uint16Array(nodes.length)
  let size = 0
  parts.forEach((part, node) => {
    size += part.length
    ends[node] = size
  })
  nodes
    .map(({ label }, node) => ({ label, node }))
    .sort((one, other) => compareTexts(one.label, other.label))
    .forEach(({ node }, rank) => {
      ranks[node] = rank
    })
  const labels = Uint8Array.from(parts.flatMap(part => [...part]))
  return { kind: 'rendezvous', labels, ends, ranks }
}
