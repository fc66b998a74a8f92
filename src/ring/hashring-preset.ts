/**
 * The placement of the npm package `hashring`, and with it of npm `memcached` clients: the package
 * builds the continuum, which is then flattened into the same two arrays as any other.
 * It computes shares in double where libmemcached rounds to float32: 2–3 % of keys differ at 7, 14,
 * 25, 28, 47 … equal nodes.
 *
 * Labels stand as they are given: `host` for port 11211, else `host:port`, which is what npm
 * `memcached` hashes unless its option `compatibility` is taken from it.
 */
import HashRing from 'hashring'
import { assert } from '../base/assert.ts'
import { type Continuum, indexed } from './continuum.ts'
import { effectiveWeight, type RingNode } from './nodes.ts'

export function hashringContinuum(nodes: readonly RingNode[]): Continuum {
  const indexes = new Map(nodes.map((node, index) => [node.label, index]))
  // Not sorted again: among equal points the package's own order decides.
  const { ring } = new HashRing(servers(nodes), 'md5')
  const points = new Uint32Array(ring.length)
  const owners = new Uint16Array(ring.length)
  ring.forEach(({ value, server }, at) => {
    const index = indexes.get(server)
    assert(index !== undefined, `hashring names a server that it was not given: "${server}"`)
    points[at] = value
    owners[at] = index
  })
  return indexed(points, owners)
}

/**
 * Two forms, because the package takes weights only as an object's values, and an object puts
 * labels that look like small numbers ("1", "2") before all others.
 */
function servers(nodes: readonly RingNode[]): string[] | Record<string, number> {
  if (nodes.every(node => effectiveWeight(node) === 1)) return nodes.map(node => node.label)
  return Object.fromEntries(nodes.map(node => [node.label, effectiveWeight(node)]))
}
