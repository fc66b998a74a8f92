/** What a ring is built from: nodes by label and weight, in their configured order. */
export type RingNode = { readonly label: string; readonly weight: number }

/** What a preset can do with a weight: `fraction` is mcrouter's, 0 to 1. */
export type WeightKind = 'whole' | 'fraction' | 'none'

/** Keeps the build of a ring in the tens of milliseconds, and an index in 16 bits. */
export const NODE_COUNT_MAX = 1024
/** libmemcached holds a weight in 32 bits. */
export const WEIGHT_MAX = 4294967295

const expectedWeights: Record<WeightKind, string> = {
  whole: `expected a whole number from 0 to ${WEIGHT_MAX}`,
  fraction: 'expected a number from 0 to 1',
  none: 'expected 1: this placement knows no weights',
}

/** @throws RangeError when the nodes cannot form a ring. */
export function checkNodes(nodes: readonly RingNode[], weights: WeightKind): void {
  if (nodes.length < 1 || nodes.length > NODE_COUNT_MAX) {
    throw new RangeError(
      `Cannot build ring: ${nodes.length} nodes, expected 1 to ${NODE_COUNT_MAX}`,
    )
  }
  const labels = new Set<string>()
  for (const { label, weight } of nodes) {
    if (label === '') {
      throw new RangeError('Cannot build ring: node label "", expected at least one character')
    }
    if (labels.has(label)) {
      throw new RangeError(`Cannot build ring: label "${label}" twice, expected distinct labels`)
    }
    labels.add(label)
    if (!isWeight(weight, weights)) {
      const expected = expectedWeights[weights]
      throw new RangeError(`Cannot build ring: weight ${weight} of "${label}", ${expected}`)
    }
  }
}

export function isWeight(weight: number, kind: WeightKind): boolean {
  if (kind === 'none') return weight === 1
  if (kind === 'fraction') return weight >= 0 && weight <= 1
  return Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX
}

/** libmemcached and hashring both take weight 0 for 1. */
export function effectiveWeight(node: RingNode): number {
  return node.weight === 0 ? 1 : node.weight
}
