/**
 * One item in a segment. `item` is a count of 4-byte words from the region's start.
 *
 *   word 0  exptime        unix seconds; 0 never expires
 *        1  last access    unix seconds
 *        2  packed         value size (15 bits) · key size (8) · state (9)
 *        3  cas low        4  cas high        not in a store without cas (-C)
 *        …  [client flags, only if not zero] [value size, only if LARGE] key value
 *
 * packed:  31       23 22    15 14           0
 *          [ state  9 ][ key  8 ][ value size 15 ]
 * state bits: see ItemState. A LARGE item's value runs on from its key to the end of its segment
 * and through the chained segments (large-values.ts); its size stands in a word of its own.
 */
import { assert } from '../base/assert.ts'
import { CAS_BYTES, INLINE_VALUE_MAX, itemSize } from '../base/item-size.ts'
import type { KeyHash } from './hash.ts'

const EXPTIME = 0
const LAST_ACCESS = 1
const PACKED = 2
const CAS = 3
const HEADER_WORDS = 5
const HEADER_WORDS_WITHOUT_CAS = 3
const VALUE_BITS = 15
const KEY_BITS = 8
const VALUE_MASK = 2 ** VALUE_BITS - 1
const KEY_MASK = 2 ** KEY_BITS - 1
const STATE_SHIFT = VALUE_BITS + KEY_BITS

export const ItemState = {
  /** Client flags are not zero and have a word. */
  flags: 1,
  /** The value has segments of its own. */
  large: 2,
  /** Read since it was stored, or since it last had to prove itself. */
  fetched: 4,
  /** Read since it was stored. */
  read: 8,
  /** Marked as out of date: who reads it may win the right to renew it. */
  stale: 16,
  /** Somebody has won it. */
  tokenSent: 32,
  /** Its key was given as base64 and is to be shown so. */
  binaryKey: 64,
} as const

/** What an item is made of, before it is written. */
export type ItemShape = { keySize: number; valueSize: number; clientFlags: number }

export class Items {
  readonly #words: Uint32Array
  readonly #headerWords: number

  /** @param hasCas false: no item of this store has a cas, and is that much smaller. */
  constructor(words: Uint32Array, hasCas: boolean) {
    this.#words = words
    this.#headerWords = hasCas ? HEADER_WORDS : HEADER_WORDS_WITHOUT_CAS
  }

  get hasCas(): boolean {
    return this.#headerWords === HEADER_WORDS
  }

  /** Words an item takes that keeps its value inside a segment. */
  inlineWords(keySize: number, valueSize: number, clientFlags: number): number {
    const flags = clientFlags === 0 ? 0 : 1
    return this.#headerWords + flags + Math.ceil((keySize + valueSize) / 4)
  }

  /**
   * Writes a whole header but for the cas, which is given when the item is linked. `marks`: state
   * bits beside those of its shape.
   */
  write(item: number, shape: ItemShape & { marks: number }, exptime: number, now: number): void {
    const words = this.#words
    const large = shape.valueSize > INLINE_VALUE_MAX
    const hasFlags = shape.clientFlags !== 0
    const layout = (hasFlags ? ItemState.flags : 0) | (large ? ItemState.large : 0)
    const state = layout | shape.marks
    words[item + EXPTIME] = exptime
    words[item + LAST_ACCESS] = now
    const inlineSize = large ? 0 : shape.valueSize
    words[item + PACKED] = (state << STATE_SHIFT) | (shape.keySize << VALUE_BITS) | inlineSize
    let next = item + this.#headerWords
    if (hasFlags) {
      words[next] = shape.clientFlags
      next += 1
    }
    if (large) words[next] = shape.valueSize
  }

  /** Words that a large item takes. */
  largeWords(keySize: number, valueSize: number, clientFlags: number): number {
    return this.inlineWords(keySize, valueSize, clientFlags) + 1
  }

  /** As `writeDead`, in a run. */
  writeDeadLarge(item: number, size: number): void {
    this.#words[item + PACKED] = ItemState.large << STATE_SHIFT
    this.#words[item + this.#headerWords] = (size - this.#headerWords - 1) * 4
  }

