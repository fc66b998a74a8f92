/**
 * `stats detail`: what is done with keys of each prefix (up to the delimiter of `-D`), counted by
 * all threads in one table of shared memory. Its pages are touched only as prefixes come.
 *
 *   slot:  state i32 · size i32 · get i32 · hit i32 · set i32 · del i32 · – · – · prefix 256 bytes
 *   A slot belongs to its prefix once its state is READY; whoever sets WRITING first fills it.
 */
import { toLatin1 } from '../base/bytes.ts'
import type { StatRow } from '../session/executor.ts'

/** memcached counts no more than this many. */
const SLOTS = 65_536
const SLOT_BYTES = 288
const PREFIX_AT = 32
/** Slots looked at for a prefix: beyond, it is not counted. */
const PROBES_MAX = 32
const FREE = 0
const WRITING = 1
const READY = 2
const STATE = 0
const SIZE = 1

/** What is counted, as words of a slot. */
export const Use = { get: 2, hit: 3, set: 4, del: 5 } as const
export type Use = (typeof Use)[keyof typeof Use]

export class PrefixStats {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #delimiter: number

  constructor(delimiter: string, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(SLOTS * SLOT_BYTES)
    this.#words = new Int32Array(this.buffer)
    this.#bytes = new Uint8Array(this.buffer)
    this.#delimiter = delimiter.charCodeAt(0)
  }

  /** Keys without a delimiter have no prefix and are not counted. */
  count(use: Use, key: Uint8Array, keyAt: number, keySize: number): void {
    let size = 0
    while (size < keySize && key[keyAt + size] !== this.#delimiter) size += 1
    if (size === keySize) return
    const slot = this.#slotOf(key, keyAt, size)
    if (slot >= 0) Atomics.add(this.#words, slot + use, 1)
  }

  /** `get N hit N set N del N` by prefix. */
  *rows(): Generator<StatRow> {
    for (let i = 0; i < SLOTS; i += 1) {
      const slot = wordOf(i)
      if (Atomics.load(this.#words, slot + STATE) !== READY) {
        if (i % SLOTS_PER_PIECE === 0) yield undefined
        continue
      }
      const prefix = toLatin1(this.#bytes, slot * 4 + PREFIX_AT, this.#words[slot + SIZE]!)
      const of = (use: Use): number => Atomics.load(this.#words, slot + use) >>> 0
      const { get, hit, set, del } = Use
      yield [prefix, `get ${of(get)} hit ${of(hit)} set ${of(set)} del ${of(del)}`]
    }
  }

  /** Counts from 0 again; prefixes keep their places, for others may be counting in them. */
  reset(): void {
    for (let i = 0; i < SLOTS; i += 1) {
      const slot = wordOf(i)
      if (this.#words[slot + STATE] !== READY) continue
      for (const use of Object.values(Use)) Atomics.store(this.#words, slot + use, 0)
    }
  }

  /** The slot of a prefix, a new one if need be; -1 when there is no room. */
  #slotOf(key: Uint8Array, at: number, size: number): number {
    const words = this.#words
    const first = hashOf(key, at, size)
    for (let probe = 0; probe < PROBES_MAX; probe += 1) {
      const slot = wordOf((first + probe) & (SLOTS - 1))
      if (Atomics.compareExchange(words, slot + STATE, FREE, WRITING) === FREE) {
        words[slot + SIZE] = size
        for (let i = 0; i < size; i += 1) this.#bytes[slot * 4 + PREFIX_AT + i] = key[at + i]!
        Atomics.store(words, slot + STATE, READY)
        return slot
      }
      // Somebody is just writing it: a few stores, so it is worth waiting for.
      while (Atomics.load(words, slot + STATE) === WRITING);
      if (this.#isPrefix(slot, key, at, size)) return slot
    }
    return -1
  }

  #isPrefix(slot: number, key: Uint8Array, at: number, size: number): boolean {
    if (this.#words[slot + SIZE] !== size) return false
    for (let i = 0; i < size; i += 1) {
      if (this.#bytes[slot * 4 + PREFIX_AT + i] !== key[at + i]) return false
    }
    return true
  }
}

/** Empty slots looked at before others get their turn. */
const SLOTS_PER_PIECE = 1024

function wordOf(index: number): number {
  return (index * SLOT_BYTES) / 4
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, at: number, size: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < size; i += 1) hash = Math.imul(hash ^ bytes[at + i]!, 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
