// twemproxy's and mcrouter's configurations as cluster files: what is kept, what is said to be left
// out, what cannot be translated and where it stands.

import { describe, expect, test } from 'vitest'
import { importMcrouter } from '../../../src/cluster/import-mcrouter.ts'
import { importNutcracker } from '../../../src/cluster/import-nutcracker.ts'
import { clusterFileText, type Imported } from '../../../src/cluster/imported.ts'
import type { Problem } from '../../../src/cluster/problems.ts'
import { load, problemsOf } from './files.ts'

/** conf/nutcracker.yml of twemproxy, its first pool. */
const ALPHA = `alpha:
  listen: 127.0.0.1:22121
  hash: fnv1a_64
  distribution: ketama
  timeout: 400
  auto_eject_hosts: true
  server_retry_timeout: 2000
  server_failure_limit: 1
  servers:
   - 10.0.0.1:11211:1
   - 10.0.0.2:11212:2
   - 10.0.0.3:11211:1 server3
`

function textOf(imported: Imported): string {
  expect(imported.problems).toEqual([])
  return clusterFileText(imported.cluster!, 'test')
}

function shown(problems: readonly Problem[]): string[] {
  return problems.map(({ line, column, field, text }) => `${line}:${column}: ${field}: ${text}`)
}

describe('importNutcracker()', () => {
  test('keeps placement, names, weights, the listener and times', () => {
    const imported = importNutcracker(ALPHA, undefined)
    const { placement, nodes, router, name } = load(textOf(imported))
    expect(name).toBe('alpha')
    expect(placement).toEqual({ preset: 'twemproxy', hash: 'fnv1a_64', distribution: 'ketama' })
    expect(nodes.map(({ label, host, port, weight }) => [label, host, port, weight])).toEqual([
      ['10.0.0.1', '10.0.0.1', 11211, 1],
      ['10.0.0.2:11212', '10.0.0.2', 11212, 2],
      ['server3', '10.0.0.3', 11211, 1],
    ])
    expect(router).toMatchObject({
      listen: [{ host: '127.0.0.1', port: 22121 }],
      connectTimeoutMs: 400,
      requestTimeoutMs: 400,
    })
    expect(imported.notes.map(({ line, column, field }) => [line, column, field])).toEqual([
      [6, 21, 'auto_eject_hosts'],
      [7, 25, 'server_retry_timeout'],
      [8, 25, 'server_failure_limit'],
    ])
  })

  test('takes the pool that is asked for', () => {
    const two = `${ALPHA}beta:\n  listen: "0.0.0.0:1"\n  servers:\n   - "::1:11211:1 v6"\n`
    expect(shown(importNutcracker(two, undefined).problems)).toEqual([
      '1:1: : found 2 pools, expected --pool, one of alpha, beta',
    ])
    expect(shown(importNutcracker(two, 'gamma').problems)).toEqual([
      '1:1: : found no pool "gamma", expected --pool, one of alpha, beta',
    ])
    const beta = importNutcracker(two, 'beta')
    expect(beta.cluster).toMatchObject({ name: 'beta', placement: { preset: 'twemproxy' } })
    expect(beta.cluster?.nodes[0]?.address).toEqual({ host: '::1', port: 11211 })
    expect(shown(beta.notes)[0]).toMatch(/^14:11: listen: can be reached by everyone/)
    // It says so itself, and does not decide it.
    expect(problemsOf(textOf(beta))[0]).toContain('open to everyone who can reach it')
  })

  test.each([
    ['hash: fnv1a_64', 'hash: sha1', '3:9: alpha.hash: found "sha1", expected one of md5'],
    ['ketama', 'random', '4:17: alpha.distribution: found "random", expected one of ketama'],
    ['hash: fnv1a_64', 'hash_tag: "{"', '3:13: alpha.hash_tag: found "{", expected two char'],
    ['timeout: 400', 'redis: true', '5:10: alpha.redis: found true, expected memcached'],
    ['timeout: 400', 'tiemout: 4', '5:12: alpha.tiemout: found an unknown directive, did you me'],
    ['10.0.0.1:11211:1', '/tmp/a:1', '10:6: alpha.servers[0]: found "/tmp/a:1", expected a node'],
    ['10.0.0.1:11211:1', '10.0.0.1:11211', '10:6: alpha.servers[0]: found "10.0.0.1:11211", ex'],
    ['10.0.0.1:11211:1', '10.0.0.1:70000:1', '10:6: alpha.servers[0]: found "10.0.0.1:70000:1'],
    ['10.0.0.1:11211:1', '10.0.0.1:1:0', '10:6: alpha.servers[0]: found weight 0, expected 1 to'],
    ['10.0.0.1:11211:1', 'a:1:1001', '10:6: alpha.servers[0]: found weight 1001, expected 1 to'],
    ['server3', 'a+b', '12:6: alpha.servers[2]: found the name "a+b", expected letters'],
    ['127.0.0.1:22121', 'nowhere', '2:11: alpha.listen: found "nowhere", expected host:port'],
  ])('names the place of what it cannot translate: %s → %s', (from, to, expected) => {
    const { cluster, problems } = importNutcracker(ALPHA.replace(from, to), undefined)
    expect(cluster).toBeUndefined()
    const [first = ''] = shown(problems)
    expect(first.slice(0, expected.length)).toBe(expected)
    expect(problems).toHaveLength(1)
  })

  test.each([
    ['timeout: -1', 'timeout'],
    ['server_connections: 65', 'server_connections'],
    ['preconnect: true', 'preconnect'],
  ])('notes what it leaves out: %s', (directive, field) => {
    const { cluster, notes } = importNutcracker(ALPHA.replace('timeout: 400', directive), undefined)
    expect(notes.find(note => note.field === field)).toMatchObject({ line: 5 })
    expect(cluster?.requestTimeoutMs).toBeUndefined()
  })

  test.each(['', '- a', 'a: [', 'alpha: 1', 'alpha: { listen: "a:1" }'])('refuses %j', text => {
    const { cluster, problems } = importNutcracker(text, undefined)
    expect(cluster).toBeUndefined()
    expect(problems.length).toBeGreaterThan(0)
  })

  test.each([
    [1, true],
    [500, true],
    [501, false],
    [20_000, false],
  ])('%i servers', (count, fits) => {
    const servers = Array.from({ length: count }, (_, i) => `   - h${i}:1:1\n`).join('')
    const text = `a:\n  listen: "127.0.0.1:1"\n  servers:\n${servers}`
    expect(importNutcracker(text, undefined).cluster?.nodes.length).toBe(fits ? count : undefined)
  })
})

