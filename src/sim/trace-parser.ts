/**
 * Cache traces as text, a request a line, in pieces of any size. No strings and no objects a line.
 *
 *   plain     time,key,size,op,ttl
 *   twitter   time,key,key size,value size,client id,op,ttl      (github.com/twitter/cache-trace)
 *
 * Columns are found from both ends, because keys may have commas in them. Empty lines and those
 * that begin with # say nothing; a first line of column names is passed over. A time may have a
 * fraction, which does not count, and times that go back are as late as those before them.
 */
import {
  KEY_SIZE_MAX,
  newRequest,
  Op,
  OP_NAMES,
  SECONDS_MAX,
  SimError,
  type TraceRequest,
  VALUE_SIZE_LIMIT,
  type Visit,
} from './trace-request.ts'

export type TraceFormat = 'plain' | 'twitter'

export type TraceParserOptions = {
  /** What the trace is called in messages. */
  name: string
  /** `auto`: by the number of columns of the first request. */
  format: TraceFormat | 'auto'
  /** Counts lines that are not requests instead of throwing. */
  skipBad: boolean
}

export const LINE_BYTES_MAX = 1024
const COLUMNS = { plain: 5, twitter: 7 } as const
const LF = 0x0a
const CR = 0x0d
const COMMA = 0x2c
const DOT = 0x2e
const HASH = 0x23
const ZERO = 0x30
/** More digits than this are no size and no time. */
const DIGITS_MAX = 10
const FILL = 0x2e

const opWords = OP_NAMES.map(name => Buffer.from(name))

export class TraceParser {
  readonly #options: TraceParserOptions
  readonly #visit: Visit
  readonly #request: TraceRequest = newRequest()
  /** Where keys stand that are shorter here than they were. */
  readonly #paddedKey = new Uint8Array(KEY_SIZE_MAX).fill(FILL)
  /** The beginning of a line whose end has not come yet. */
  readonly #rest = Buffer.alloc(LINE_BYTES_MAX)
  #restSize = 0
  /** Whether the line that is coming is already known to be too long. */
  #isOverlong = false
  #format: TraceFormat | undefined
  #bytes: Buffer = this.#rest
  #lineAt = 0
  /** Behind the last byte that `#numberBefore` or `#wordBefore` has not read yet. */
  #at = 0
  line = 0
  badLines = 0

  constructor(options: TraceParserOptions, visit: Visit) {
    this.#options = options
    this.#visit = visit
    if (options.format !== 'auto') this.#format = options.format
  }

  /** @throws SimError unless bad lines are skipped. */
  push(piece: Buffer): void {
    let at = 0
    if (this.#restSize > 0 || this.#isOverlong) {
      const end = piece.indexOf(LF)
      this.#keep(piece, 0, end < 0 ? piece.length : end)
      if (end < 0) return
      this.#finishRest()
      at = end + 1
    }
    for (;;) {
      const end = piece.indexOf(LF, at)
      if (end < 0) break
      if (end - at > LINE_BYTES_MAX) {
        this.#keep(piece, at, end)
        this.#finishRest()
      } else {
        this.#takeLine(piece, at, end)
      }
      at = end + 1
    }
    this.#keep(piece, at, piece.length)
  }

  /** The last line may do without its end. */
  end(): void {
    if (this.#restSize > 0 || this.#isOverlong) this.#finishRest()
  }

  #keep(piece: Buffer, from: number, to: number): void {
    const room = LINE_BYTES_MAX - this.#restSize
    if (to - from > room) this.#isOverlong = true
    piece.copy(this.#rest, this.#restSize, from, Math.min(to, from + room))
    this.#restSize += Math.min(to - from, room)
  }

  #finishRest(): void {
    const size = this.#restSize
    this.#restSize = 0
    if (!this.#isOverlong) {
      this.#takeLine(this.#rest, 0, size)
      return
    }
    this.#isOverlong = false
    this.line += 1
    this.#lineAt = 0
    this.#refuse(LINE_BYTES_MAX, `a line of at most ${LINE_BYTES_MAX} bytes`)
  }

