/** How many keys live elsewhere once a ring is another one: counted key by key. */
import type { RingNode } from './nodes.ts'
import type { Ring } from './ring.ts'

/** A ring and the nodes that it was built from; a node is itself by its label. */
export type Built = { readonly ring: Ring; readonly nodes: readonly RingNode[] }

export type NodeMovement = {
  readonly label: string
  /** Keys that it has, had, gets and loses. */
  readonly before: number
  readonly after: number
  readonly comes: number
  readonly goes: number
}

export type Movement = {
  readonly keys: number
  readonly moved: number
  /** Every node of either ring, first those of the first one. */
  readonly nodes: readonly NodeMovement[]
}

const MADE_KEYS = 100_000

/** Keys to count by where nobody has better ones: key0 to key99999. */
export function madeKeys(count = MADE_KEYS): Uint8Array[] {
  const encoder = new TextEncoder()
  return Array.from({ length: count }, (_, i) => encoder.encode(`key${i}`))
}

export function movementOf(before: Built, after: Built, keys: readonly Uint8Array[]): Movement {
  const labels = [...new Set([...before.nodes, ...after.nodes].map(({ label }) => label))]
  const indexes = new Map(labels.map((label, at) => [label, at]))
  const indexOf = ({ ring, nodes }: Built): ((key: Uint8Array) => number) => {
    const places = nodes.map(({ label }) => indexes.get(label) ?? 0)
    return key => places[ring.locate(key, 0, key.length)]!
  }
  const [from, to] = [indexOf(before), indexOf(after)]
  const counts = labels.map(label => ({ label, before: 0, after: 0, comes: 0, goes: 0 }))
  let moved = 0
  for (const key of keys) {
    const source = counts[from(key)]!
    const target = counts[to(key)]!
    source.before += 1
    target.after += 1
    if (source === target) continue
    moved += 1
    source.goes += 1
    target.comes += 1
  }
  return { keys: keys.length, moved, nodes: counts }
}
