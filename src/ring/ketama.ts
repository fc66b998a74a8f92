/**
 * Continua of the ketama family. The one most have in common is libmemcached's KETAMA_WEIGHTED,
 * to the point (hosts.cc `update_continuum`): pylibmc's `ketama_weighted`, php-memcached's
 * OPT_LIBKETAMA_COMPATIBLE, twemproxy, spymemcached with weights.
 *
 *   hashes(node) = floor(weight / total × 160 / 4 × nodes + 1e-10)     nominally 40
 *   md5(`${label}-${i}`) for i < hashes → four little-endian points each, nominally 160
 *
 * Each step of the first line is rounded to float32, as the C code computes it. That is no detail:
 * at 25, 47 or 50 equal nodes the product falls just below 40, so a node gets 39 hashes, and a ring
 * with 40 misplaces two to three keys of a hundred.
 */
import { type Continuum, continuumOf, packPoint } from './continuum.ts'
import type { KeyHash } from './hash/key-hashes.ts'
import { md5First, md5Word } from './hash/md5.ts'
import { sha384First, sha384Word } from './hash/sha384.ts'
import { effectiveWeight, type RingNode } from './nodes.ts'

const POINTS_PER_NODE = 160
const POINTS_PER_HASH = 4
const HASHES_PER_NODE = POINTS_PER_NODE / POINTS_PER_HASH
const EPSILON = Math.fround(1e-10)

/** A hash whose digest has four points in it. */
export type Digest = {
  readonly first: KeyHash
  readonly word: (index: 0 | 1 | 2 | 3) => number
}

export const md5Digest: Digest = { first: md5First, word: md5Word }
export const sha384Digest: Digest = { first: sha384First, word: sha384Word }

export function ketamaContinuum(nodes: readonly RingNode[], digest = md5Digest): Continuum {
  const total = nodes.reduce((sum, node) => sum + effectiveWeight(node), 0)
  return digestContinuum(nodes, digest, node =>
    ketamaHashCount(effectiveWeight(node), total, nodes.length),
  )
}

function ketamaHashCount(weight: number, total: number, nodeCount: number): number {
  const share = Math.fround(Math.fround(weight) / Math.fround(total))
  const points = Math.fround(share * POINTS_PER_NODE)
  const hashes = Math.fround(Math.fround(points / POINTS_PER_HASH) * Math.fround(nodeCount))
  return Math.floor(Math.fround(hashes + EPSILON))
}

/** 40 hashes for each node, however many there are: spymemcached without weights. */
export function evenContinuum(nodes: readonly RingNode[], digest: Digest): Continuum {
  return digestContinuum(nodes, digest, () => HASHES_PER_NODE)
}

function digestContinuum(
  nodes: readonly RingNode[],
  digest: Digest,
  hashCount: (node: RingNode) => number,
): Continuum {
  const encoder = new TextEncoder()
  const packed: number[] = []
  nodes.forEach((node, index) => {
    for (let i = 0, count = hashCount(node); i < count; i += 1) {
      const text = encoder.encode(`${node.label}-${i}`)
      packed.push(packPoint(digest.first(text, 0, text.length), index))
      packed.push(packPoint(digest.word(1), index))
      packed.push(packPoint(digest.word(2), index))
      packed.push(packPoint(digest.word(3), index))
    }
  })
  return continuumOf(packed)
}

/** As many points as asked for, each the hash of `${label}-${i}`: libmemcached's CONSISTENT. */
export function hashContinuum(
  nodes: readonly RingNode[],
  hash: KeyHash,
  pointsPerNode: number,
): Continuum {
  const encoder = new TextEncoder()
  const packed = nodes.flatMap(({ label }, index) =>
    Array.from({ length: pointsPerNode }, (_, i) => {
      const text = encoder.encode(`${label}-${i}`)
      return packPoint(hash(text, 0, text.length), index)
    }),
  )
  return continuumOf(packed)
}
