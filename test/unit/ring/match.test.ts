import { describe, expect, it } from 'vitest'
import { matchPlacements, type MatchNode, type Sighting } from '../../../src/ring/match.ts'
import {
  formatPlacement,
  nodeLabel,
  parsePlacement,
  type Placement,
} from '../../../src/ring/placement.ts'
import { presetNames } from '../../../src/ring/presets.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { keys } from './support.ts'

const sample = keys.slice(0, 1000)

function fleet(count: number): MatchNode[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `node-${i}`,
    host: `10.0.0.${count - i}`,
    port: 11211,
    weight: 1,
  }))
}

/** Where the keys of a fleet with this placement are. */
function sightings(
  placement: Placement,
  nodes: readonly MatchNode[],
  isNamed: boolean,
): Sighting[] {
  const labelled = nodes.map(({ name, host, port, weight }) => {
    const label = nodeLabel(placement, { name: isNamed ? name : undefined, host, port })
    return { label, weight }
  })
  const ring = Ring.build(placement, labelled)
  return sample.map(key => ({ key, node: ring.locate(key, 0, key.length) }))
}

describe('matchPlacements()', () => {
  it.each([...presetNames, 'twemproxy,hash=murmur', 'modulo,client=memjs', 'ketama,hash=jenkins'])(
    'finds %s, with nodes by address',
    name => {
      const nodes = fleet(7)
      const [best, next] = matchPlacements(nodes, sightings(parsePlacement(name), nodes, false))
      expect(best?.explained).toBe(sample.length)
      expect(best?.candidates.map(({ placement }) => formatPlacement(placement))).toContain(name)
      expect(best?.candidates[0]?.labels).toBe('address')
      expect(next?.explained).toBeLessThan(sample.length)
    },
  )

  it('tells nodes by name from nodes by address', () => {
    const nodes = fleet(5)
    const [best] = matchPlacements(nodes, sightings({ preset: 'twemproxy' }, nodes, true))
    expect(best?.explained).toBe(sample.length)
    expect(new Set(best?.candidates.map(({ labels }) => labels))).toEqual(new Set(['name']))
  })

  it('finds that a client has sorted its nodes', () => {
    const nodes = fleet(5)
    const found = sightings({ preset: 'mcrouter-ch3' }, nodes.toReversed(), false)
    const turned = found.map(({ key, node }) => ({ key, node: nodes.length - 1 - node }))
    const [best] = matchPlacements(nodes, turned)
    expect(best).toMatchObject({
      explained: sample.length,
      candidates: [{ placement: { preset: 'mcrouter-ch3' }, order: 'sorted' }],
    })
  })

  it('says how much is explained when something is in the wrong place', () => {
    const nodes = fleet(3)
    const found = sightings({ preset: 'dalli' }, nodes, false)
    const broken = found.map(({ key, node }, at) => ({
      key,
      node: at < 100 ? (node + 1) % 3 : node,
    }))
    const [best, next] = matchPlacements(nodes, broken)
    expect(best).toMatchObject({ explained: 900, candidates: [{ placement: { preset: 'dalli' } }] })
    expect(next?.explained).toBeLessThan(500)
  })

  it('uses weights where there are any', () => {
    const nodes = fleet(3).map((node, i) => ({ ...node, weight: i + 1 }))
    const [best] = matchPlacements(nodes, sightings({ preset: 'ketama' }, nodes, false))
    expect(best?.candidates[0]?.placement).toEqual({ preset: 'ketama' })
  })
})
