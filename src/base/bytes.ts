/**
 * Bytes in, bytes out: copying, comparing and writing numbers at an offset.
 * Writers take `(target, at, …)` and return the offset behind what they wrote; nothing here
 * allocates except `copyBytes` between two different buffers, above 32 bytes (one short-lived
 * view).
 */
const DIGIT_ZERO = 0x30
const TWO_32 = 4294967296
/** Below it numbers are divided as integers of 32 bits. */
const SMALL_END = 1_000_000_000

/** Copies `length` bytes; the ranges may overlap when both are the same array. */
export function copyBytes(
  target: Uint8Array,
  targetAt: number,
  source: Uint8Array,
  sourceAt: number,
  length: number,
): void {
  if (target === source) {
    target.copyWithin(targetAt, sourceAt, sourceAt + length)
    return
  }
  if (length < 32) {
    for (let i = 0; i < length; i += 1) target[targetAt + i] = source[sourceAt + i]!
    return
  }
  target.set(source.subarray(sourceAt, sourceAt + length), targetAt)
}

/** Up to here eight bytes at a time are faster than a call of copyWithin: that takes 20 ns. */
const SHORT_MAX = 128

/** Copies into one array, also from elsewhere in it: from where it does not write meanwhile. */
export class Copier {
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  copy(at: number, source: Uint8Array, sourceAt: number, length: number): void {
    if (source === this.#bytes && length <= SHORT_MAX) {
      copyShort(this.#view, at, sourceAt, length)
    } else {
      copyBytes(this.#bytes, at, source, sourceAt, length)
    }
  }
}

/** The last eight bytes may have been copied in part before. */
function copyShort(view: DataView, at: number, from: number, length: number): void {
  const last = length - 8
  if (last < 0) {
    for (let i = 0; i < length; i += 1) view.setUint8(at + i, view.getUint8(from + i))
    return
  }
  for (let i = 0; i < last; i += 8) {
    view.setBigUint64(at + i, view.getBigUint64(from + i, true), true)
  }
  view.setBigUint64(at + last, view.getBigUint64(from + last, true), true)
}

/** Bytes of one's own; unlike slice(), which gives a view where the bytes happen to be a Buffer. */
export function copyOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  copyBytes(copy, 0, bytes, at, length)
  return copy
}

/** Less is left to the collector, which costs less. */
const FREED_FROM_BYTES = 4096

/**
 * Gives memory of one's own back now. Whoever makes little else that is garbage would keep it for
 * long: the collector hardly counts what lies outside its heap. Nobody may use the bytes any more.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (bytes.length < FREED_FROM_BYTES || bytes.length !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

export function equalBytes(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i += 1) {
    if (left[leftAt + i] !== right[rightAt + i]) return false
  }
  return true
}

/** Writes constant bytes (a pre-encoded reply), byte by byte: they are short. */
export function put(target: Uint8Array, at: number, constant: Uint8Array): number {
  const length = constant.length
  for (let i = 0; i < length; i += 1) target[at + i] = constant[i]!
  return at + length
}

/** Writes a whole number of 0 … 2^53 - 1 in decimal. */
export function putUint(target: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    target[at] = DIGIT_ZERO + value
    return at + 1
  }
  let digits = 2
  for (let bound = 100; value >= bound; bound *= 10) digits += 1
  const behind = at + digits
  if (value < SMALL_END) putSmall(target, behind, value)
  else putLarge(target, behind, value)
  return behind
}

function putSmall(target: Uint8Array, behind: number, value: number): void {
  let rest = value | 0
  for (let i = behind - 1; rest > 0; i -= 1) {
    const next = (rest / 10) | 0
    target[i] = DIGIT_ZERO + (rest - next * 10)
    rest = next
  }
}

function putLarge(target: Uint8Array, behind: number, value: number): void {
  let rest = value
  for (let i = behind - 1; rest > 0; i -= 1) {
    const next = Math.floor(rest / 10)
    target[i] = DIGIT_ZERO + (rest - next * 10)
    rest = next
  }
}

/** Writes a 64-bit number, given as two 32-bit halves, in decimal. */
export function putUint64(target: Uint8Array, at: number, low: number, high: number): number {
  if (high < 0x200000) return putUint(target, at, high * TWO_32 + low)
  const text = ((BigInt(high) << 32n) | BigInt(low)).toString()
  for (let i = 0; i < text.length; i += 1) target[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** The bytes of a Latin-1 string; for constants and cold paths only. */
export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** The Latin-1 string of some bytes; for cold paths only. */
export function toLatin1(bytes: Uint8Array, at: number, length: number): string {
  let text = ''
  for (let i = 0; i < length; i += 1) text += String.fromCharCode(bytes[at + i]!)
  return text
}
