// Every placement that a client or proxy on this machine has, against that client itself: which of
// the nodes it names for each key. libmemcached through ctypes, pymemcache's hasher, npm memcached's
// ring, memjs; twemproxy as a process in front of servers that say who they are.

import Memcached from 'memcached'
import { Client as Memjs } from 'memjs'
import { expect, test } from 'vitest'
import { nodeLabel, parsePlacement } from '../../src/ring/placement.ts'
import { Ring } from '../../src/ring/ring.ts'
import { askNutcracker } from './nutcracker.ts'
import { runScript } from './scripts.ts'

const KEY_COUNT = 10_000

type Address = { readonly host: string; readonly port: number; readonly weight: number }

/** As the Python script makes them. */
const keys = Array.from({ length: KEY_COUNT }, (_, at) => {
  const key = `key:${at}:${(at * 7919) % 104729}`
  return at < KEY_COUNT / 2 ? key : `ключ-é-${key}`
})

function addresses(count: number, weights: readonly number[] = [1]): Address[] {
  return Array.from({ length: count }, (_, at) => ({
    host: `10.0.${at >> 6}.${at + 1}`,
    port: at % 2 === 0 ? 11211 : 11300 + at,
    weight: weights[at % weights.length]!,
  }))
}

function ringOf(placement: string, nodes: readonly (Address & { name?: string })[]): Ring {
  const parsed = parsePlacement(placement)
  const labelled = nodes.map(node => ({ label: nodeLabel(parsed, node), weight: node.weight }))
  return Ring.build(parsed, labelled)
}

function owners(ring: Ring, of: readonly string[] = keys): number[] {
  return of.map(key => {
    const bytes = Buffer.from(key)
    return ring.locate(bytes, 0, bytes.length)
  })
}

/** The owners of all keys, for each configuration. */
async function askPython(client: string, configs: readonly object[]): Promise<unknown[]> {
  const args = [client, JSON.stringify(configs), String(KEY_COUNT)]
  const { status, stdout, stderr } = await runScript('python', 'placement_oracle', args)
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as unknown[]
}

/** libmemcached/memcached.h: behaviors and their values. */
const HASH = 2
const DISTRIBUTION = 9
const KETAMA = 3
const KETAMA_WEIGHTED = 16
const hashes = {
  one_at_a_time: 0,
  md5: 1,
  crc32: 2,
  fnv1_64: 3,
  fnv1a_64: 4,
  fnv1_32: 5,
  fnv1a_32: 6,
  murmur: 8,
  jenkins: 9,
} as const
const hashNames = Object.keys(hashes) as readonly (keyof typeof hashes)[]

type Case = readonly [placement: string, behaviors: readonly (readonly [number, number])[]]
const cases: readonly Case[] = [
  ['ketama', [[KETAMA_WEIGHTED, 1]]],
  ['ketama-unweighted', [[DISTRIBUTION, 1]]],
  ['ketama-unweighted', [[KETAMA, 1]]],
  ['modulo', []],
  ...hashNames.map(
    (name): Case => [
      `ketama-unweighted,hash=${name}`,
      [
        [DISTRIBUTION, 1],
        [HASH, hashes[name]],
      ],
    ],
  ),
  ...hashNames.map((name): Case => [`modulo,hash=${name}`, [[HASH, hashes[name]]]]),
]

test.each(cases)('libmemcached: %s', async (placement, behaviors) => {
  const sets = [addresses(2), addresses(7), addresses(25)]
  if (!placement.startsWith('modulo')) sets.push(addresses(5, [1, 3, 2]))
  const configs = sets.map(nodes => ({ behaviors, nodes: nodes.map(listed) }))
  const expected = await askPython('libmemcached', configs)
  expect(sets.map(nodes => owners(ringOf(placement, nodes)))).toEqual(expected)
})

test.each([
  ['modulo,client=php', []],
  ['ketama-unweighted', [['OPT_DISTRIBUTION', 'DISTRIBUTION_CONSISTENT']]],
  ['ketama', [['OPT_LIBKETAMA_COMPATIBLE', true]]],
  [
    'ketama-unweighted,hash=fnv1a_64',
    [
      ['OPT_DISTRIBUTION', 'DISTRIBUTION_CONSISTENT'],
      ['OPT_HASH', 'HASH_FNV1A_64'],
    ],
  ],
])('php-memcached: %s', async (placement, options) => {
  const sets = [addresses(3), addresses(7)]
  const configs = sets.map(nodes => ({ options, nodes: nodes.map(listed) }))
  const args = [JSON.stringify(configs), String(KEY_COUNT)]
  const { status, stdout, stderr } = await runScript('php', 'placement_oracle', args)
  expect(status, stderr + stdout).toBe(0)
  expect(sets.map(nodes => owners(ringOf(placement, nodes)))).toEqual(JSON.parse(stdout))
})

