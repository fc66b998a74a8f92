/**
 * Counts replies in a stream of bytes and checks each against the request that it answers. It
 * believes nothing: keys, flags, sizes, the value's bytes, line ends and the order are compared.
 *
 *     line ──VALUE──▶ value ──size + 2 bytes──▶ line ──END──▶ hit        (all keys of a get hit)
 *     line ──END────────────────────────────────────────────▶ miss       (one did not)
 *     line ──STORED─────────────────────────────────────────▶ stored
 *     line ──ERROR, CLIENT_ERROR …, SERVER_ERROR …, NOT_STORED ▶ error   (complaint, goes on)
 *     line ──anything else──▶ out of step: `push` returns false, the connection is of no more use
 *
 * A value that is complete but wrong (another key's, another size, other bytes) is an error too.
 * The bytes may be cut anywhere; a line that is cut is kept, at most LINE_SIZE_MAX bytes of it.
 */
import { equalBytes, latin1, toLatin1 } from '../base/bytes.ts'
import type { Outstanding } from './outstanding.ts'
import type { RequestBytes } from './request-bytes.ts'

export const Outcome = { hit: 0, miss: 1, stored: 2, error: 3 } as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

export interface ReplySink {
  /** The oldest outstanding request is answered; the sink takes it off the queue. */
  onReply(outcome: Outcome): void
  /** Something was not as it should be. `kind` groups what is the same, `detail` is one example. */
  onComplaint(kind: string, detail: string): void
}

const CR = 0x0d
const LF = 0x0a
/** The longest right line is 279 bytes; an error may say a little more. */
const LINE_SIZE_MAX = 1024
/** memcached's own greatest value size: what announces more is not a memcached reply. */
const VALUE_SIZE_MAX = 1024 * 1024 * 1024
const QUOTED_CHARS_MAX = 80

const END = latin1('END')
const STORED = latin1('STORED')
const VALUE_LINE = /^VALUE (\S{1,250}) (\d{1,10}) (\d{1,10})$/
const ERROR_LINE = /^(ERROR|CLIENT_ERROR .*|SERVER_ERROR .*)$/
const REFUSAL_LINE = /^(NOT_STORED|EXISTS|NOT_FOUND)$/

export class ReplyScanner {
  readonly #requests: RequestBytes
  readonly #outstanding: Outstanding
  readonly #sink: ReplySink
  readonly #line = new Uint8Array(LINE_SIZE_MAX)
  #lineSize = 0
  /** Bytes of the value and its line end that are still to come. */
  #valueRemaining = 0
  #valueSize = 0
  /** Values seen for the oldest request. */
  #valueCount = 0
  /** Which of its keys the next value may be of: this one, or a later one where some miss. */
  #place = 0
  /** The key of the value being read. */
  #valueKey = 0
  /** Something in the reply being read was wrong. */
  #wrong = false

  constructor(requests: RequestBytes, outstanding: Outstanding, sink: ReplySink) {
    this.#requests = requests
    this.#outstanding = outstanding
    this.#sink = sink
  }

  /** Reads the first `size` bytes. False: out of step, after a complaint that says why. */
  push(bytes: Buffer, size: number): boolean {
    let at = 0
    while (at < size) {
      if (this.#valueRemaining > 0) {
        const taken = Math.min(this.#valueRemaining, size - at)
        if (!this.#takeValue(bytes, at, taken)) return false
        at += taken
        continue
      }
      const lineEnd = findLineFeed(bytes, at, size)
      if (lineEnd < 0) return this.#keep(bytes, at, size)
      if (!this.#takeLine(bytes, at, lineEnd)) return false
      at = lineEnd + 1
    }
    return true
  }

  /** Forgets a reply that was cut off: the connection is a new one. */
  reset(): void {
    this.#lineSize = 0
    this.#valueRemaining = 0
    this.#valueCount = 0
    this.#place = 0
    this.#wrong = false
  }

  #keep(bytes: Buffer, at: number, size: number): boolean {
    const length = size - at
    if (this.#lineSize + length > LINE_SIZE_MAX) {
      return this.#outOfStep(
        'line without an end',
        toLatin1(bytes, at, Math.min(length, LINE_SIZE_MAX)),
      )
    }
    this.#line.set(bytes.subarray(at, size), this.#lineSize)
    this.#lineSize += length
    return true
  }

  /** A line whose line feed is at `lineEnd`; its first part may have been kept. */
  #takeLine(bytes: Buffer, at: number, lineEnd: number): boolean {
    if (this.#lineSize === 0) return this.#readLine(bytes, at, lineEnd - at)
    if (!this.#keep(bytes, at, lineEnd)) return false
    const size = this.#lineSize
    this.#lineSize = 0
    return this.#readLine(this.#line, 0, size)
  }

  /** `size` counts the carriage return that must end the line. */
  #readLine(line: Uint8Array, at: number, size: number): boolean {
    if (size > LINE_SIZE_MAX) {
      return this.#outOfStep('line without an end', toLatin1(line, at, LINE_SIZE_MAX))
    }
    const textSize = size - 1
    if (textSize < 0 || line[at + textSize] !== CR) {
      return this.#outOfStep('line without CR LF', toLatin1(line, at, size))
    }
    if (this.#outstanding.count === 0) {
      return this.#outOfStep('reply without a request', toLatin1(line, at, textSize))
    }
    if (this.#outstanding.isSet) {
      if (isText(line, at, textSize, STORED)) return this.#complete(Outcome.stored)
    } else {
      if (isText(line, at, textSize, END)) {
        return this.#complete(
          this.#valueCount === this.#requests.keysPerGet ? Outcome.hit : Outcome.miss,
        )
      }
      if (this.#valueCount < this.#requests.keysPerGet && this.#takeValueLine(line, at, textSize))
        return true
    }
    return this.#takeOtherLine(toLatin1(line, at, textSize))
  }

  #takeValueLine(line: Uint8Array, at: number, size: number): boolean {
    let valueSize = this.#requests.valueSize
    const place = this.#placeOf(line, at, size)
    if (place < 0) {
      const announced = this.#announcedSize(toLatin1(line, at, size))
      if (announced < 0) return false
      valueSize = announced
    }
    if (place >= 0) this.#place = place + 1
    this.#valueCount += 1
    this.#valueSize = valueSize
    this.#valueRemaining = valueSize + 2
    return true
  }