const SIMPLE = `{
  // the simplest of all
  "pools": {
\t"A": { "servers": [ "127.0.0.1:11311", "[::1]:11312", "cache-3:11313:ascii:plain", ],
      "server_timeout": 250 /* ms */ },
  },
  "route": "PoolRoute|A"
}`

describe('importMcrouter()', () => {
  test('keeps the pool behind a PoolRoute', () => {
    const imported = importMcrouter(SIMPLE)
    const { placement, nodes, router } = load(textOf(imported))
    expect(placement).toEqual({ preset: 'mcrouter-ch3' })
    expect(nodes.map(({ host, port, weight }) => [host, port, weight])).toEqual([
      ['127.0.0.1', 11311, 1],
      ['::1', 11312, 1],
      ['cache-3', 11313, 1],
    ])
    expect(router.requestTimeoutMs).toBe(250)
    expect(imported.notes).toEqual([])
  })

  test.each([
    ['{ "type": "PoolRoute", "pool": "A" }', [1, 1, 1]],
    ['{ "type": "PoolRoute", "pool": "A", "hash": "Ch3" }', [1, 1, 1]],
    ['{ "type": "HashRoute", "children": "Pool|A" }', [1, 1, 1]],
    [
      '{ "type": "PoolRoute", "pool": "A", "hash": ' +
        '{ "hash_func": "WeightedCh3", "weights": [1, 0.25] } }',
      [1, 0.25, 0.5],
    ],
    [
      '{ "type": "HashRoute", "children": "Pool|A", "hash_func": "WeightedCh3", ' +
        '"weights": [0.5, 0, 1, 1] }',
      [0.5, 0, 1],
    ],
  ])('%s', (route, weights) => {
    const { placement, nodes } = load(
      textOf(importMcrouter(SIMPLE.replace('"PoolRoute|A"', route))),
    )
    expect(placement).toEqual({ preset: 'mcrouter-ch3' })
    expect(nodes.map(node => node.weight)).toEqual(weights)
  })

  test('Crc32 is a modulo', () => {
    const route = '{ "type": "PoolRoute", "pool": "A", "hash": "Crc32" }'
    const { placement } = load(textOf(importMcrouter(SIMPLE.replace('"PoolRoute|A"', route))))
    expect(placement).toEqual({ preset: 'modulo', client: 'mcrouter', hashStop: '|#|' })
  })

  test('one route by prefix is taken, its prefixes are noted', () => {
    const routes = '"routes": [ { "aliases": ["/a/b/"], "route": "PoolRoute|A" } ]'
    const { cluster, notes } = importMcrouter(SIMPLE.replace('"route": "PoolRoute|A"', routes))
    expect(cluster?.nodes).toHaveLength(3)
    expect(shown(notes)).toEqual([
      '7:28: aliases: are left out: prefixes of keys are not taken off',
    ])
  })

  test.each([
    ['"PoolRoute|A"', '"PoolRoute|B"', '7:12: route: found pool "B", expected one of A'],
    ['"PoolRoute|A"', '"NullRoute"', '7:12: route: found "NullRoute", expected a PoolRoute'],
    [
      '"PoolRoute|A"',
      '{ "type": "FailoverRoute", "children": ["Pool|A"] }',
      '7:22: route.type: found "FailoverRoute", expected a PoolRoute',
    ],
    [
      '"PoolRoute|A"',
      '{ "type": "PoolRoute", "pool": "A", "shadows": [] }',
      '7:48: route.shadows: cannot be translated, expected nothing but type, pool, hash',
    ],
    [
      '"PoolRoute|A"',
      '{ "type": "PoolRoute", "pool": "A", "hash": { "salt": "x" } }',
      '7:66: route.hash.salt: found "x", expected none',
    ],
    [
      '"PoolRoute|A"',
      '{ "type": "PoolRoute", "pool": "A", "hash": "Latest" }',
      '7:56: route.hash.hash_func: found "Latest", expected Ch3',
    ],
    ['"[::1]:11312"', '"unix:/tmp/x"', '4:41: pools.A.servers[1]: found "unix:/tmp/x", expected'],
    ['"[::1]:11312"', '"a:1:caret"', '4:41: pools.A.servers[1]: found "a:1:caret", expected'],
    ['"server_timeout"', '"server_timeuot"', '5:7: pools.A.server_timeuot: cannot be translated'],
    ['"pools"', '"macros": {}, "pools"', '3:3: macros: cannot be translated, expected nothing bu'],
  ])('names the place of what it cannot translate: %s → %s', (from, to, expected) => {
    const { cluster, problems } = importMcrouter(SIMPLE.replace(from, to))
    expect(cluster).toBeUndefined()
    const [first = ''] = shown(problems)
    expect(first.slice(0, expected.length)).toBe(expected)
    expect(problems).toHaveLength(1)
  })

  test('comments in strings are none', () => {
    const text = SIMPLE.replace('"cache-3:11313:ascii:plain"', '"//cache:1"')
    expect(shown(importMcrouter(text).problems)[0]).toContain('found "//cache:1"')
  })

  test.each(['', '[]', '{', '"PoolRoute|A"', '{ "pools": {} }'])('refuses %j', text => {
    const { cluster, problems } = importMcrouter(text)
    expect(cluster).toBeUndefined()
    expect(problems.length).toBeGreaterThan(0)
  })
})