  #takeLine(bytes: Buffer, from: number, to: number): void {
    this.line += 1
    const end = to > from && bytes[to - 1] === CR ? to - 1 : to
    if (end === from || bytes[from] === HASH) return
    this.#bytes = bytes
    this.#lineAt = from
    const format = this.#format ?? this.#formatOf(from, end)
    if (format === undefined) return
    const isGood = format === 'plain' ? this.#plain(from, end) : this.#twitter(from, end)
    if (isGood) this.#visit(this.#request)
  }

  /** Undefined: a line of names, or one that has been refused. */
  #formatOf(from: number, end: number): TraceFormat | undefined {
    let columns = 1
    for (let i = from; i < end; i += 1) if (this.#bytes[i] === COMMA) columns += 1
    const format = formatWith(columns)
    if (format === undefined) {
      this.#refuse(from, `${COLUMNS.plain} columns (time,key,size,op,ttl) or ${COLUMNS.twitter}`)
    } else if (this.line > 1 || isDigit(this.#bytes[from]!)) {
      this.#format = format
    }
    return this.#format
  }

  #plain(from: number, end: number): boolean {
    const request = this.#request
    this.#at = end
    if (!this.#lifetimeAndOp()) return false
    const size = this.#numberBefore(VALUE_SIZE_LIMIT, 'a size')
    if (size < 0) return false
    request.valueSize = size
    return this.#timeAndKey(from)
  }

  #twitter(from: number, end: number): boolean {
    const request = this.#request
    this.#at = end
    if (!this.#lifetimeAndOp()) return false
    if (!this.#passColumn()) return false
    const size = this.#numberBefore(VALUE_SIZE_LIMIT, 'a value size')
    if (size < 0) return false
    request.valueSize = size
    const keySize = this.#numberBefore(KEY_SIZE_MAX, 'a key size')
    return keySize >= 0 && this.#timeAndKey(from) && this.#padKey(keySize)
  }

  #lifetimeAndOp(): boolean {
    const lifetime = this.#numberBefore(SECONDS_MAX, 'a ttl in seconds')
    if (lifetime < 0) return false
    this.#request.lifetime = lifetime
    const end = this.#at
    const at = this.#columnBefore()
    const op = at < 0 ? -1 : opOf(this.#bytes, at, end - at)
    if (op >= 0) this.#request.op = op as Op
    else this.#refuse(Math.max(at, this.#lineAt), `one of ${OP_NAMES.join(', ')}`)
    return op >= 0
  }

  /** The first two columns; `#at` is where the second ends. */
  #timeAndKey(from: number): boolean {
    const bytes = this.#bytes
    let at = from
    let time = 0
    while (at < this.#at && isDigit(bytes[at]!) && at - from <= DIGITS_MAX) {
      time = time * 10 + (bytes[at]! - ZERO)
      at += 1
    }
    let isTime = at > from && at - from <= DIGITS_MAX
    if (isTime && bytes[at] === DOT) {
      at += 1
      while (at < this.#at && isDigit(bytes[at]!)) at += 1
    }
    isTime &&= at < this.#at && bytes[at] === COMMA
    if (!isTime) return this.#refuse(from, `a time of at most ${DIGITS_MAX} digits, in seconds`)
    const request = this.#request
    request.time = time
    request.key = bytes
    request.keyAt = at + 1
    request.keySize = this.#at - at - 1
    const isKey = request.keySize >= 1 && request.keySize <= KEY_SIZE_MAX
    return isKey || this.#refuse(at + 1, `a key of 1 to ${KEY_SIZE_MAX} bytes`)
  }

  /** Twitter's keys are made anonymous, which changes their length, but not what they count for. */
  #padKey(keySize: number): boolean {
    const request = this.#request
    if (keySize <= request.keySize) return true
    const { keyAt, keySize: size } = request
    this.#bytes.copy(this.#paddedKey, 0, keyAt, keyAt + size)
    this.#paddedKey.fill(FILL, size, keySize)
    request.key = this.#paddedKey
    request.keyAt = 0
    request.keySize = keySize
    return true
  }

  #passColumn(): boolean {
    return this.#columnBefore() >= 0 || this.#refuse(this.#lineAt, `${COLUMNS.twitter} columns`)
  }

  /** Where the column begins that ends at `#at`, which moves on; -1: no comma is before it. */
  #columnBefore(): number {
    const bytes = this.#bytes
    let at = this.#at
    while (at > this.#lineAt && bytes[at - 1] !== COMMA) at -= 1
    if (at === this.#lineAt) return -1
    this.#at = at - 1
    return at
  }

  /** The number in the column that ends at `#at`, which moves on; -1 if it has been refused. */
  #numberBefore(max: number, what: string): number {
    const bytes = this.#bytes
    const end = this.#at
    let value = 0
    let unit = 1
    let at = end
    while (at > this.#lineAt && isDigit(bytes[at - 1]!) && end - at < DIGITS_MAX) {
      at -= 1
      value += (bytes[at]! - ZERO) * unit
      unit *= 10
    }
    const isNumber = at < end && at > this.#lineAt && bytes[at - 1] === COMMA && value <= max
    if (isNumber) {
      this.#at = at - 1
      return value
    }
    const start = this.#columnBefore()
    this.#refuse(start < 0 ? this.#lineAt : start, `${what} of 0 to ${max}`)
    return -1
  }

  #refuse(at: number, expected: string): false {
    this.badLines += 1
    if (this.#options.skipBad) return false
    const where = `${this.#options.name}:${this.line}:${at - this.#lineAt + 1}`
    throw new SimError(`${where}: Cannot read the request: expected ${expected}`)
  }
}

function formatWith(columns: number): TraceFormat | undefined {
  if (columns === COLUMNS.plain) return 'plain'
  return columns === COLUMNS.twitter ? 'twitter' : undefined
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}

/** The number of an op, or -1. */
function opOf(bytes: Uint8Array, at: number, size: number): number {
  const op = opLike(bytes[at]!, size)
  if (op < 0) return -1
  const word = opWords[op]!
  for (let i = 1; i < size; i += 1) if (bytes[at + i] !== word[i]) return -1
  return op
}

/** The one op that begins and is as long like this, or -1. */
function opLike(first: number, size: number): number {
  for (let op = 0; op < opWords.length; op += 1) {
    const word = opWords[op]!
    if (word.length === size && word[0] === first) return op
  }
  return -1
}