  /** Which of the request's keys a VALUE line is of, or -1; sets `#valueKey`. */
  #placeOf(line: Uint8Array, at: number, size: number): number {
    const { key } = this.#outstanding
    for (let place = this.#place; place < this.#requests.keysPerGet; place += 1) {
      this.#valueKey = this.#requests.keyAt(key, place)
      if (this.#requests.isValueLine(line, at, size, this.#valueKey)) return place
    }
    this.#valueKey = this.#requests.keyAt(key, Math.min(this.#place, this.#requests.keysPerGet - 1))
    return -1
  }

  /** The size in a VALUE line that is not the expected one, or -1 if it is no VALUE line at all. */
  #announcedSize(text: string): number {
    const [, key, flags, sizeText] = VALUE_LINE.exec(text) ?? []
    const size = Number(sizeText)
    if (key === undefined || flags === undefined || size > VALUE_SIZE_MAX) return -1
    const wanted = this.#requests.keyText(this.#valueKey)
    if (key !== wanted) this.#complain('value of another key', `"${key}" instead of "${wanted}"`)
    if (flags !== '0') this.#complain('value with other flags', `${flags} for "${wanted}"`)
    if (size !== this.#requests.valueSize) {
      const expected = this.#requests.valueSize
      this.#complain('value of another size', `${size} instead of ${expected} for "${wanted}"`)
    }
    // Right in every part and still not the expected line: written in another way.
    if (!this.#wrong) this.#complain('value line in another form', `"${printable(text)}"`)
    return size
  }

  #takeValue(bytes: Buffer, at: number, length: number): boolean {
    const valueAt = this.#valueSize + 2 - this.#valueRemaining
    const dataLength = Math.max(0, Math.min(length, this.#valueSize - valueAt))
    this.#checkValue(bytes, at, dataLength, valueAt)
    for (let i = dataLength; i < length; i += 1) {
      const expected = valueAt + i === this.#valueSize ? CR : LF
      if (bytes[at + i] !== expected) {
        const key = this.#requests.keyText(this.#valueKey)
        return this.#outOfStep('value without CR LF behind it', `value of "${key}"`)
      }
    }
    this.#valueRemaining -= length
    return true
  }

  #checkValue(bytes: Buffer, at: number, length: number, valueAt: number): void {
    // A reply that is wrong already has been complained about: once is enough.
    if (this.#wrong || length === 0) return
    const key = this.#valueKey
    if (this.#requests.isValue(bytes, at, length, key, valueAt)) return
    const where = `bytes ${valueAt} to ${valueAt + length} of "${this.#requests.keyText(key)}"`
    this.#complain('value with other bytes', where)
  }

  #takeOtherLine(text: string): boolean {
    const isRefusal = this.#outstanding.isSet && REFUSAL_LINE.test(text)
    if (!isRefusal && !ERROR_LINE.test(text)) return this.#outOfStep('unexpected reply', text)
    this.#complain(printable(text), `answer to ${this.#requestText()}`)
    return this.#complete(Outcome.error)
  }

  #complete(outcome: Outcome): boolean {
    const checked = this.#wrong ? Outcome.error : outcome
    this.#valueCount = 0
    this.#place = 0
    this.#wrong = false
    this.#sink.onReply(checked)
    return true
  }

  #complain(kind: string, detail: string): void {
    this.#wrong = true
    this.#sink.onComplaint(kind, detail)
  }

  #outOfStep(kind: string, text: string): boolean {
    this.#complain(kind, `"${printable(text)}" after ${this.#requestText()}`)
    return false
  }

  #requestText(): string {
    if (this.#outstanding.count === 0) return 'no request'
    const verb = this.#outstanding.isSet ? 'set' : 'get'
    return `${verb} "${this.#requests.keyText(this.#outstanding.key)}"`
  }
}

function findLineFeed(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at += 1) if (bytes[at] === LF) return at
  return -1
}

function isText(line: Uint8Array, at: number, size: number, text: Uint8Array): boolean {
  return size === text.length && equalBytes(line, at, text, 0, size)
}

/** Bytes from the wire, made safe to print and not too long. */
function printable(text: string): string {
  const safe = text.slice(0, QUOTED_CHARS_MAX).replaceAll(/[^ -~]/g, '?')
  return text.length > QUOTED_CHARS_MAX ? `${safe}…` : safe
}
