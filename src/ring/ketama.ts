/**
 * libmemcached's KETAMA_WEIGHTED continuum, to the point (hosts.cc `update_continuum`): pylibmc's
 * `ketama_weighted`, php-memcached's OPT_LIBKETAMA_COMPATIBLE, twemproxy with md5 keys.
 *
 *   hashes(node) = floor(weight / total × 160 / 4 × nodes + 1e-10)     nominally 40
 *   md5(`${label}-${i}`) for i < hashes → four little-endian points each, nominally 160
 *
 * Each step of the first line is rounded to float32, as the C code computes it. That is no detail:
 * at 25, 47 or 50 equal nodes the product falls just below 40, so a node gets 39 hashes, and a ring
 * with 40 misplaces two to three keys of a hundred.
 */
import {
  type Continuum,
  continuumOf,
  effectiveWeight,
  packPoint,
  type RingNode,
} from './continuum.ts'
import { md5First, md5Word } from './md5.ts'

const POINTS_PER_NODE = 160
const POINTS_PER_HASH = 4
const EPSILON = Math.fround(1e-10)

export function ketamaContinuum(nodes: readonly RingNode[]): Continuum {
  const total = nodes.reduce((sum, node) => sum + effectiveWeight(node), 0)
  const encoder = new TextEncoder()
  const packed: number[] = []
  nodes.forEach((node, index) => {
    const hashCount = ketamaHashCount(effectiveWeight(node), total, nodes.length)
    for (let i = 0; i < hashCount; i += 1) {
      const text = encoder.encode(`${node.label}-${i}`)
      packed.push(packPoint(md5First(text, 0, text.length), index))
      packed.push(packPoint(md5Word(1), index))
      packed.push(packPoint(md5Word(2), index))
      packed.push(packPoint(md5Word(3), index))
    }
  })
  return continuumOf(packed, nodes.length)
}

function ketamaHashCount(weight: number, total: number, nodeCount: number): number {
  const share = Math.fround(Math.fround(weight) / Math.fround(total))
  const points = Math.fround(share * POINTS_PER_NODE)
  const hashes = Math.fround(Math.fround(points / POINTS_PER_HASH) * Math.fround(nodeCount))
  return Math.floor(Math.fround(hashes + EPSILON))
}
