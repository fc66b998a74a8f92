// Golden vectors of each client itself: servers 10.0.0.1 … n on port 11211 unless said otherwise,
// keys key0 … key99999. Where mcrouter's and folly's own tests have numbers, they are those.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, it, test } from 'vitest'
import { fullLabel, ringLabel } from '../../../src/ring/label.ts'
import type { RingNode } from '../../../src/ring/nodes.ts'
import {
  formatPlacement,
  nodeLabel,
  type Placement,
  parsePlacement,
} from '../../../src/ring/placement.ts'
import { presetNames } from '../../../src/ring/presets.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { goldenOf, hosts, locateText, pointCounts } from './support.ts'

function build(placement: string, nodes: readonly RingNode[]): Ring {
  return Ring.build(parsePlacement(placement), nodes)
}

/** As the preset calls nodes that have no name. */
function labelled(placement: string, count: number): RingNode[] {
  return Array.from({ length: count }, (_, i) => ({
    label: nodeLabel(parsePlacement(placement), { host: `10.0.0.${i + 1}`, port: 11211 }),
    weight: 1,
  }))
}

function firstTen(ring: Ring): string {
  return Array.from({ length: 10 }, (_, i) => locateText(ring, `key${i}`)).join(' ')
}

/** Two nodes, the first of a weight. */
function pair(weight: number): RingNode[] {
  return [
    { label: 'a', weight },
    { label: 'b', weight: 1 },
  ]
}

function places(count: number, weight: number): RingNode[] {
  return Array.from({ length: count }, (_, i) => ({ label: `n${i}`, weight }))
}

/** How many of the keys 0, 1, 2 … each node gets. */
function counts(weights: readonly number[], keyCount: number): number[] {
  const nodes = weights.map((weight, i) => ({ label: `n${i}`, weight }))
  const ring = Ring.build('mcrouter-ch3', nodes)
  const found = weights.map(() => 0)
  for (let i = 0; i < keyCount; i += 1) {
    const owner = locateText(ring, String(i))
    found[owner] = found[owner]! + 1
  }
  return found
}

describe('golden placements of key0 to key9', () => {
  it.each([
    ['ketama', 3, '1 0 2 2 0 2 0 0 0 2'],
    ['ketama-unweighted', 3, '0 0 1 2 2 1 2 1 0 0'],
    ['spymemcached', 3, '2 0 2 0 1 0 2 2 1 0'],
    ['aws-java', 3, '1 0 2 1 0 2 2 2 0 2'],
    ['mcrouter-ch3', 3, '0 2 0 1 2 2 1 0 1 0'],
    ['mcrouter-ch3', 10, '7 2 4 5 8 3 1 8 7 6'],
    ['memcached-proxy', 3, '1 0 2 1 2 1 2 1 2 1'],
    ['memcached-proxy', 10, '1 4 2 8 8 9 8 1 4 1'],
  ])('%s over %i nodes', (placement, count, golden) => {
    expect(firstTen(build(placement, labelled(placement, count)))).toBe(golden)
  })
})

describe('golden placements of 100,000 keys', () => {
  it.each([
    ['ketama-unweighted', '00381861d757a190'],
    ['ketama-unweighted,hash=md5', '7ceec68562ac8f4f'],
    ['ketama,hash=fnv1a_64', '708c502eb1676874'],
    ['twemproxy', '708c502eb1676874'],
    ['twemproxy,hash=md5', '77b84730bcb7956a'],
    ['spymemcached,labels=host', '77b84730bcb7956a'],
  ])('%s over 3 nodes', (placement, golden) => {
    expect(goldenOf(build(placement, labelled(placement, 3)))).toBe(golden)
  })
})

describe('points', () => {
  it('are 100 a node without weights, and libmemcached’s MD5 ring with one', () => {
    expect(pointCounts(build('ketama-unweighted', hosts(3)))).toEqual([100, 100, 100])
    const nodes = hosts(3).map((node, i) => ({ ...node, weight: i + 1 }))
    const ring = build('ketama-unweighted', nodes)
    expect(pointCounts(ring)).toEqual([80, 160, 240])
    expect(goldenOf(ring)).toBe(goldenOf(build('ketama,hash=one_at_a_time', nodes)))
  })

  it('are 160 a node for spymemcached, however many there are', () => {
    const nodes = labelled('spymemcached', 25)
    expect(pointCounts(build('spymemcached', nodes))[24]).toBe(160)
    expect(pointCounts(build('spymemcached,hash=fnv1a_32', nodes))[24]).toBe(160)
    expect(pointCounts(build('ketama', nodes))[24]).toBe(156)
  })
})

