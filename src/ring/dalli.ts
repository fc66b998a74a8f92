/**
 * The continuum of the Ruby client dalli (lib/dalli/ring.rb): points are the first 32 bits of
 * SHA-1 of `${label}:${i}`, 160 for each node in proportion to its weight. A hash belongs to the
 * last point at or below it; below the first point the circle closes at the last.
 */
import { createHash } from 'node:crypto'
import { type Continuum, continuumOf, packPoint } from './continuum.ts'
import { effectiveWeight, type RingNode } from './nodes.ts'

const POINTS_PER_NODE = 160

export function dalliContinuum(nodes: readonly RingNode[]): Continuum {
  const total = nodes.reduce((sum, node) => sum + effectiveWeight(node), 0)
  const packed = nodes.flatMap((node, index) => {
    const all = nodes.length * POINTS_PER_NODE * effectiveWeight(node)
    return Array.from({ length: Math.floor(all / total) }, (_, i) => {
      const digest = createHash('sha1').update(`${node.label}:${i}`).digest()
      return packPoint(digest.readUInt32BE(0), index)
    })
  })
  return continuumOf(packed)
}
