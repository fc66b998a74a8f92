import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ringLabel } from '../../../src/ring/label.ts'
import { NODE_COUNT_MAX, type RingNode, WEIGHT_MAX } from '../../../src/ring/nodes.ts'
import { presetNames, presetOf } from '../../../src/ring/presets.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { continuumIn, hosts, keys, locateText } from './support.ts'

const sample = keys.slice(0, 500)

function owners(ring: Ring, nodes: readonly RingNode[]): (string | undefined)[] {
  return sample.map(key => nodes[ring.locate(key, 0, key.length)]?.label)
}

/** 2 to 9 nodes of equal weight, so that taking one away leaves each of the others its points. */
const equalNodes = fc
  .uniqueArray(fc.stringMatching(/^[a-z0-9.-]{1,20}$/), { minLength: 2, maxLength: 9 })
  .map(labels => labels.map(label => ({ label, weight: 1 })))

/** At 7 nodes hashring gives 39 hashes instead of 40, so that coming from or to 7 moves more. */
const steadyNodes = equalNodes.filter(nodes => nodes.length !== 7 && nodes.length !== 8)

describe('ringLabel()', () => {
  it('drops memcached’s own port only, and leaves the host as it is', () => {
    expect(ringLabel('cache-1', 11211)).toBe('cache-1')
    expect(ringLabel('10.0.0.1', 11212)).toBe('10.0.0.1:11212')
    expect(ringLabel('::1', 11300)).toBe('::1:11300')
    expect(ringLabel('CACHE', 1121)).toBe('CACHE:1121')
  })
})

/** Those whose nodes stay where they are when another comes or goes, in whatever order. */
const consistent = presetNames.filter(
  name => !['modulo', 'mcrouter-ch3', 'memcached-proxy'].includes(name),
)

describe.each(consistent)('Ring.locate() with %s', placement => {
  it('moves only the keys of a node that is taken away', () => {
    fc.assert(
      fc.property(steadyNodes, fc.nat(), (nodes, seed) => {
        const gone = nodes[seed % nodes.length]!.label
        const rest = nodes.filter(node => node.label !== gone)
        const before = owners(Ring.build(placement, nodes), nodes)
        const after = owners(Ring.build(placement, rest), rest)
        before.forEach((owner, i) => {
          if (owner === gone) expect(after[i]).not.toBe(gone)
          else expect(after[i]).toBe(owner)
        })
      }),
      { numRuns: 30 },
    )
  })

  it('does not depend on the order of the nodes', () => {
    fc.assert(
      fc.property(equalNodes, nodes => {
        const reversed = nodes.toReversed()
        expect(owners(Ring.build(placement, reversed), reversed)).toEqual(
          owners(Ring.build(placement, nodes), nodes),
        )
      }),
      { numRuns: 30 },
    )
  })
})

describe.each(presetNames)('Ring.locate() with %s', placement => {
  it('reads the key at its offset and nothing around it', () => {
    const ring = Ring.build(placement, hosts(5))
    const around = new TextEncoder().encode('xxkey77yyy')
    expect(ring.locate(around, 2, 5)).toBe(locateText(ring, 'key77'))
  })

  it('gives equal nodes the keys that their shares say', () => {
    const ring = Ring.build(placement, hosts(5))
    // fnv1a_64, as twemproxy has it, spreads such keys badly.
    expectShares(ring, placement === 'twemproxy' ? 0.03 : 0.012)
    expect(Math.min(...ring.shares())).toBeGreaterThan(0.1)
  })

  it('places everything on the only node', () => {
    const ring = Ring.build(placement, hosts(1))
    expect(locateText(ring, '')).toBe(0)
    expect(locateText(ring, 'anything')).toBe(0)
    expect(ring.shares()).toEqual([1])
  })

  it('finds the same after its continuum went through a message', () => {
    const ring = Ring.build(placement, hosts(7))
    const copy = new Ring(structuredClone(ring.plan))
    expect(owners(copy, hosts(7))).toEqual(owners(ring, hosts(7)))
  })
})

describe.each(presetNames.filter(name => presetOf(name).weights === 'whole'))(
  'weights with %s',
  placement => {
    it('give a node keys in proportion', () => {
      const weights = [1, 2, 4, 8]
      const nodes = weights.map((weight, i) => ({ label: `node-${i}`, weight }))
      const ring = Ring.build(placement, nodes)
      expectShares(ring, 0.01)
      ring.shares().forEach((share, i) => {
        expect(Math.abs((share * 15) / weights[i]! - 1)).toBeLessThan(0.3)
      })
    })

    it('take 0 for 1', () => {
      const zero = hosts(3).map(node => ({ ...node, weight: 0 }))
      expect(owners(Ring.build(placement, zero), zero)).toEqual(
        owners(Ring.build(placement, zero.map(even)), zero),
      )
    })
  },
)

function even({ label }: RingNode): RingNode {
  return { label, weight: 1 }
}

/** Shares are those of 100,000 keys, and add up to 1. */
function expectShares(ring: Ring, tolerance: number): void {
  const counts = Array.from({ length: ring.nodeCount }, () => 0)
  for (const key of keys) {
    const owner = ring.locate(key, 0, key.length)
    counts[owner] = counts[owner]! + 1
  }
  ring.shares().forEach((share, i) => {
    expect(Math.abs(share - counts[i]! / keys.length)).toBeLessThan(tolerance)
  })
  expect(ring.shares().reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
}

function node(label: string, weight = 1): RingNode {
  return { label, weight }
}

function many(count: number): RingNode[] {
  return Array.from({ length: count }, (_, i) => node(`node-${i}`))
}

describe('Ring.build()', () => {
  it('accepts as many nodes as the limit, and each of them owns keys', () => {
    const ring = Ring.build('ketama', many(NODE_COUNT_MAX))
    expect(new Set(continuumIn(ring).owners).size).toBe(NODE_COUNT_MAX)
  })

  it.each([0, NODE_COUNT_MAX + 1, NODE_COUNT_MAX * 100])('refuses %i nodes', count => {
    expect(() => Ring.build('ketama', many(count))).toThrow(
      `Cannot build ring: ${count} nodes, expected 1 to 1024`,
    )
  })

  it('accepts the greatest weight', () => {
    const ring = Ring.build('ketama', [node('a', WEIGHT_MAX), node('b', WEIGHT_MAX)])
    expect(continuumIn(ring).points.length).toBe(320)
  })

  it.each([-1, 0.5, Number.NaN, WEIGHT_MAX + 1, Number.MAX_SAFE_INTEGER, Infinity])(
    'refuses weight %d',
    weight => {
      expect(() => Ring.build('hashring', [node('a'), node('b', weight)])).toThrow(
        `Cannot build ring: weight ${weight} of "b", expected a whole number from 0 to 4294967295`,
      )
    },
  )

  it('refuses a label that is empty or stands twice', () => {
    expect(() => Ring.build('ketama', [node('a'), node('')])).toThrow(
      'Cannot build ring: node label "", expected at least one character',
    )
    expect(() => Ring.build('ketama', [node('a'), node('b'), node('a')])).toThrow(
      'Cannot build ring: label "a" twice, expected distinct labels',
    )
  })
})