describe('mcrouter’s own numbers', () => {
  const tenth = [0.429, 0.541, 0.117, 0.998, 0.283, 0.065, 0.109, 0.042, 0.676, 0.943]

  it('Ch3HashTest', () => {
    expect(locateText(Ring.build('mcrouter-ch3', places(100, 1)), 'sample')).toBe(97)
    expect(locateText(Ring.build('mcrouter-ch3', places(100, 1)), '')).toBe(72)
    expect(counts([1, 1, 1], 1000)).toEqual([307, 342, 351])
    const even = [995, 955, 1046, 968, 1032, 972, 1016, 1038, 1010, 968]
    expect(counts(tenth.fill.call([...tenth], 1), 10_000)).toEqual(even)
  })

  it('WeightedCh3HashFuncTest', () => {
    expect(counts([1, 1, 0.7], 1000)).toEqual([341, 371, 288])
    expect(counts(tenth, 10_000)).toEqual([1016, 1252, 288, 2354, 661, 195, 247, 122, 1668, 2197])
    const nothing = Ring.build('mcrouter-ch3', places(100, 0))
    expect(locateText(nothing, 'sample')).toBe(59)
    expect(locateText(nothing, '')).toBe(45)
  })

  it('hashes what stands before |#|', () => {
    const ring = build('mcrouter-ch3', hosts(50))
    for (const key of ['sample', '', 'a|', '|', 'a#|']) {
      expect(locateText(ring, `${key}|#|more|#|`)).toBe(locateText(ring, key))
    }
    const whole = Array.from({ length: 20 }, (_, i) => locateText(ring, `sample|#${i}`))
    expect(new Set(whole).size).toBeGreaterThan(5)
  })
})

describe('hash_tag', () => {
  const ring = build('twemproxy,hash_tag={}', hosts(50))
  it.each([
    ['a{user1}b', 'user1'],
    ['{user1}', 'user1'],
    ['{user1}{user2}', 'user1'],
    ['a{{b}', '{b'],
    ['}{x}', 'x'],
  ])('hashes of %s only %s', (key, hashed) => {
    expect(locateText(ring, key)).toBe(locateText(build('twemproxy', hosts(50)), hashed))
  })

  it.each(['a{}b', 'a{b', 'a}b{', '{', '', 'plain'])('hashes all of %j', key => {
    expect(locateText(ring, key)).toBe(locateText(build('twemproxy', hosts(50)), key))
  })

  it.each(presetNames)('is for %s too', preset => {
    const tagged = Ring.build({ preset, hashTag: '[]' }, hosts(50))
    const owners = Array.from({ length: 40 }, (_, i) => locateText(tagged, `${i}[same]${i}`))
    expect(new Set(owners)).toEqual(new Set([locateText(tagged, 'same')]))
  })
})

/** lib/dalli/ring.rb, line by line, with Node's own SHA-1 and CRC-32. */
function dalliOwner(key: string, nodes: readonly RingNode[]): number {
  const total = nodes.reduce((sum, node) => sum + node.weight, 0)
  const entries = nodes.flatMap(({ label, weight }, index) => {
    const count = Math.floor((nodes.length * 160 * weight) / total)
    return Array.from({ length: count }, (_, i) => {
      const digest = createHash('sha1').update(`${label}:${i}`).digest('hex')
      return { value: Number.parseInt(digest.slice(0, 8), 16), index }
    })
  })
  entries.sort((one, other) => one.value - other.value)
  const hash = crc32(key)
  // Past the end of an array Ruby counts from its end.
  return (entries.findLast(({ value }) => value <= hash) ?? entries.at(-1)!).index
}

test.each([
  ['equal nodes', [1, 1, 1]],
  ['weights', [1, 4, 2, 3]],
])('dalli places keys as its source says: %s', (_, weights) => {
  const nodes = weights.map((weight, i) => ({ label: `10.0.0.${i}:11211`, weight }))
  const ring = build('dalli', nodes)
  for (let i = 0; i < 300; i += 1) {
    const key = `kéy:${i * 7919}`
    expect(locateText(ring, key)).toBe(dalliOwner(key, nodes))
  }
})