  /** A header for room that was reserved and is not used: walks go over it. `size`: words. */
  writeDead(item: number, size: number): void {
    const payload = (size - this.#headerWords) * 4
    const keySize = Math.min(KEY_MASK, payload)
    this.#words[item + PACKED] = (keySize << VALUE_BITS) | (payload - keySize)
  }

  /** Only in a store with cas. Caller holds the bucket lock. */
  setCas(item: number, low: number, high: number): void {
    this.#words[item + CAS] = low
    this.#words[item + CAS + 1] = high
  }

  /** 0 in a store without cas. */
  casLow(item: number): number {
    return this.hasCas ? this.#words[item + CAS]! : 0
  }

  casHigh(item: number): number {
    return this.hasCas ? this.#words[item + CAS + 1]! : 0
  }

  exptime(item: number): number {
    return this.#words[item + EXPTIME]!
  }

  setExptime(item: number, exptime: number): void {
    this.#words[item + EXPTIME] = exptime
  }

  lastAccess(item: number): number {
    return this.#words[item + LAST_ACCESS]!
  }

  /** Caller holds the bucket lock. */
  markRead(item: number, now: number): void {
    this.#words[item + LAST_ACCESS] = now
    this.mark(item, ItemState.fetched | ItemState.read)
  }

  /** Worth keeping, though nobody has read it. Caller holds the bucket lock. */
  markUsed(item: number, now: number): void {
    this.#words[item + LAST_ACCESS] = now
    this.mark(item, ItemState.fetched)
  }

  /** It has to prove itself again. Caller holds the bucket lock. */
  clearFetched(item: number): void {
    this.unmark(item, ItemState.fetched)
  }

  isFetched(item: number): boolean {
    return this.isMarked(item, ItemState.fetched)
  }

  isRead(item: number): boolean {
    return this.isMarked(item, ItemState.read)
  }

  /** Sets state bits that are not of the item's shape. Caller holds the bucket lock. */
  mark(item: number, marks: number): void {
    this.#words[item + PACKED] = this.#words[item + PACKED]! | (marks << STATE_SHIFT)
  }

  /** Caller holds the bucket lock. */
  unmark(item: number, marks: number): void {
    this.#words[item + PACKED] = this.#words[item + PACKED]! & ~(marks << STATE_SHIFT)
  }

  isMarked(item: number, mark: number): boolean {
    return ((this.#words[item + PACKED]! >>> STATE_SHIFT) & mark) !== 0
  }

  isLarge(item: number): boolean {
    return ((this.#words[item + PACKED]! >>> STATE_SHIFT) & ItemState.large) !== 0
  }

  clientFlags(item: number): number {
    const has = (this.#words[item + PACKED]! >>> STATE_SHIFT) & ItemState.flags
    return has === 0 ? 0 : this.#words[item + this.#headerWords]!
  }

  keySize(item: number): number {
    return (this.#words[item + PACKED]! >>> VALUE_BITS) & KEY_MASK
  }

  valueSize(item: number): number {
    const packed = this.#words[item + PACKED]!
    const state = packed >>> STATE_SHIFT
    if ((state & ItemState.large) === 0) return packed & VALUE_MASK
    return this.#words[item + this.#headerWords + (state & ItemState.flags)]!
  }

  /** Byte offset of the key. */
  keyAt(item: number): number {
    return (item + this.#shapeWords(this.#words[item + PACKED]! >>> STATE_SHIFT)) * 4
  }

  /** Whether an item's key is what was hashed last. */
  hasKey(item: number, { keySize, keyWords }: KeyHash): boolean {
    const words = this.#words
    const packed = words[item + PACKED]!
    if (((packed >>> VALUE_BITS) & KEY_MASK) !== keySize) return false
    const at = item + this.#shapeWords(packed >>> STATE_SHIFT)
    const whole = keySize >> 2
    for (let i = 0; i < whole; i += 1) if (words[at + i] !== keyWords[i]) return false
    const rest = keySize & 3
    return rest === 0 || (words[at + whole]! & (2 ** (8 * rest) - 1)) === keyWords[whole]
  }

  /** Behind the header, before the value: up to three bytes of the value's are written over. */
  writeKey(item: number, { keySize, keyWords }: KeyHash): void {
    const at = item + this.#shapeWords(this.#words[item + PACKED]! >>> STATE_SHIFT)
    const count = (keySize + 3) >> 2
    for (let i = 0; i < count; i += 1) this.#words[at + i] = keyWords[i]!
  }

  /** Words before the key. */
  #shapeWords(state: number): number {
    return this.#headerWords + (state & ItemState.flags) + ((state & ItemState.large) >> 1)
  }

  /** Byte offset of the value's first byte. */
  valueAt(item: number): number {
    return this.keyAt(item) + this.keySize(item)
  }

  /** Bytes an item takes, as counted in `bytes`. */
  countedBytes(item: number): number {
    if (!this.isLarge(item)) return this.sizeWords(item) * 4
    return this.valueAt(item) - item * 4 + this.valueSize(item)
  }

  /** … and as memcached would count them. */
  memcachedBytes(item: number): number {
    const size = itemSize(this.keySize(item), this.valueSize(item), this.clientFlags(item))
    return this.hasCas ? size : size - CAS_BYTES
  }

  /** Words of any item, its value included. */
  allWords(item: number): number {
    return this.isLarge(item) ? Math.ceil(this.countedBytes(item) / 4) : this.sizeWords(item)
  }

  /** Words of an inline item. */
  sizeWords(item: number): number {
    const packed = this.#words[item + PACKED]!
    const flags = (packed >>> STATE_SHIFT) & ItemState.flags
    const payload = (packed & VALUE_MASK) + ((packed >>> VALUE_BITS) & KEY_MASK)
    return this.#headerWords + flags + Math.ceil(payload / 4)
  }
}

// Invariants
assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, 'keys are read as words here')
assert(HEADER_WORDS * 4 === 20, 'the header is the 20 bytes that the density target counts on')
assert(HEADER_WORDS - HEADER_WORDS_WITHOUT_CAS === 2, 'a cas is two words')
assert(INLINE_VALUE_MAX <= VALUE_MASK, 'an inline value size fits its field')
assert(STATE_SHIFT + 9 === 32, 'the three fields tile the packed word')
assert(ItemState.binaryKey < 2 ** 9, 'the state bits fit their field')
assert(ItemState.flags === 1 && ItemState.large === 2, '#shapeWords turns these bits into counts')
