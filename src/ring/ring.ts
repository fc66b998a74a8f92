/**
 * Which node holds a key. A ring is built whole on the main thread, never changed, and replaced
 * whole; data threads get its plan by message and look keys up without making objects.
 */
import { arcShares, firstAtOrAbove } from './continuum.ts'
import { hashMax } from './hash/key-hashes.ts'
import { type Locate, locator, type RingPlan } from './lookup.ts'
import { checkNodes, type RingNode } from './nodes.ts'
import { hashOf, hashStopOf, type Placement, weightsOf } from './placement.ts'
import { type PresetName, presetOf } from './presets.ts'

/** Keys that are placed to see what share a node gets where it cannot be calculated. */
const SAMPLE_KEYS = 100_000

export class Ring {
  readonly plan: RingPlan
  /** The index, in configured order, of the node that holds the key of these bytes. */
  readonly locate: Locate

  constructor(plan: RingPlan) {
    this.plan = plan
    this.locate = locator(plan)
  }

  /** @throws RangeError for no or too many nodes, equal or empty labels, weights out of range. */
  static build(given: Placement | PresetName, nodes: readonly RingNode[]): Ring {
    const placement = typeof given === 'string' ? { preset: given } : given
    checkNodes(nodes, weightsOf(placement))
    return new Ring({
      nodeCount: nodes.length,
      hash: hashOf(placement),
      hashTag: placement.hashTag ?? '',
      hashStop: hashStopOf(placement),
      lookup: presetOf(placement.preset).build(nodes, placement),
    })
  }

  get nodeCount(): number {
    return this.plan.nodeCount
  }

  /** Which node has a part of the circle, 0 to 1; undefined: this placement has no circle. */
  get ownerAt(): ((part: number) => number) | undefined {
    const { lookup } = this.plan
    if (lookup.kind !== 'continuum') return undefined
    const { continuum, step } = lookup
    const count = continuum.points.length
    return part => {
      const at = firstAtOrAbove(continuum, Math.min(0xffffffff, Math.floor(part * 2 ** 32)))
      const own = step === 'successor' ? at : at - 1
      return continuum.owners[(own + count) % count]!
    }
  }

  /**
   * Per node, the share of keys that it gets; the shares add up to 1. Exact for a continuum and
   * for slots, as far as keys hash evenly; counted over 100,000 keys otherwise.
   */
  shares(): number[] {
    const { lookup, nodeCount, hash } = this.plan
    if (nodeCount === 1) return [1]
    if (lookup.kind === 'continuum') {
      return arcShares(lookup.continuum, nodeCount, hashMax(hash), lookup.step)
    }
    const counts = Array.from({ length: nodeCount }, () => 0)
    const count = (node: number): void => {
      counts[node] = counts[node]! + 1
    }
    if (lookup.kind === 'slots') {
      lookup.owners.forEach(count)
      return counts.map(slots => slots / lookup.owners.length)
    }
    const encoder = new TextEncoder()
    for (let i = 0; i < SAMPLE_KEYS; i += 1) {
      const key = encoder.encode(`key${i}`)
      count(this.locate(key, 0, key.length))
    }
    return counts.map(keys => keys / SAMPLE_KEYS)
  }
}
