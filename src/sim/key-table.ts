/**
 * Keys by a hash of 64 bits, and what is known of each: its bytes and its exptime. Open addressing
 * with linear probing; an entry keeps its number, so that lists can be made of entries. Two keys of
 * one hash would be one here: among 100 million keys that happens with a chance of 1 in 3,700.
 *
 *   slots     hash ──▶ entry + 1, 0 is empty; at most half full
 *   entries   hash, bytes, exptime, 16 bytes each; free ones are in a list through `#low`
 */
import { SimError } from './trace-request.ts'

export const NONE = -1
/** Some 3 GB of tables; `new Uint32Array` of the next size might fail. */
export const ENTRIES_MAX = 2 ** 27
const ENTRIES_FIRST = 1024

export class KeyTable {
  readonly #countMax: number
  #slots = new Uint32Array(ENTRIES_FIRST * 2)
  #mask = ENTRIES_FIRST * 2 - 1
  #low = new Uint32Array(ENTRIES_FIRST)
  #high = new Uint32Array(ENTRIES_FIRST)
  #bytes = new Uint32Array(ENTRIES_FIRST)
  #exptime = new Uint32Array(ENTRIES_FIRST)
  #used = 0
  #free = NONE
  count = 0

  constructor(countMax = ENTRIES_MAX) {
    this.#countMax = countMax
  }

  /** Entries that there is room for: those who keep lists keep them as long. */
  get capacity(): number {
    return this.#low.length
  }

  bytesOf(entry: number): number {
    return this.#bytes[entry]!
  }

  exptimeOf(entry: number): number {
    return this.#exptime[entry]!
  }

  set(entry: number, bytes: number, exptime: number): void {
    this.#bytes[entry] = bytes
    this.#exptime[entry] = exptime
  }

  setExptime(entry: number, exptime: number): void {
    this.#exptime[entry] = exptime
  }

  /** The entry of a key, or NONE. */
  find(low: number, high: number): number {
    const slots = this.#slots
    for (let at = low & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = slots[at]! - 1
      if (entry < 0) return NONE
      if (this.#low[entry] === low && this.#high[entry] === high) return entry
    }
  }

  /**
   * An entry for a key that has none.
   * @throws SimError when there are too many.
   */
  add(low: number, high: number): number {
    if (this.count >= this.#countMax) {
      throw new SimError(`Cannot tell so many keys apart: expected at most ${this.#countMax}`)
    }
    if ((this.count + 1) * 2 > this.#slots.length) this.#growSlots()
    const entry = this.#takeEntry()
    this.#low[entry] = low
    this.#high[entry] = high
    this.#fill(entry)
    this.count += 1
    return entry
  }

  /** Moves back what stands behind, so that no probe ends early. */
  remove(entry: number): void {
    const slots = this.#slots
    const mask = this.#mask
    let hole = this.#low[entry]! & mask
    while (slots[hole] !== entry + 1) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#low[slots[at]! - 1]! & mask
      // It may stand in the hole if the hole is not before its home, seen around the end.
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        slots[hole] = slots[at]!
        hole = at
      }
    }
    slots[hole] = 0
    this.#low[entry] = this.#free + 1
    this.#free = entry
    this.count -= 1
  }

  #takeEntry(): number {
    if (this.#free !== NONE) {
      const entry = this.#free
      this.#free = this.#low[entry]! - 1
      return entry
    }
    if (this.#used === this.#low.length) this.#growEntries()
    this.#used += 1
    return this.#used - 1
  }

  #fill(entry: number): void {
    let at = this.#low[entry]! & this.#mask
    while (this.#slots[at] !== 0) at = (at + 1) & this.#mask
    this.#slots[at] = entry + 1
  }

  #growSlots(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    this.#mask = this.#slots.length - 1
    for (const slot of old) if (slot !== 0) this.#fill(slot - 1)
  }

  #growEntries(): void {
    this.#low = grown(this.#low)
    this.#high = grown(this.#high)
    this.#bytes = grown(this.#bytes)
    this.#exptime = grown(this.#exptime)
  }
}

/** Twice as long, with the same beginning. */
export function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(words.length * 2)
  longer.set(words)
  return longer
}
