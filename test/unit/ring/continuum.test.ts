import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  arcShares,
  continuumOf,
  firstAtOrAbove,
  indexed,
  packPoint,
  withoutTies,
} from '../../../src/ring/continuum.ts'
import { NODE_COUNT_MAX } from '../../../src/ring/nodes.ts'

const LAST = 4294967295

describe('continuumOf()', () => {
  it('sorts by point, and equal points by node index', () => {
    const packed = [packPoint(20, 2), packPoint(LAST, 1), packPoint(20, 1), packPoint(3, 0)]
    const { points, owners } = continuumOf(packed)
    expect([...points]).toEqual([3, 20, 20, LAST])
    expect([...owners]).toEqual([0, 1, 2, 1])
  })

  it('keeps the greatest point and the greatest index apart', () => {
    const { points, owners } = continuumOf([packPoint(LAST, NODE_COUNT_MAX - 1)])
    expect([points[0], owners[0]]).toEqual([LAST, NODE_COUNT_MAX - 1])
  })
})

describe('withoutTies()', () => {
  it('keeps the last of equal points', () => {
    const packed = [packPoint(20, 2), packPoint(LAST, 1), packPoint(20, 1), packPoint(3, 0)]
    const { points, owners } = withoutTies(continuumOf(packed))
    expect([...points]).toEqual([3, 20, LAST])
    expect([...owners]).toEqual([0, 2, 1])
  })
})

describe('firstAtOrAbove()', () => {
  const continuum = indexed(Uint32Array.of(10, 20, 20, 30), Uint16Array.of(0, 1, 2, 1))
  it.each([
    [0, 0],
    [10, 0],
    [11, 1],
    [20, 1],
    [21, 3],
    [30, 3],
    [31, 4],
    [LAST, 4],
  ])('for %i finds point %i', (hash, at) => {
    expect(firstAtOrAbove(continuum, hash)).toBe(at)
  })

  it('finds what a search of all points finds, wherever they lie', () => {
    const hash = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: LAST }), fc.constant(LAST))
    fc.assert(
      fc.property(fc.array(hash, { minLength: 1, maxLength: 300 }), hash, (list, wanted) => {
        const points = Uint32Array.from(list).sort()
        const first = points.findIndex(point => point >= wanted)
        const found = firstAtOrAbove(indexed(points, new Uint16Array(points.length)), wanted)
        expect(found).toBe(first === -1 ? points.length : first)
      }),
    )
  })
})

describe('arcShares()', () => {
  const continuum = indexed(Uint32Array.of(9, 19, 29), Uint16Array.of(0, 1, 0))
  it.each([
    ['successor', 39, [0.75, 0.25]],
    ['predecessor', 39, [0.75, 0.25]],
    ['successor', 14, [10 / 15, 5 / 15]],
    ['predecessor', 14, [1, 0]],
    ['predecessor', 24, [19 / 25, 6 / 25]],
  ] as const)('counts the hashes of each node: %s, hashes up to %i', (step, max, shares) => {
    const found = arcShares(continuum, 2, max, step)
    shares.forEach((share, node) => expect(found[node]).toBeCloseTo(share, 12))
  })
})
