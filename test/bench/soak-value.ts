// Values of the soak: blocks that name their key and carry bytes of a pool that all clients know.
// What was appended or prepended is a block more, so every value can be checked whoever wrote it.
//
//   key size from, a space, `size` bytes of the pool at `from` │ the next block …

import { Prng } from '../../src/base/prng.ts'

const POOL_BYTES = 2 * 1024 * 1024
const HEADER_MAX = 300
const SPACE = 0x20

const pool = randomBytes(POOL_BYTES)

function randomBytes(size: number): Buffer {
  const prng = new Prng(4)
  return Buffer.from(Uint32Array.from({ length: size / 4 }, () => prng.uint32()).buffer)
}

/** @param size of the payload, at most 1 MiB. */
export function soakBlock(key: string, size: number, prng: Prng): Buffer {
  const from = prng.below(POOL_BYTES - size)
  const header = Buffer.from(`${key} ${size} ${from} `, 'latin1')
  return Buffer.concat([header, pool.subarray(from, from + size)])
}

/** What is wrong with a value found under this key; empty: nothing. */
export function soakFault(key: string, value: Buffer): string {
  for (let at = 0; at < value.length; ) {
    const header = headerAt(value, at)
    if (header === undefined) return `${key} holds no block at byte ${at} of ${value.length}`
    const { owner, size, from, payloadAt } = header
    if (owner !== key) return `${key} holds a block of ${owner}`
    const end = payloadAt + size
    if (end > value.length) return `${key} holds ${value.length} bytes, its block ends at ${end}`
    if (pool.compare(value, payloadAt, end, from, from + size) !== 0) {
      return `${key} holds a torn block at byte ${at} of ${value.length}`
    }
    at = end
  }
  return value.length === 0 ? `${key} holds nothing` : ''
}

type Header = { owner: string; size: number; from: number; payloadAt: number }

function headerAt(value: Buffer, at: number): Header | undefined {
  const ends: number[] = []
  for (let i = at; i < value.length && i < at + HEADER_MAX && ends.length < 3; i += 1) {
    if (value[i] === SPACE) ends.push(i)
  }
  const [keyEnd, sizeEnd, fromEnd] = ends
  if (keyEnd === undefined || sizeEnd === undefined || fromEnd === undefined) return undefined
  const size = Number(value.toString('latin1', keyEnd + 1, sizeEnd))
  const from = Number(value.toString('latin1', sizeEnd + 1, fromEnd))
  const isWhole = Number.isInteger(size) && Number.isInteger(from)
  if (!isWhole || from + size > POOL_BYTES) return undefined
  return { owner: value.toString('latin1', at, keyEnd), size, from, payloadAt: fromEnd + 1 }
}
