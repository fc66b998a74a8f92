// Rings and keys that the placement tests share.
import type { RingNode } from '../../../src/ring/continuum.ts'
import { ringLabel } from '../../../src/ring/label.ts'
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
  for (const owner of ring.continuum.owners) counts[owner] = counts[owner]! + 1
  return counts
}
