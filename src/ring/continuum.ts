/**
 * The continuum: points on the circle of 32-bit hashes, each owned by one node.
 *
 *   points  | 4635516 | 11062586 | … | 4288155631 |   ascending, equal ones by node index
 *   owners  |    2    |    2     | … |     2      |   index of the node in its configured order
 *
 * A hash belongs to the first point at or above it; past the last point the circle closes at the
 * first. The two arrays are all there is, so a continuum can be posted to a thread as it is.
 */
export type RingNode = { readonly label: string; readonly weight: number }

export type Continuum = {
  readonly points: Uint32Array
  readonly owners: Uint16Array
  readonly nodeCount: number
}

/** Keeps the build of a ring in the tens of milliseconds, and an index in 16 bits. */
export const NODE_COUNT_MAX = 1024
/** libmemcached holds a weight in 32 bits. */
export const WEIGHT_MAX = 4294967295

const INDEX_SPAN = 65536

/** @throws RangeError when the nodes cannot form a ring. */
export function checkNodes(nodes: readonly RingNode[]): void {
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
    if (!Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX) {
      const expected = `expected a whole number from 0 to ${WEIGHT_MAX}`
      throw new RangeError(`Cannot build ring: weight ${weight} of "${label}", ${expected}`)
    }
  }
}

/** libmemcached and hashring both take weight 0 for 1. */
export function effectiveWeight(node: RingNode): number {
  return node.weight === 0 ? 1 : node.weight
}

/**
 * Point and index packed in one number, so that a numeric sort orders by point and breaks ties by
 * index: 32 + 16 bits are exact in a double.
 */
export function packPoint(point: number, index: number): number {
  return point * INDEX_SPAN + index
}

export function continuumOf(packed: readonly number[], nodeCount: number): Continuum {
  const sorted = Float64Array.from(packed).sort()
  const points = new Uint32Array(sorted.length)
  const owners = new Uint16Array(sorted.length)
  sorted.forEach((entry, at) => {
    points[at] = Math.floor(entry / INDEX_SPAN)
    owners[at] = entry % INDEX_SPAN
  })
  return { points, owners, nodeCount }
}