describe('twemproxy modula', () => {
  it('takes servers by the length of their name, then by name, a slot a weight', () => {
    const nodes = [
      { label: 'longest', weight: 1 },
      { label: 'b', weight: 2 },
      { label: 'a', weight: 1 },
    ]
    const ring = build('twemproxy,distribution=modula', nodes)
    expect(ring.plan.lookup).toEqual({ kind: 'slots', owners: Uint16Array.of(2, 1, 1, 0) })
    expect(ring.shares()).toEqual([0.25, 0.5, 0.25])
  })

  it('refuses weights beyond a million together', () => {
    expect(build('twemproxy,distribution=modula', pair(2 ** 20 - 1)).shares()[1]).toBe(2 ** -20)
    for (const weight of [2 ** 20, 2 ** 32 - 1]) {
      expect(() => build('twemproxy,distribution=modula', pair(weight))).toThrow(
        `Cannot build ring: weights of ${weight + 1} together, expected 1048576 at most`,
      )
    }
  })
})

describe('nodeLabel()', () => {
  const node = { host: 'h', port: 11211 }
  it.each([
    ['ketama', 'h'],
    ['twemproxy', 'h'],
    ['hashring', 'h'],
    ['spymemcached', 'h:11211'],
    ['spymemcached,labels=host', 'h'],
    ['aws-java', 'h:11211'],
    ['dalli', 'h:11211'],
    ['pymemcache', 'h:11211'],
  ])('%s calls it %s', (placement, label) => {
    expect(nodeLabel(parsePlacement(placement), node)).toBe(label)
    expect(nodeLabel(parsePlacement(placement), { ...node, name: 'own' })).toBe('own')
  })

  it('says the port where it is another', () => {
    expect(ringLabel('h', 11212)).toBe('h:11212')
    expect(fullLabel('::1', 11211)).toBe('::1:11211')
  })
})

describe('parsePlacement()', () => {
  it.each([
    'ketama',
    'twemproxy,hash=crc32a,hash_tag={},distribution=modula',
    'modulo,client=memjs',
    'memcached-proxy,seed=a=b',
    'mcrouter-ch3,hash_stop=##',
  ])('reads %s, and formatPlacement() writes it again', text => {
    expect(formatPlacement(parsePlacement(text))).toBe(text)
  })

  it.each([
    ['ring', 'Cannot use preset "ring": expected one of ketama, '],
    ['', 'Cannot use preset "": expected one of ketama, '],
    ['ketama,md5', 'expected name=value behind the preset, of hash, hash_tag, '],
    ['ketama,hash=sha1', 'Cannot use hash "sha1": expected one of md5, one_at_a_time, '],
    ['ketama,hash_tag={', 'Cannot use hash_tag "{": expected two characters, as "{}"'],
    ['ketama,hash_tag={}}', 'Cannot use hash_tag "{}}": expected two characters'],
    ['ketama,hash_stop=', 'Cannot use hash_stop "": expected 1 to 16 characters'],
    [`ketama,hash_stop=${'x'.repeat(17)}`, 'expected 1 to 16 characters'],
    ['ketama,hash_tag={},hash_stop=x', 'expected nothing beside hash_tag'],
    ['ketama,distribution=modula', 'expected nothing: ketama has no distribution'],
    ['twemproxy,distribution=random', 'expected one of ketama, modula'],
    ['mcrouter-ch3,hash=md5', 'expected nothing: mcrouter-ch3 has no other'],
    ['modulo,client=java', 'expected one of libmemcached, php, memjs, gomemcache, mcrouter'],
    [`memcached-proxy,seed=${'x'.repeat(251)}`, 'expected 1 to 250 characters of ASCII'],
  ])('refuses %s', (text, message) => {
    expect(() => parsePlacement(text)).toThrow(message)
  })
})

describe('weights', () => {
  it.each(['modulo', 'pymemcache', 'memcached-proxy'])('%s knows none', preset => {
    expect(() => build(preset, pair(2))).toThrow(
      'Cannot build ring: weight 2 of "a", expected 1: this placement knows no weights',
    )
  })

  it.each([-0.1, 1.1, 2, Number.NaN])('mcrouter-ch3 refuses %d', weight => {
    const placement: Placement = { preset: 'mcrouter-ch3' }
    expect(() => Ring.build(placement, pair(weight))).toThrow('expected a number from 0 to 1')
  })
})
