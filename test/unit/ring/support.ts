// Rings and keys that the placement tests share.
import { createHash } from 'node:crypto'
import type { Continuum } from '../../../src/ring/continuum.ts'
import { ringLabel } from '../../../src/ring/label.ts'
import type { RingNode } from '../../../src/ring/nodes.ts'
import type { Ring } from '../../../src/ring/ring.ts'

const encoder = new TextEncoder()

/** The keys of the golden vectors. */
export const keys: readonly Uint8Array[] = Array.from({ length: 100_000 }, (_, i) =>
  encoder.encode(`key${i}`),
)

export function hosts(count: number, port = 11211): RingNode[] {
  return Array.from({ length: count }, (_, i) => ({
    label: ringLabel(`10.0.0.${i + 1}`, port),
    weight: 1,
  }))
}

export function locateText(ring: Ring, key: string): number {
  const bytes = encoder.encode(key)
  return ring.locate(bytes, 0, bytes.length)
}

export function pointCounts(ring: Ring): number[] {
  const counts = Array.from({ length: ring.nodeCount }, () => 0)
  for (const owner of continuumIn(ring).owners) counts[owner] = counts[owner]! + 1
  return counts
}

export function continuumIn({ plan }: Ring): Continuum {
  if (plan.lookup.kind === 'continuum') return plan.lookup.continuum
  throw new Error(`A ${plan.lookup.kind} has no continuum`)
}

/** The owners of all keys as the golden vectors give them: the start of a SHA-256, in hex. */
export function goldenOf(ring: Ring): string {
  const owners = Uint8Array.from(keys, key => ring.locate(key, 0, key.length))
  return createHash('sha256').update(owners).digest('hex').slice(0, 16)
}
