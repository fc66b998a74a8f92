/**
 * The public module `memring/memcached-parser`: memcached's text protocol, parsed from bytes.
 *
 *   ReplyParser   chunks of a server's replies in, plain objects out; for clients and tools
 *   readReply     the same, one unit at a time over offsets, without strings or objects; for
 *                 proxies and whatever else counts nanoseconds
 *
 * Both read classic and meta commands' replies, split anywhere, and are strict: a server that
 * leaves the protocol is noticed at once, since nothing behind that point can be trusted. Both are
 * bounded: a line has at most 2298 bytes, a value at most what the caller allows.
 */
import { MALFORMED, readReply, Reply, REPLY_LINE_SIZE_MAX, ReplyKind } from './text-reply.ts'

export {
  isReplyPart,
  MALFORMED,
  NEED_MORE,
  readReply,
  Reply,
  REPLY_LINE_SIZE_MAX,
  ReplyKind,
} from './text-reply.ts'

/** memcached's default greatest item (`-I`); no value of such a server is larger. */
const VALUE_SIZE_MAX = 1024 * 1024
/** An emptied buffer above this is given back, so that one large value is not kept for ever. */
const KEPT_BUFFER_SIZE_MAX = 64 * 1024
/** How much of a bad line an error shows. */
const EXCERPT_SIZE_MAX = 64

type TextKind = 'version' | 'error' | 'clientError' | 'serverError' | 'refused'
type NamedKind = 'stat' | 'item' | 'prefix' | 'metaDebug'
type MetaKind = 'metaHit' | 'metaMiss' | 'metaNotStored' | 'metaExists' | 'metaNotFound'
type BareKind =
  | 'end'
  | 'stored'
  | 'notStored'
  | 'exists'
  | 'notFound'
  | 'deleted'
  | 'touched'
  | 'ok'
  | 'reset'
  | 'metaNoop'

/**
 * One line or one value block of a reply. `get` and `stats` answer with several of these, up to
 * `end`; every other command with one.
 *
 * - `value`: `VALUE`. `flags` is the client flags, 0 to 2^32 - 1 (2^53 - 1 from servers built for
 *   larger ones); `cas` is there after `gets` and `gats` only.
 * - `metaValue`: `VA`; `metaHit`, `metaMiss`, …: `HD`, `EN`, `NS`, `EX`, `NF`. `flags` are the
 *   returned flags as they were sent, letter first: `['f0', 'kfoo', 'W']`.
 * - `metaDebug`: `ME`; `stat`, `item`, `prefix`: `STAT`, `ITEM`, `PREFIX`. `text` is everything
 *   behind the name or key and may be empty.
 * - `number`: what `incr` and `decr` answer.
 * - `refused`: an operator's command turned down, such as `BUSY`; `text` is everything behind it.
 */
export type ParsedReply =
  | { kind: 'value'; key: string; flags: number; value: Uint8Array; cas?: bigint }
  | { kind: 'metaValue'; flags: string[]; value: Uint8Array }
  | { kind: MetaKind; flags: string[] }
  | { kind: NamedKind; key: string; text: string }
  | { kind: TextKind; text: string }
  | { kind: 'number'; number: bigint }
  | { kind: BareKind }

export type ReplyParserOptions = {
  /** Greatest value, in bytes: 0 to 2^30. Default: 1048576, as memcached's own `-I`. */
  valueSizeMax?: number
  /** How keys and texts become strings. Default: `utf8`; `latin1` keeps every byte apart. */
  encoding?: 'utf8' | 'latin1'
}

/** The stream is not memcached's text protocol: close the connection. */
export class ReplyParseError extends Error {
  override name = 'ReplyParseError'
  readonly code = 'ERR_MALFORMED_REPLY'
  /** The replies of the same chunk that stood before the bad one. */
  readonly replies: readonly ParsedReply[]

  constructor(message: string, replies: readonly ParsedReply[]) {
    super(message)
    this.replies = replies
  }
}

/**
 * Turns the bytes that a memcached server sends into plain objects. Make one per connection.
 *
 * Keeps at most one unfinished reply: its memory grows with the bytes that have arrived, never
 * with the size that the server has announced.
 *
 * @example
 * import { ReplyParser } from 'memring/memcached-parser'
 *
 * const parser = new ReplyParser({ valueSizeMax: 8 * 1024 * 1024 })
 * const replies = [
 *   ...parser.push(Buffer.from('VALUE greeting 0 5\r\nhel')),
 *   ...parser.push(Buffer.from('lo\r\nEND\r\n')),
 * ]
 * for (const reply of replies) {
 *   if (reply.kind === 'value') console.log(reply.key, new TextDecoder().decode(reply.value))
 *   else console.log(reply.kind)
 * }
 * // greeting hello
 * // end
 */
export class ReplyParser {
  readonly #reply: Reply
  readonly #encoding: 'utf8' | 'latin1'
  /** The unfinished reply: the first `#held` bytes. */
  #buffer = new Uint8Array(0)
  #held = 0
  #failure: string | undefined

