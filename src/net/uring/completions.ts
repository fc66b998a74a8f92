/**
 * Which request a completion belongs to: what stands in an entry's user data.
 *
 *   low:  slot of the stream          high: generation (29 bits) · kind (3 bits)
 *
 * A slot is used again with another generation, so a late completion never reaches a stranger.
 */
import { assert } from '../../base/assert.ts'

export const Kind = {
  receive: 0,
  send: 1,
  /** The socket can take more, is connected, or is broken. */
  writable: 2,
  /** The thread's eventfd. */
  wake: 3,
  cancel: 4,
  /** The peer sends no more, or the connection is broken. */
  hangUp: 5,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

const KIND_BITS = 3
const KIND_MASK = (1 << KIND_BITS) - 1
export const GENERATIONS = 2 ** (32 - KIND_BITS)

export function tagOf(generation: number, kind: Kind): number {
  return ((generation << KIND_BITS) | kind) >>> 0
}

export function kindOf(tag: number): number {
  return tag & KIND_MASK
}

export function generationOf(tag: number): number {
  return tag >>> KIND_BITS
}

// Invariants
assert(Math.max(...Object.values(Kind)) <= KIND_MASK, 'every kind fits its bits')
