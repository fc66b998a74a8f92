import { describe, expect, it } from 'vitest'
import { continuumOf, NODE_COUNT_MAX, packPoint } from '../../../src/ring/continuum.ts'

describe('continuumOf()', () => {
  it('sorts by point, and equal points by node index', () => {
    const packed = [packPoint(20, 2), packPoint(4294967295, 1), packPoint(20, 1), packPoint(3, 0)]
    expect(continuumOf(packed, 3)).toEqual({
      points: Uint32Array.of(3, 20, 20, 4294967295),
      owners: Uint16Array.of(0, 1, 2, 1),
      nodeCount: 3,
    })
  })

  it('keeps the greatest point and the greatest index apart', () => {
    const { points, owners } = continuumOf([packPoint(4294967295, NODE_COUNT_MAX - 1)], 1)
    expect([points[0], owners[0]]).toEqual([4294967295, NODE_COUNT_MAX - 1])
  })
})