  /** @throws RangeError if `valueSizeMax` is not a whole number from 0 to 2^30. */
  constructor({ valueSizeMax = VALUE_SIZE_MAX, encoding = 'utf8' }: ReplyParserOptions = {}) {
    if (!Number.isInteger(valueSizeMax) || valueSizeMax < 0 || valueSizeMax > 2 ** 30) {
      throw new RangeError(`Cannot limit values to ${valueSizeMax} bytes: expected 0 to ${2 ** 30}`)
    }
    this.#reply = new Reply(valueSizeMax)
    this.#encoding = encoding
  }

  /** Bytes held of a reply that is not whole yet; not 0 at the end of a stream: it was cut off. */
  get heldSize(): number {
    return this.#held
  }

  /**
   * @param chunk the next bytes of the stream; may be reused after the call, values are copies.
   * @returns the replies that are whole now, in order.
   * @throws ReplyParseError at the first byte sequence that is no reply, and on every call after.
   */
  push(chunk: Uint8Array): ParsedReply[] {
    if (this.#failure !== undefined) throw new ReplyParseError(this.#failure, [])
    if (this.#held === 0) {
      const rest = this.#readAll(chunk, chunk.length)
      if (rest.from < chunk.length) this.#hold(chunk.subarray(rest.from))
      return rest.replies
    }
    this.#hold(chunk)
    // What is missing is known once the first line is whole.
    if (this.#held < this.#reply.unitSize) return []
    const { replies, from } = this.#readAll(this.#buffer, this.#held)
    this.#buffer.copyWithin(0, from, this.#held)
    this.#held -= from
    if (this.#held === 0 && this.#buffer.length > KEPT_BUFFER_SIZE_MAX) {
      this.#buffer = new Uint8Array(0)
    }
    return replies
  }

  /** Doubles the buffer as bytes arrive, so that each is copied a bounded number of times. */
  #hold(bytes: Uint8Array): void {
    const needed = this.#held + bytes.length
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2, REPLY_LINE_SIZE_MAX))
      larger.set(this.#buffer.subarray(0, this.#held))
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#held)
    this.#held = needed
  }

  #readAll(bytes: Uint8Array, end: number): { replies: ParsedReply[]; from: number } {
    const replies: ParsedReply[] = []
    let from = 0
    while (from < end) {
      const next = readReply(bytes, from, end, this.#reply)
      if (next === MALFORMED) this.#fail(excerptOf(bytes.subarray(from, end)), replies)
      if (next < 0) break
      const parsed = parsedReply(bytes, this.#reply, this.#encoding)
      if (parsed === undefined) this.#fail(excerptOf(bytes.subarray(from, end)), replies)
      replies.push(parsed)
      from = next
    }
    // Nothing is held, so no unit is unfinished.
    if (from === end) this.#reply.unitSize = 0
    return { replies, from }
  }

  #fail(actual: string, replies: readonly ParsedReply[]): never {
    this.#failure = `Cannot parse reply ${actual}: expected memcached's text protocol`
    throw new ReplyParseError(this.#failure, replies)
  }
}

const kindNames = Object.fromEntries(
  Object.entries(ReplyKind).map(([name, kind]) => [kind, name]),
) as Readonly<Record<ReplyKind, keyof typeof ReplyKind>>

/** The object for what `readReply` found; undefined when a number does not fit. */
function parsedReply(
  bytes: Uint8Array,
  reply: Reply,
  encoding: 'utf8' | 'latin1',
): ParsedReply | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const key = buffer.toString(encoding, reply.keyAt, reply.keyAt + reply.keyLength)
  const flags = buffer.toString(encoding, reply.flagsAt, reply.flagsAt + reply.flagsLength)
  const data = buffer.subarray(reply.valueAt, reply.valueAt + reply.valueLength)
  const kind = kindNames[reply.kind]
  switch (kind) {
    case 'none':
      return undefined
    case 'value': {
      const value = { kind, key, flags: Number(flags), value: new Uint8Array(data) }
      if (!Number.isSafeInteger(value.flags)) return undefined
      if (reply.casLength === 0) return value
      const cas = buffer.toString('latin1', reply.casAt, reply.casAt + reply.casLength)
      return { ...value, cas: BigInt(cas) }
    }
    case 'metaValue':
      return { kind, flags: flagsOf(flags), value: new Uint8Array(data) }
    case 'metaHit':
    case 'metaMiss':
    case 'metaNotStored':
    case 'metaExists':
    case 'metaNotFound':
      return { kind, flags: flagsOf(flags) }
    case 'stat':
    case 'item':
    case 'prefix':
    case 'metaDebug':
      return { kind, key, text: data.toString(encoding) }
    case 'version':
    case 'error':
    case 'clientError':
    case 'serverError':
    case 'refused':
      return { kind, text: data.toString(encoding) }
    case 'number':
      return { kind, number: BigInt(data.toString('latin1')) }
    default:
      return { kind }
  }
}

function flagsOf(text: string): string[] {
  return text.split(' ').filter(flag => flag !== '')
}

/** The start of a bad line, readable and short. */
function excerptOf(bytes: Uint8Array): string {
  const lineEnd = bytes.indexOf(0x0a)
  const size = Math.min(lineEnd === -1 ? bytes.length : lineEnd + 1, EXCERPT_SIZE_MAX)
  return JSON.stringify(Buffer.from(bytes.subarray(0, size)).toString('latin1'))
}
