// What a client of the soak asks, at random, and what may be answered: sets, gets of one key and of
// several, gat, delete, touch, append, prepend, incr, decr; values of a few bytes to 1 MB, lifetimes
// of seconds, now and then noreply.

import type { Prng } from '../../src/base/prng.ts'
import { soakBlock } from './soak-value.ts'

/** The answers that one request may have. */
export type Expected = {
  readonly what: string
  /** Of a retrieval, which may find any of them. */
  readonly keys: readonly string[]
  /** Allowed last lines. */
  readonly lines: ReadonlySet<string>
  /** Whether a number is allowed too. */
  readonly orNumber?: boolean
}

export type Request = {
  readonly bytes: readonly (string | Buffer)[]
  /** Undefined: there will be no answer. */
  readonly expected: Expected | undefined
}

/** How the refusals begin that a full memory allows. */
export const NO_MEMORY = 'SERVER_ERROR out of memory'
const NO_MEMORY_TO_STORE = `${NO_MEMORY} storing object`
const NO_MEMORY_TO_READ = `${NO_MEMORY} writing get response`
const TOO_LARGE = 'SERVER_ERROR object too large for cache'

const KEYS = 20_000
const COUNTERS = 200
const LARGEST = 1_000_000
const stored = new Set(['STORED', NO_MEMORY_TO_STORE])
const joined = new Set(['STORED', 'NOT_STORED', NO_MEMORY_TO_STORE, TOO_LARGE])
const deleted = new Set(['DELETED', 'NOT_FOUND'])
const touched = new Set(['TOUCHED', 'NOT_FOUND', NO_MEMORY_TO_STORE])
const counted = new Set(['NOT_FOUND', NO_MEMORY])
const found = new Set(['END', NO_MEMORY_TO_READ])

export function anyRequest(prng: Prng): Request {
  const dice = prng.below(100)
  if (dice < 45) return retrieval(prng, 'get', 1)
  if (dice < 53) return retrieval(prng, 'get', 2 + prng.below(20))
  if (dice < 55) return retrieval(prng, `gat ${lifetime(prng)}`, 1)
  if (dice < 78) return storage(prng, 'set', sizeOf(prng), stored)
  if (dice < 82) return storage(prng, 'append', prng.below(400), joined)
  if (dice < 85) return storage(prng, 'prepend', prng.below(400), joined)
  if (dice < 90) return plain(prng, 'delete', '', deleted)
  if (dice < 95) return plain(prng, 'touch', ` ${lifetime(prng)}`, touched)
  return counting(prng)
}

/** One that takes the server long to answer. */
export function largeRetrieval(prng: Prng): Request {
  return retrieval(prng, 'get', 60)
}

/** A set of which only a part is sent, at random. */
export function partOfASet(prng: Prng): Buffer {
  const { bytes } = storage(prng, 'set', sizeOf(prng), stored)
  const whole = Buffer.concat(bytes.map(part => Buffer.from(part)))
  return whole.subarray(0, 1 + prng.below(whole.length - 1))
}

function retrieval(prng: Prng, verb: string, count: number): Request {
  const keys = [...new Set(Array.from({ length: count }, () => keyOf(prng)))]
  return { bytes: [`${verb} ${keys.join(' ')}\r\n`], expected: { what: verb, keys, lines: found } }
}

function storage(prng: Prng, verb: string, size: number, lines: ReadonlySet<string>): Request {
  const key = keyOf(prng)
  const block = soakBlock(key, size, prng)
  const isQuiet = prng.below(16) === 0
  const head = `${verb} ${key} 0 ${lifetime(prng)} ${block.length}${isQuiet ? ' noreply' : ''}\r\n`
  const expected = isQuiet ? undefined : { what: verb, keys: [], lines }
  return { bytes: [head, block, '\r\n'], expected }
}

function plain(prng: Prng, verb: string, more: string, lines: ReadonlySet<string>): Request {
  const isQuiet = prng.below(16) === 0
  const line = `${verb} ${keyOf(prng)}${more}${isQuiet ? ' noreply' : ''}\r\n`
  return { bytes: [line], expected: isQuiet ? undefined : { what: verb, keys: [], lines } }
}

function counting(prng: Prng): Request {
  const key = `number-${prng.below(COUNTERS)}`
  const dice = prng.below(10)
  if (dice === 0) {
    const what = 'set of a number'
    return { bytes: [`set ${key} 0 0 1\r\n7\r\n`], expected: { what, keys: [], lines: stored } }
  }
  const verb = dice < 6 ? 'incr' : 'decr'
  const bytes = [`${verb} ${key} ${prng.below(100_000)}\r\n`]
  return { bytes, expected: { what: verb, keys: [], lines: counted, orNumber: true } }
}

/** Half of all reads and writes go to a tenth of the keys. */
function keyOf(prng: Prng): string {
  return `key-${prng.below(prng.below(2) === 0 ? KEYS / 10 : KEYS)}`
}

/** Never, or seconds. */
function lifetime(prng: Prng): number {
  const dice = prng.below(4)
  return dice < 2 ? 0 : 1 + prng.below(dice === 2 ? 5 : 60)
}

/** Mostly small; some with segments of their own, a few of 1 MB. */
function sizeOf(prng: Prng): number {
  const dice = prng.below(1000)
  if (dice < 700) return prng.below(600)
  if (dice < 960) return prng.below(16_000)
  if (dice < 995) return 16_000 + prng.below(200_000)
  return dice < 998 ? prng.below(LARGEST) : LARGEST
}
