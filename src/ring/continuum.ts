/**
 * The continuum: points on the circle of 32-bit hashes, each owned by one node.
 *
 *   points  | 4635516 | 11062586 | … | 4288155631 |   ascending, equal ones by node index
 *   owners  |    2    |    2     | … |     2      |   index of the node in its configured order
 *   starts  | 0 | 1 | 1 | …                           for each range of hashes, its first point
 *
 * With most presets a hash belongs to the first point at or above it; past the last point the
 * circle closes at the first. The arrays are all there is, so a continuum can be posted to a
 * thread as it is.
 */
export type Continuum = {
  readonly points: Uint32Array
  readonly owners: Uint16Array
  /** One more than there are ranges, so that each has an end; a range is `hash >>> shift`. */
  readonly starts: Uint32Array
  readonly shift: number
}

const INDEX_SPAN = 65536

/**
 * Point and index packed in one number, so that a numeric sort orders by point and breaks ties by
 * index: 32 + 16 bits are exact in a double.
 */
export function packPoint(point: number, index: number): number {
  return point * INDEX_SPAN + index
}

export function continuumOf(packed: readonly number[]): Continuum {
  const sorted = Float64Array.from(packed).sort()
  const points = new Uint32Array(sorted.length)
  const owners = new Uint16Array(sorted.length)
  sorted.forEach((entry, at) => {
    points[at] = Math.floor(entry / INDEX_SPAN)
    owners[at] = entry % INDEX_SPAN
  })
  return indexed(points, owners)
}

/** Of equal points the last is kept, as a map keeps what was put last. */
export function withoutTies({ points, owners }: Continuum): Continuum {
  const kept = [...points.keys()].filter(at => points[at] !== points[at + 1])
  return indexed(
    Uint32Array.from(kept, at => points[at]!),
    Uint16Array.from(kept, at => owners[at]!),
  )
}

/** @param points ascending */
export function indexed(points: Uint32Array, owners: Uint16Array): Continuum {
  // About one point to a range: what is left to search is short.
  const bits = Math.min(24, Math.max(1, Math.ceil(Math.log2(points.length + 1))))
  const shift = 32 - bits
  const starts = new Uint32Array(2 ** bits + 1)
  let at = 0
  for (let range = 0; range < starts.length; range += 1) {
    while (at < points.length && points[at]! >>> shift < range) at += 1
    starts[range] = at
  }
  return { points, owners, starts, shift }
}

/** The first point at or above the hash; as many as there are if there is none. */
export function firstAtOrAbove(continuum: Continuum, hash: number): number {
  const { points, starts, shift } = continuum
  const range = hash >>> shift
  let low = starts[range]!
  let high = starts[range + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle]! < hash) low = middle + 1
    else high = middle
  }
  return low
}

/** For each node, how many of the hashes from 0 to `max` are its own, as parts of 1. */
export function arcShares(
  continuum: Continuum,
  nodeCount: number,
  max: number,
  step: 'successor' | 'predecessor',
): number[] {
  const { points, owners } = continuum
  const counts = Array.from({ length: nodeCount }, () => 0)
  const give = (at: number, from: number, to: number): void => {
    const owner = owners[(at + points.length) % points.length]!
    const count = Math.min(to, max) - from + 1
    if (count > 0) counts[owner] = counts[owner]! + count
  }
  let from = 0
  points.forEach((point, at) => {
    if (step === 'successor') {
      give(at, from, point)
      from = point + 1
    } else if (point > 0) {
      give(at - 1, from, point - 1)
      from = point
    }
  })
  give(step === 'successor' ? points.length : points.length - 1, from, max)
  return counts.map(count => count / (max + 1))
}
