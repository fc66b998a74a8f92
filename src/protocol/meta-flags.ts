/**
 * The flags of one meta command (memcached doc/protocol.txt, proto_parser.c): read once, without
 * strings or objects, in the order given, because answers and effects follow that order. Everything
 * is copied, so that it outlives the line when a value is still to come.
 *
 *   bytes:  letters 20 │ opaque 32 │ decoded key 188
 */
import { decodeBase64 } from '../base/base64.ts'
import { copyBytes } from '../base/bytes.ts'
import { KEY_MAX, META_TOKENS_MAX, OPAQUE_MAX, U32_MAX } from './limits.ts'
import type { Request } from './request.ts'
import { MetaLine, TextLine } from './text-encoder.ts'
import { NumberReader, type Tokens } from './text-request.ts'

const OPAQUE_AT = META_TOKENS_MAX
const KEY_AT = OPAQUE_AT + OPAQUE_MAX
const KEY_BYTES = Math.ceil(KEY_MAX / 4) * 3
const CASE = 0x20

/** The letters that mean something here; P and L are for proxies. */
export const Flag = {
  base64: 0x62,
  cas: 0x63,
  clientFlags: 0x66,
  hit: 0x68,
  key: 0x6b,
  lastAccess: 0x6c,
  quiet: 0x71,
  size: 0x73,
  ttl: 0x74,
  noUpdate: 0x75,
  value: 0x76,
  removeValue: 0x78,
  compareCas: 0x43,
  delta: 0x44,
  newCas: 0x45,
  setClientFlags: 0x46,
  invalidate: 0x49,
  initial: 0x4a,
  proxyLog: 0x4c,
  mode: 0x4d,
  vivify: 0x4e,
  opaque: 0x4f,
  proxyPath: 0x50,
  recache: 0x52,
  newTtl: 0x54,
} as const

/** A mode that no command has: M with nothing behind it. */
const NO_MODE = 1

const numbers = new NumberReader()

export class MetaFlags {
  /** Letters in the order given, then the opaque token with its letter, then the decoded key. */
  readonly bytes = new Uint8Array(KEY_AT + KEY_BYTES)
  count = 0
  opaqueSize = 0
  /** `v`, and no reason to leave the value out. */
  wantsValue = false
  /** Letter of M, 0 without one. */
  mode = 0
  /** T, N and R, as sent until an executor has made unix seconds of them. */
  exptime = 0
  vivifyExptime = 0
  recacheExptime = 0
  newCasLow = 0
  newCasHigh = 0

  // What an answer says of the item, set by the executor.
  now = 0
  /** Unix seconds, before T and N; 0 = never. */
  itemExptime = 0
  isCreated = false
  isBinaryKey = false
  isFetched = false
  isStale = false
  /** Somebody else has been told to renew the item … */
  isTokenSent = false
  /** … or this client is. */
  isWon = false
  idleSeconds = 0

  #upper = 0
  #lower = 0

  has(letter: number): boolean {
    const bit = 1 << (letter & 31)
    return ((letter & CASE ? this.#lower : this.#upper) & bit) !== 0
  }

  /** Whether an `mg` with these changes anything: T, N or R. */
  get writesInGet(): boolean {
    return this.has(Flag.newTtl) || this.has(Flag.vivify) || this.has(Flag.recache)
  }

  /** Marks a letter as seen; false when it was. */
  #note(letter: number): boolean {
    if (this.has(letter)) return false
    const bit = 1 << (letter & 31)
    if (letter & CASE) this.#lower |= bit
    else this.#upper |= bit
    this.bytes[this.count] = letter
    this.count += 1
    return true
  }

  #reset(): void {
    this.#upper = 0
    this.#lower = 0
    this.count = 0
    this.opaqueSize = 0
    this.mode = 0
    this.wantsValue = false
    this.newCasLow = 0
    this.newCasHigh = 0
    this.isCreated = false
    this.isWon = false
  }

