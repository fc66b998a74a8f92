/**
 * The keys that are asked for most, found while requests pass: Space-Saving (Metwally, Agrawal, El
 * Abbadi, 2005) over about one request in 32, in memory that is fixed and shared by the threads.
 *
 *   a thread:  total, since │ slot 0: count, error │ … │ slot 0: sequence, hash, size │ … │ keys
 *              └─────────── float64 ──────────────┘   └─────── int32 ───────────────┘
 *
 * A key that has no slot takes that of the smallest count, which it inherits as its possible error.
 * Counts are halved every ten seconds, so what was hot goes. Each thread writes its own part;
 * whoever reads a slot looks at its sequence before and after: odd or changed means the key was
 * being exchanged, and the slot is left out.
 */
import { equalBytes } from '../base/bytes.ts'
import { Prng } from '../base/prng.ts'
import { KEY_MAX } from '../protocol/limits.ts'
import type { Request } from '../protocol/request.ts'

const SLOTS = 64
/** Requests from one that is counted to the next: 1 to 63, at random, so no pattern is missed. */
const GAP_MAX = 63
const GAP_MEAN = (1 + GAP_MAX) / 2
const HALVED_AFTER_MS = 10_000
/** Keys that are shown. */
const SHOWN_MAX = 20
/** Of all requests; what is less is not hot, or only seems so. */
const SHARE_MIN = 0.005

const HEAD = 2
const FLOATS = HEAD + SLOTS * 2
const WORDS = SLOTS * 3
const KEYS_BYTES = SLOTS * 256
const KEYS_AT = FLOATS * 8 + WORDS * 4
const PART_BYTES = KEYS_AT + KEYS_BYTES

export type HotKey = { key: string; share: number; perSecond: number }

class Part {
  readonly floats: Float64Array
  readonly words: Int32Array
  readonly keys: Uint8Array

  constructor(buffer: SharedArrayBuffer, thread: number) {
    const at = thread * PART_BYTES
    this.floats = new Float64Array(buffer, at, FLOATS)
    this.words = new Int32Array(buffer, at + FLOATS * 8, WORDS)
    this.keys = new Uint8Array(buffer, at + KEYS_AT, KEYS_BYTES)
  }
}

export class HotKeys {
  readonly #parts: readonly Part[]
  readonly #own: Part
  readonly #prng: Prng
  readonly #nowMs: () => number
  #gap = 1

  constructor(buffer: SharedArrayBuffer, thread: number, nowMs: () => number, seed: number) {
    const threads = buffer.byteLength / PART_BYTES
    this.#parts = Array.from({ length: threads }, (_, one) => new Part(buffer, one))
    this.#own = this.#parts[thread]!
    this.#nowMs = nowMs
    this.#prng = new Prng(seed)
    this.#own.floats[1] = nowMs()
  }

  static memory(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * PART_BYTES)
  }

  /** A request passes. */
  see(request: Request): void {
    this.#gap -= 1
    if (this.#gap > 0) return
    this.#gap = 1 + this.#prng.below(GAP_MAX)
    if (request.keySize > 0 && request.keySize <= KEY_MAX) this.#count(request)
  }

  #count({ key, keyAt, keySize }: Request): void {
    const { floats, words, keys } = this.#own
    this.#age()
    floats[0] = floats[0]! + 1
    const hash = hashOf(key, keyAt, keySize)
    let least = 0
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const isIt = words[slot * 3 + 1] === hash && words[slot * 3 + 2] === keySize
      if (isIt && equalBytes(key, keyAt, keys, slot * 256, keySize)) {
        floats[HEAD + slot * 2] = floats[HEAD + slot * 2]! + 1
        return
      }
      if (floats[HEAD + slot * 2]! < floats[HEAD + least * 2]!) least = slot
    }
    Atomics.add(words, least * 3, 1)
    words[least * 3 + 1] = hash
    words[least * 3 + 2] = keySize
    for (let i = 0; i < keySize; i += 1) keys[least * 256 + i] = key[keyAt + i]!
    const inherited = floats[HEAD + least * 2]!
    floats[HEAD + least * 2 + 1] = inherited
    floats[HEAD + least * 2] = inherited + 1
    Atomics.add(words, least * 3, 1)
  }

  /** The sum of what was counted and the time in which it was grow old together. */
  #age(): void {
    const { floats } = this.#own
    const now = this.#nowMs()
    if (now - floats[1]! < HALVED_AFTER_MS * 2) return
    // After a long silence nothing is left of it: 2^-1074 is the least there is.
    const times = Math.min(1100, Math.floor((now - floats[1]!) / HALVED_AFTER_MS) - 1)
    const factor = 2 ** -times
    floats[0] = floats[0]! * factor
    for (let i = HEAD; i < FLOATS; i += 1) floats[i] = floats[i]! * factor
    floats[1] = now - HALVED_AFTER_MS
  }

  /** Of all threads, hottest first: what is certain of each, so no key is shown by mistake. */
  top(): HotKey[] {
    const now = this.#nowMs()
    const found = new Map<string, { count: number; perSecond: number }>()
    let total = 0
    for (const part of this.#parts) {
      const all = part.floats[0]!
      if (all === 0) continue
      total += all
      const seconds = Math.max(1, (now - part.floats[1]!) / 1000)
      for (let slot = 0; slot < SLOTS; slot += 1) {
        const read = readSlot(part, slot)
        if (read === undefined) continue
        const known = found.get(read.key) ?? { count: 0, perSecond: 0 }
        known.count += read.count
        known.perSecond += (read.count * GAP_MEAN) / seconds
        found.set(read.key, known)
      }
    }
    return [...found]
      .map(([key, { count, perSecond }]) => ({ key, share: count / total, perSecond }))
      .filter(({ share }) => share >= SHARE_MIN)
      .sort((left, right) => right.share - left.share)
      .slice(0, SHOWN_MAX)
  }
}

/** Undefined: there is nothing in it, or its thread was writing it. */
function readSlot(
  { floats, words, keys }: Part,
  slot: number,
): { key: string; count: number } | undefined {
  const before = Atomics.load(words, slot * 3)
  const size = words[slot * 3 + 2]!
  const key = Buffer.from(keys.slice(slot * 256, slot * 256 + size)).toString('latin1')
  const count = floats[HEAD + slot * 2]! - floats[HEAD + slot * 2 + 1]!
  const isWhole = Atomics.load(words, slot * 3) === before && before % 2 === 0
  return isWhole && size > 0 ? { key, count } : undefined
}

/** `stats hotkeys`: a row a key, its share of all requests and how many a second those are. */
export function hotKeyRows(keys: readonly HotKey[]): [name: string, value: string][] {
  return keys.map(({ key, share, perSecond }) => [
    sayable(key),
    `${(share * 100).toFixed(1)}% ${Math.round(perSecond)}/s`,
  ])
}

/** Binary clients' keys may hold anything. */
function sayable(key: string): string {
  return key.replaceAll(/[^!-~]|%/g, escaped)
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function hashOf(bytes: Uint8Array, at: number, size: number): number {
  let hash = 0x811c9dc5
  for (let i = at; i < at + size; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}
