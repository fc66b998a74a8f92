// Golden vectors of libmemcached itself: each config was run through the C library on 100,000 keys.
import { describe, expect, it } from 'vitest'
import { ringLabel } from '../../../src/ring/label.ts'
import { md5First } from '../../../src/ring/hash/md5.ts'
import type { RingNode } from '../../../src/ring/nodes.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { continuumIn, goldenOf, hosts, keys, locateText, pointCounts } from './support.ts'

const weighted: RingNode[] = [1, 2, 3].map(i => ({
  label: ringLabel(`10.0.0.${i}`, 11210 + i),
  weight: i,
}))

const goldens: readonly [string, RingNode[], number[], string][] = [
  ['2 nodes', hosts(2), [160, 160], 'ba41a3dc7e544fe6'],
  ['3 nodes', hosts(3), [160, 160, 160], '77b84730bcb7956a'],
  ['7 nodes', hosts(7), repeat(7, 160), 'd585063b24f6ec34'],
  ['25 nodes, 39 hashes each', hosts(25), repeat(25, 156), '2d3c05fdddef76c5'],
  ['40 nodes', hosts(40), repeat(40, 160), '3d96972eb83ea354'],
  ['5 nodes on port 11300', hosts(5, 11300), repeat(5, 160), 'dd76b05005bae201'],
  ['weights 1, 2, 3', weighted, [80, 160, 240], 'c367ba0b7be5b08d'],
]

describe('the ketama placement', () => {
  it.each(goldens)('places 100,000 keys as libmemcached does: %s', (_, nodes, counts, golden) => {
    const ring = Ring.build('ketama', nodes)
    expect(pointCounts(ring)).toEqual(counts)
    expect(goldenOf(ring)).toBe(golden)
  })

  it('hashes key0 as libmemcached does', () => {
    expect(md5First(keys[0]!, 0, 4)).toBe(4060279841)
  })

  it('has libmemcached’s lowest and highest points for 3 nodes', () => {
    const { points, owners } = continuumIn(Ring.build('ketama', hosts(3)))
    expect(points.slice(0, 3)).toEqual(Uint32Array.of(4635516, 11062586, 18272749))
    expect(owners.slice(0, 3)).toEqual(Uint16Array.of(2, 2, 1))
    expect([points.at(-1), owners.at(-1)]).toEqual([4288155631, 2])
  })

  it.each([
    ['3 nodes', hosts(3), [1, 0, 2, 2, 0, 2, 0, 0, 0, 2]],
    ['weights 1, 2, 3', weighted, [1, 2, 2, 1, 1, 2, 1, 0, 2, 1]],
  ])('places key0 … key9 as libmemcached does: %s', (_, nodes, golden) => {
    const ring = Ring.build('ketama', nodes)
    expect(golden.map((_, i) => locateText(ring, `key${i}`))).toEqual(golden)
  })

  // Every count of equal nodes up to 200 at which float32 falls below 40.
  it('gives 39 hashes at exactly the node counts where libmemcached does', () => {
    const found: number[] = []
    for (let count = 1; count <= 200; count += 1) {
      const nodes = Array.from({ length: count }, (_, i) => ({ label: `n${i}`, weight: 1 }))
      if (pointCounts(Ring.build('ketama', nodes))[0] === 156) found.push(count)
    }
    const golden = [25, 47, 50, 55, 61, 71, 94, 100, 107, 109, 110, 115, 122, 142, 159, 163]
    expect(found).toEqual([...golden, 188, 193, 200])
  })
})

function repeat(count: number, value: number): number[] {
  return Array.from({ length: count }, () => value)
}
