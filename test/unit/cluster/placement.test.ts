// The placement of a cluster file, and the weights that go with it.

import { expect, test } from 'vitest'
import { load, problemsOf } from './files.ts'

const PAIR = 'nodes:\n  - { address: "a:11211", weight: WEIGHT }\n  - { address: "b:11211" }\n'

test('a placement may be a mapping, and names nodes in its own way', () => {
  const text = `placement: { preset: spymemcached, hash: fnv1a_32, hash_tag: "{}" }\n${PAIR}`
  const config = load(text.replace('WEIGHT', '3'))
  expect(config.placement).toEqual({ preset: 'spymemcached', hash: 'fnv1a_32', hashTag: '{}' })
  expect(config.nodes.map(node => [node.label, node.weight])).toEqual([
    ['a:11211', 3],
    ['b:11211', 1],
  ])
  const named = 'placement: spymemcached\nnodes: [ { name: "h/10.0.0.1:1", address: "h:1" } ]'
  expect(load(named).nodes[0]?.label).toBe('h/10.0.0.1:1')
})

test.each([
  ['{ preset: ring }', '1:22: placement.preset: found "ring", expected one of ketama, '],
  ['{ hash: md5 }', '1:12: placement.preset: found nothing, expected one of ketama, '],
  ['{ preset: ketama, hash: sha }', '1:36: placement.hash: found "sha", expected one of md5, '],
  [
    '{ preset: ketama, hsah: md5 }',
    '1:30: placement.hsah: found an unknown field, did you mean "hash"?',
  ],
  [
    '{ preset: twemproxy, hash_tag: "{" }',
    '1:43: placement.hash_tag: found "{", expected two characters, as "{}"',
  ],
  [
    '{ preset: ketama, distribution: modula }',
    '1:44: placement.distribution: found "modula", expected nothing: ketama has no distribution',
  ],
  ['[ketama]', '1:12: placement: found a list, expected one of ketama, '],
  ['7', '1:12: placement: found 7, expected one of ketama, '],
])('a placement that is wrong is said with its place: %s', (placement, expected) => {
  const found = problemsOf(`placement: ${placement}\nnodes: [ "h:1" ]\n`)
  expect(found).toHaveLength(1)
  expect(found[0]?.startsWith(expected) ? expected : found[0]).toBe(expected)
})

test.each([
  ['ketama', '1.5', 'a whole number of 1 to 1000'],
  ['ketama', '0', 'a whole number of 1 to 1000'],
  ['pymemcache', '2', '1, or none: placement pymemcache knows no weights'],
  ['mcrouter-ch3', '1.1', 'a number of 0 to 1 for placement mcrouter-ch3'],
])('a weight is for its placement: %s, %s', (placement, weight, expected) => {
  expect(problemsOf(`placement: ${placement}\n${PAIR.replace('WEIGHT', weight)}`)).toEqual([
    `3:35: nodes[0].weight: found ${weight}, expected ${expected}`,
  ])
})

test.each(['0', '0.5', '1'])('mcrouter-ch3 takes weight %s', weight => {
  const { nodes } = load(`placement: mcrouter-ch3\n${PAIR.replace('WEIGHT', weight)}`)
  expect(nodes[0]?.weight).toBe(Number(weight))
})