  /**
   * Reads the tokens from `first` on and decodes the request's key if need be. The error to answer,
   * or undefined: as in memcached the last bad number counts, but a bad letter before all.
   */
  read(bytes: Uint8Array, tokens: Tokens, first: number, request: Request): Uint8Array | undefined {
    this.#reset()
    request.delta = 1n
    request.initial = 0n
    if (request.keySize > KEY_MAX) return TextLine.badFormat
    if (tokens.count > META_TOKENS_MAX) return MetaLine.tooManyFlags
    let error: Uint8Array | undefined
    for (let i = first; i < tokens.count; i += 1) {
      const at = tokens.at[i]!
      const letter = bytes[at]!
      if (!isKnown(letter)) return MetaLine.invalidFlag
      if (!this.#note(letter)) return MetaLine.duplicateFlag
      const found = this.#argument(bytes, at, tokens.size[i]!, request)
      // What is wrong with client flags has no words of its own.
      if (found !== TextLine.badFormat || error === undefined) error = found ?? error
    }
    return error
  }

  /** `me` looks at nothing but a `b`. */
  readOfDebug(bytes: Uint8Array, tokens: Tokens, request: Request): Uint8Array | undefined {
    this.#reset()
    if (request.keySize > KEY_MAX) return TextLine.badFormat
    const isBase64 =
      tokens.count > 2 && tokens.size[2] === 1 && bytes[tokens.at[2]!] === Flag.base64
    return isBase64 && this.#decodeKey(request) !== undefined ? TextLine.badFormat : undefined
  }

  #argument(bytes: Uint8Array, at: number, size: number, request: Request): Uint8Array | undefined {
    const from = at + 1
    const length = size - 1
    switch (bytes[at]) {
      case Flag.base64:
        return this.#decodeKey(request)
      case Flag.value:
        this.wantsValue = true
        return undefined
      case Flag.opaque:
        this.opaqueSize = size
        copyBytes(this.bytes, OPAQUE_AT, bytes, at, Math.min(size, OPAQUE_MAX))
        return undefined
      case Flag.mode:
        this.mode = length > 0 ? bytes[from]! : NO_MODE
        return undefined
      case Flag.newTtl:
        if (!numbers.int32(bytes, from, length)) return MetaLine.badToken
        this.exptime = numbers.number
        return undefined
      case Flag.vivify:
        if (!numbers.int32(bytes, from, length)) return MetaLine.badToken
        this.vivifyExptime = numbers.number
        return undefined
      case Flag.recache:
        if (!numbers.int32(bytes, from, length)) return MetaLine.badToken
        this.recacheExptime = numbers.number
        return undefined
      case Flag.setClientFlags:
        if (!numbers.uint(bytes, from, length, U32_MAX)) return TextLine.badFormat
        request.clientFlags = numbers.number
        return undefined
      case Flag.compareCas:
      case Flag.newCas:
      case Flag.initial:
      case Flag.delta:
        return this.#uint64(bytes, from, length, request)
      default:
        return undefined
    }
  }

  #uint64(bytes: Uint8Array, at: number, size: number, request: Request): Uint8Array | undefined {
    const isNumber = numbers.uint64(bytes, at, size)
    switch (bytes[at - 1]) {
      case Flag.compareCas:
        if (!isNumber) return MetaLine.badToken
        request.casLow = numbers.low
        request.casHigh = numbers.high
        return undefined
      case Flag.newCas:
        if (!isNumber) return MetaLine.badToken
        this.newCasLow = numbers.low
        this.newCasHigh = numbers.high
        return undefined
      case Flag.initial:
        if (!isNumber) return MetaLine.badInitial
        request.initial = numbers.value
        return undefined
      default:
        if (!isNumber) return MetaLine.badDelta
        request.delta = numbers.value
        return undefined
    }
  }

  #decodeKey(request: Request): Uint8Array | undefined {
    const { key, keyAt, keySize } = request
    const size = decodeBase64(this.bytes, KEY_AT, key, keyAt, keySize)
    if (size === 0) return MetaLine.badKey
    request.key = this.bytes
    request.keyAt = KEY_AT
    request.keySize = size
    return undefined
  }

  /** There is nothing to say of the item but that it is there. */
  describeNothing(): void {
    this.now = 0
    this.itemExptime = 0
    this.isBinaryKey = false
    this.isFetched = false
    this.isStale = false
    this.isTokenSent = false
    this.isCreated = false
    this.isWon = false
    this.idleSeconds = 0
  }

  get opaqueAt(): number {
    return OPAQUE_AT
  }

  /** Takes over what an answer needs from another request's flags. */
  copy(from: MetaFlags): void {
    this.#upper = from.#upper
    this.#lower = from.#lower
    this.count = from.count
    this.opaqueSize = from.opaqueSize
    this.mode = from.mode
    copyBytes(this.bytes, 0, from.bytes, 0, KEY_AT)
  }
}

const KNOWN = new Uint8Array(256)
for (const letter of Object.values(Flag)) KNOWN[letter] = 1

function isKnown(letter: number): boolean {
  return KNOWN[letter] === 1
}

/**
 * Whether every token from `first` on begins as a flag may: a letter, a digit or one of [\]^_`.
 * If one does not, the line is none (mcmc.c).
 */
export function areFlags(bytes: Uint8Array, tokens: Tokens, first: number): boolean {
  for (let i = first; i < tokens.count; i += 1) {
    const letter = bytes[tokens.at[i]!]!
    const isDigit = letter >= 0x30 && letter <= 0x39
    if (!isDigit && (letter < 0x41 || letter > 0x7a)) return false
  }
  return true
}
