import HashRing from 'hashring'
import { describe, expect, it } from 'vitest'
import type { RingNode } from '../../../src/ring/nodes.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { hosts, keys, locateText, pointCounts } from './support.ts'

function expectPackagePlacement(nodes: RingNode[], reference: HashRing): void {
  const ring = Ring.build('hashring', nodes)
  for (let i = 0; i < 20_000; i += 1) {
    expect(nodes[locateText(ring, `key${i}`)]?.label).toBe(reference.get(`key${i}`))
  }
}

function differingKeys(nodeCount: number): number {
  const ketama = Ring.build('ketama', hosts(nodeCount))
  const hashring = Ring.build('hashring', hosts(nodeCount))
  const differs = (key: Uint8Array): boolean =>
    ketama.locate(key, 0, key.length) !== hashring.locate(key, 0, key.length)
  return keys.filter(differs).length
}

describe('the hashring placement', () => {
  it.each([2, 3, 7, 14, 25, 47])('places keys as the package does for %i equal nodes', count => {
    const nodes = hosts(count, 11211 + count)
    expectPackagePlacement(nodes, new HashRing(nodes.map(node => node.label)))
  })

  it('places keys as the package does for weights', () => {
    const nodes = hosts(3).map((node, i) => ({ ...node, weight: i + 1 }))
    const weights = Object.fromEntries(nodes.map(node => [node.label, node.weight]))
    expectPackagePlacement(nodes, new HashRing(weights))
  })

  it('places keys as the package does for labels that look like numbers, with weights', () => {
    const nodes = ['10', '9', 'b'].map((label, i) => ({ label, weight: i + 1 }))
    expectPackagePlacement(nodes, new HashRing({ '10': 1, '9': 2, b: 3 }))
  })

  it('differs from ketama for 2 to 3 % of the keys at 7 nodes, and for none at 3', () => {
    expect(differingKeys(7) / keys.length).toBeGreaterThan(0.02)
    expect(differingKeys(7) / keys.length).toBeLessThan(0.03)
    expect(differingKeys(3)).toBe(0)
  })

  it('rounds in double: 39 hashes at 7 nodes, 40 at 25', () => {
    expect(pointCounts(Ring.build('hashring', hosts(7)))[0]).toBe(156)
    expect(pointCounts(Ring.build('hashring', hosts(25)))[0]).toBe(160)
  })
})
