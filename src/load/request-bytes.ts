/**
 * The bytes of a workload's requests, and of the replies that a right server gives to them.
 * Everything is encoded once; per request only the eight digits of the key are written, and for a
 * set the value copied.
 *
 *     get memring-00000042 CRLF              or, with several keys: get memring-00000042 memring-…
 *     set memring-00000042 0 0 100 CRLF value CRLF
 *     VALUE memring-00000042 0 100 CRLF value CRLF END CRLF
 *
 * A key's value is cut from one pattern at a place that depends on the key, so a reader can tell
 * another key's value or a damaged one from the right one without remembering anything. A key
 * always has the same value: which of two sets of it a get has seen cannot be told.
 */
import { copyBytes, equalBytes, latin1, put } from '../base/bytes.ts'
import { Prng } from '../base/prng.ts'
import { KEY_DIGITS, type Workload } from './workload.ts'

const DIGIT_ZERO = 0x30
const CR = 0x0d
const LF = 0x0a
const PRINTABLE_FIRST = 0x21
const PRINTABLE_COUNT = 94
const PATTERN_SEED = 0x6d72
/** How many different values there are; prime, so that no power of two hides a mixed-up key. */
const VALUE_PLACES = 251
/** From one key of a get to the next: prime, so that they do not lie side by side in a store. */
const NEXT_KEY_STEP = 7919

export class RequestBytes {
  readonly valueSize: number
  readonly keysPerGet: number
  readonly getSize: number
  readonly setSize: number
  /** Bytes of `VALUE key flags size`, without the line end. */
  readonly valueLineSize: number
  readonly #keyCount: number
  readonly #getHead: Uint8Array
  readonly #nextHead: Uint8Array
  readonly #setHead: Uint8Array
  readonly #setTail: Uint8Array
  readonly #valueHead: Uint8Array
  readonly #valueTail: Uint8Array
  readonly #pattern: Uint8Array

  constructor(workload: Workload) {
    const { keyPrefix, valueSize, keysPerGet, keyCount } = workload
    this.valueSize = valueSize
    this.keysPerGet = keysPerGet
    this.#keyCount = keyCount
    this.#getHead = latin1(`get ${keyPrefix}`)
    this.#nextHead = latin1(` ${keyPrefix}`)
    this.#setHead = latin1(`set ${keyPrefix}`)
    this.#setTail = latin1(` 0 0 ${valueSize}\r\n`)
    this.#valueHead = latin1(`VALUE ${keyPrefix}`)
    this.#valueTail = latin1(` 0 ${valueSize}`)
    this.#pattern = patternOf(valueSize + VALUE_PLACES - 1)
    this.getSize = 'get'.length + keysPerGet * (this.#nextHead.length + KEY_DIGITS) + 2
    this.setSize = this.#setHead.length + KEY_DIGITS + this.#setTail.length + valueSize + 2
    this.valueLineSize = this.#valueHead.length + KEY_DIGITS + this.#valueTail.length
  }

  /** Writes `getSize` bytes and returns the offset behind them. */
  putGet(target: Uint8Array, at: number, key: number): number {
    let end = putDigits(target, put(target, at, this.#getHead), key)
    for (let place = 1; place < this.keysPerGet; place += 1) {
      end = putDigits(target, put(target, end, this.#nextHead), this.keyAt(key, place))
    }
    return putLineEnd(target, end)
  }

  /** The key at `place` of a get whose first is `key`. */
  keyAt(key: number, place: number): number {
    return (key + place * NEXT_KEY_STEP) % this.#keyCount
  }

  /** Writes `setSize` bytes and returns the offset behind them. */
  putSet(target: Uint8Array, at: number, key: number): number {
    const behindKey = putDigits(target, put(target, at, this.#setHead), key)
    const valueAt = put(target, behindKey, this.#setTail)
    copyBytes(target, valueAt, this.#pattern, placeOf(key), this.valueSize)
    return putLineEnd(target, valueAt + this.valueSize)
  }

  /** Whether the line at `at`, `size` bytes without its end, announces exactly this key's value. */
  isValueLine(bytes: Uint8Array, at: number, size: number, key: number): boolean {
    if (size !== this.valueLineSize) return false
    const keyAt = at + this.#valueHead.length
    const tailAt = keyAt + KEY_DIGITS
    return (
      equalBytes(bytes, at, this.#valueHead, 0, this.#valueHead.length) &&
      equalDigits(bytes, keyAt, key) &&
      equalBytes(bytes, tailAt, this.#valueTail, 0, this.#valueTail.length)
    )
  }

  /** Whether `size` bytes at `at` are those of this key's value from `valueAt` on. */
  isValue(bytes: Buffer, at: number, size: number, key: number, valueAt: number): boolean {
    const from = placeOf(key) + valueAt
    return bytes.compare(this.#pattern, from, from + size, at, at + size) === 0
  }

  /** The key as text, for messages. */
  keyText(key: number): string {
    const prefix = Buffer.from(this.#getHead.subarray(4)).toString('latin1')
    return prefix + String(key).padStart(KEY_DIGITS, '0')
  }
}

function placeOf(key: number): number {
  return key % VALUE_PLACES
}

function patternOf(size: number): Uint8Array {
  const prng = new Prng(PATTERN_SEED)
  const pattern = new Uint8Array(size)
  for (let i = 0; i < size; i += 1) pattern[i] = PRINTABLE_FIRST + prng.below(PRINTABLE_COUNT)
  return pattern
}

function putDigits(target: Uint8Array, at: number, key: number): number {
  let rest = key
  for (let i = at + KEY_DIGITS - 1; i >= at; i -= 1) {
    const next = Math.floor(rest / 10)
    target[i] = DIGIT_ZERO + rest - next * 10
    rest = next
  }
  return at + KEY_DIGITS
}

function equalDigits(bytes: Uint8Array, at: number, key: number): boolean {
  let rest = key
  for (let i = at + KEY_DIGITS - 1; i >= at; i -= 1) {
    const next = Math.floor(rest / 10)
    if (bytes[i] !== DIGIT_ZERO + rest - next * 10) return false
    rest = next
  }
  return true
}

function putLineEnd(target: Uint8Array, at: number): number {
  target[at] = CR
  target[at + 1] = LF
  return at + 2
}
