/**
 * Which node holds a key. A ring is built whole on the main thread, never changed, and replaced
 * whole; data threads get its continuum by message and look keys up without making objects.
 */
import { checkNodes, type Continuum, type RingNode } from './continuum.ts'
import { hashringContinuum } from './hashring-preset.ts'
import { ketamaContinuum } from './ketama.ts'
import { md5First } from './md5.ts'

/** Every preset here hashes keys with md5; see `locate`. */
const builders = {
  ketama: ketamaContinuum,
  hashring: hashringContinuum,
} as const

export type Placement = keyof typeof builders

export const placements = Object.keys(builders) as readonly Placement[]

export class Ring {
  readonly continuum: Continuum
  readonly #points: Uint32Array
  readonly #owners: Uint16Array
  readonly #single: boolean

  constructor(continuum: Continuum) {
    this.continuum = continuum
    this.#points = continuum.points
    this.#owners = continuum.owners
    this.#single = continuum.nodeCount === 1
  }

  /** @throws RangeError for no or too many nodes, equal or empty labels, weights out of range. */
  static build(placement: Placement, nodes: readonly RingNode[]): Ring {
    checkNodes(nodes)
    return new Ring(builders[placement](nodes))
  }

  get nodeCount(): number {
    return this.continuum.nodeCount
  }

  /** The index, in configured order, of the node that holds the key of these bytes. */
  locate(bytes: Uint8Array, at: number, length: number): number {
    if (this.#single) return 0
    return this.ownerOf(md5First(bytes, at, length))
  }

  /** The node of the first point at or above the hash; past the last point, of the first one. */
  ownerOf(hash: number): number {
    const points = this.#points
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (points[middle]! < hash) low = middle + 1
      else high = middle
    }
    return this.#owners[low === points.length ? 0 : low]!
  }

  /** Per node, the share of all possible hashes that it owns; the shares add up to 1. */
  shares(): number[] {
    const shares = Array.from({ length: this.nodeCount }, () => 0)
    if (this.#single) return [1]
    const last = this.#points[this.#points.length - 1]!
    // The first point also owns the arc that closes the circle behind the last one.
    let previous = last - 2 ** 32
    this.#points.forEach((point, at) => {
      const owner = this.#owners[at]!
      shares[owner] = shares[owner]! + (point - previous) / 2 ** 32
      previous = point
    })
    return shares
  }
}