test('pymemcache', async () => {
  const sets = [addresses(2), addresses(3), addresses(7)]
  const expected = await askPython(
    'pymemcache',
    sets.map(nodes => ({ nodes: nodes.map(listed) })),
  )
  expect(sets.map(nodes => owners(ringOf('pymemcache', nodes)))).toEqual(expected)
})

function listed({ host, port, weight }: Address): [string, number, number] {
  return [host, port, weight]
}

test.each([
  [3, [1]],
  [7, [1]],
  [25, [1]],
  [4, [1, 2, 5, 3]],
])('npm memcached over %i nodes, weights %j', (count, weights) => {
  const nodes = addresses(count, weights)
  const names = nodes.map(({ host, port }) => `${host}:${port}`)
  const servers = weights.length === 1 ? names : weightsOf(names, nodes)
  const client = new Memcached(servers as string[])
  const { HashRing } = client as unknown as { HashRing: { get(key: string): string } }
  // With the default port left away, the ring's names are those of the nodes.
  const labels = nodes.map(node => nodeLabel({ preset: 'hashring' }, node))
  const expected = keys.map(key => {
    const name = HashRing.get(key)
    return Math.max(labels.indexOf(name), names.indexOf(name))
  })
  client.end()
  expect(owners(ringOf('hashring', nodes))).toEqual(expected)
})

function weightsOf(names: readonly string[], nodes: readonly Address[]): Record<string, number> {
  return Object.fromEntries(names.map((name, at) => [name, nodes[at]!.weight]))
}

test.each([2, 3, 10])('memjs over %i nodes', count => {
  const nodes = addresses(count)
  const client = Memjs.create(nodes.map(({ host, port }) => `${host}:${port}`).join(','))
  const { getServer } = client as unknown as { getServer: (key: string) => number }
  const wide = [...keys, '😀', 'a😀b', '\u07ff\u0800\uffff']
  expect(owners(ringOf('modulo,client=memjs', nodes), wide)).toEqual(
    wide.map(key => getServer.call({ servers: nodes }, key)),
  )
  client.close()
})

type NutcrackerPool = { hash: string; distribution: string; hash_tag?: string }

const nutcrackerHashes =
  'one_at_a_time md5 crc16 crc32 crc32a fnv1_64 fnv1a_64 fnv1_32 fnv1a_32 hsieh murmur jenkins'
const pools: readonly NutcrackerPool[] = [
  ...nutcrackerHashes.split(' ').map(hash => ({ hash, distribution: 'ketama' })),
  { hash: 'fnv1a_64', distribution: 'modula' },
  { hash: 'md5', distribution: 'ketama', hash_tag: '{}' },
  { hash: 'crc32a', distribution: 'modula', hash_tag: '$$' },
]

test('twemproxy: every hash, both distributions, weights, names, hash tags', async () => {
  const nodes = [
    { name: 'zebra', weight: 1 },
    { name: 'b', weight: 3 },
    { name: 'aa', weight: 2 },
    { name: 'node-4', weight: 1 },
    { name: 'a', weight: 1 },
  ]
  const asked = keys
    .filter((_, at) => at % 10 === 0)
    .map((key, at) => (at % 3 === 0 ? `${key}{t${at}}$u${at}$x` : key))
    .concat('{}', 'x{}y', '{a', '}a{', '{{a}}', '$$', '$a', 'a$b$c$d$')
  const answers = await askNutcracker(pools, nodes, asked)
  pools.forEach((pool, at) => {
    const tag = pool.hash_tag === undefined ? '' : `,hash_tag=${pool.hash_tag}`
    const placement = `twemproxy,hash=${pool.hash},distribution=${pool.distribution}${tag}`
    const ring = ringOf(
      placement,
      nodes.map(node => ({ ...node, host: '127.0.0.1', port: 1 })),
    )
    expect([placement, answers[at]]).toEqual([placement, owners(ring, asked)])
  })
})
