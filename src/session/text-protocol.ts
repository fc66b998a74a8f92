/**
 * The text protocol of one connection (memcached doc/protocol.txt; PROTO rules of proto_text.c).
 *
 *   line ──storage command, value not whole yet──▶ value ──whole──▶ line
 *     └───storage command that failed───────────▶ swallow ──done──▶ line
 *
 * A line stays in the input until it is finished with: a retrieval that has to wait (the peer is
 * behind) is taken up again at the key where it stopped.
 */
import { itemSize } from '../base/item-size.ts'
import { Command, CommandClass, type CommandRow, findCommand } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import { COMPLETE_LINE_MAX, KEY_MAX } from '../protocol/limits.ts'
import { Request } from '../protocol/request.ts'
import { textEncoder, TextLine } from '../protocol/text-encoder.ts'
import {
  indexOf,
  isRetrievalLine,
  isTooLong,
  keySizeOfGet,
  startsWith,
} from '../protocol/text-line.ts'
import { NumberReader, Tokens } from '../protocol/text-request.ts'
import { adminLine } from './admin-line.ts'
import { configLine } from './config-reply.ts'
import { IncomingValue } from './incoming-value.ts'
import {
  readKey,
  readStorageFields,
  readValueSize,
  saysNoreply,
  SIZE_TOKEN,
} from './line-fields.ts'
import { Follows, metaLine } from './meta-line.ts'
import type { Session } from './session.ts'
import { TextLogin } from './text-login.ts'

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const SHORTEST_LINE = 4
const GET_SIZE = 'get '.length
const HTTP = Buffer.from('HTTP/', 'latin1')

const State = { line: 0, value: 1, swallow: 2 } as const

/** Reused by all sessions of a thread: a line is parsed and carried out before the next one is. */
const tokens = new Tokens()
const numbers = new NumberReader()

export class TextProtocol {
  readonly #session: Session
  readonly #request = new Request()
  /** Made for the first one that comes in pieces. */
  #value: IncomingValue | undefined
  readonly #login: TextLogin | undefined
  #state: number = State.line
  #toSwallow = 0
  /** Bytes of the pending line that are known to hold no newline. */
  #scanned = 0
  /** In a retrieval that had to wait: the offset of its next key from the line's start. */
  #resumeAt = 0

  constructor(session: Session) {
    this.#session = session
    this.#login = session.login.isAsked ? new TextLogin(session) : undefined
  }

  abandon(): void {
    this.#value?.abandon()
  }

  refuseInput(): void {
    this.#session.output.put(TextLine.noMemoryForRequest)
  }

  process(bytes: Uint8Array, at: number, end: number): number {
    let position = at
    while (position < end && this.#session.ready()) {
      if (this.#state === State.line) {
        const next = this.#nextLine(bytes, position, end)
        if (next < 0) return position
        position = next
        this.#session.tookUp(end - position)
      } else if (this.#state === State.value) {
        const value = this.#value!
        position = value.fill(bytes, position, end)
        if (value.isLost) this.#loseValue(value)
        else if (value.isWhole) this.#finishValue(value)
      } else {
        const size = Math.min(this.#toSwallow, end - position)
        this.#toSwallow -= size
        position += size
        if (this.#toSwallow === 0) this.#state = State.line
      }
    }
    return position
  }

  /** The offset behind the next command, or -1 when it is not whole or has to wait. */
  #nextLine(bytes: Uint8Array, at: number, end: number): number {
    if (this.#scanned === 0 && this.#login === undefined) {
      const keySize = keySizeOfGet(bytes, at, end)
      if (keySize > 0) return this.#getOne(bytes, at, keySize)
    }
    const newline = indexOf(bytes, LF, at + this.#scanned, end)
    if (newline < 0) {
      this.#scanned = end - at
      if (isTooLong(bytes, at, end, this.#mustLogIn())) this.#session.close()
      return -1
    }
    this.#scanned = 0
    if (newline - at > COMPLETE_LINE_MAX && !isRetrievalLine(bytes, at, newline)) {
      this.#session.close()
      return -1
    }
    if (this.#mustLogIn()) {
      return this.#login!.line(bytes, at, newline, end)
    }
    const to = newline > at && bytes[newline - 1] === CR ? newline - 1 : newline
    if (newline + 1 - at < SHORTEST_LINE) {
      this.#session.output.put(TextLine.badFormat)
      return newline + 1
    }
    this.#request.encoder = textEncoder
    let verbEnd = at
    while (verbEnd < to && bytes[verbEnd] !== SPACE) verbEnd += 1
    const row = findCommand(bytes, at, verbEnd - at)
    if (row === undefined) {
      this.#unknown(bytes, at, to)
      return newline + 1
    }
    switch (row.class) {
      case CommandClass.retrieval:
        if (this.#retrieve(row, bytes, at, to)) return newline + 1
        // Taken up again later: the search for its end need not be done twice.
        this.#scanned = newline - at
        return -1
      case CommandClass.storage:
        return this.#store(row, bytes, at, to, newline + 1, end)
      case CommandClass.keyed:
        this.#keyed(row, bytes, at, to)
        return newline + 1
      case CommandClass.meta:
        tokens.split(bytes, at, to)
        switch (metaLine(this.#session, row, bytes, tokens, this.#request)) {
          case Follows.value:
            return this.#takeValue(bytes, newline + 1, end)
          case Follows.waste:
            return this.#swallow(newline + 1)
          default:
            return newline + 1
        }
      default:
        tokens.split(bytes, at, to)
        this.#request.reset(row.command)
        if (row.command === Command.config) return this.#config(bytes, newline + 1)
        this.#request.quiet = saysNoreply(row, bytes, tokens)
        adminLine(this.#session, row, bytes, tokens, this.#request)
        return newline + 1
    }
  }

  #mustLogIn(): boolean {
    return this.#login !== undefined && this.#session.login.isMissing
  }

  #unknown(bytes: Uint8Array, at: number, to: number): void {
    tokens.split(bytes, at, to)
    const last = tokens.count - 1
    if (
      last >= 1 &&
      tokens.size[last]! >= HTTP.length &&
      startsWith(bytes, tokens.at[last]!, HTTP)
    ) {
      this.#session.close()
      return
    }
    this.#session.output.put(TextLine.error)
  }

  /** `get` of one key: `#retrieve` in short, and taken up by it where the session has to wait. */
  #getOne(bytes: Uint8Array, at: number, keySize: number): number {
    const session = this.#session
    const request = this.#request
    request.reset(Command.get)
    request.encoder = textEncoder
    request.key = bytes
    request.keyAt = at + GET_SIZE
    request.keySize = keySize
    const keyEnd = at + GET_SIZE + keySize
    const newline = bytes[keyEnd] === LF ? keyEnd : keyEnd + 1
    if (session.executor.retrieve(session, request)) {
      if (!session.ready()) {
        this.#resumeAt = keyEnd - at
        this.#scanned = newline - at
        return -1
      }
      session.output.put(TextLine.end)
    }
    return newline + 1
  }

  /** False: stopped before a key, to be called again with the same line. */
  #retrieve(row: CommandRow, bytes: Uint8Array, at: number, to: number): boolean {
    const session = this.#session
    const request = this.#request
    let next = at + this.#resumeAt
    if (this.#resumeAt === 0) {
      request.reset(row.command)
      next = this.#checkRetrieval(row, bytes, at, to)
      if (next < 0) return true
    }
    request.key = bytes
    for (;;) {
      while (next < to && bytes[next] === SPACE) next += 1
      if (next === to) break
      if (!session.ready()) {
        this.#resumeAt = next - at
        return false
      }
      request.keyAt = next
      while (next < to && bytes[next] !== SPACE) next += 1
      request.keySize = next - request.keyAt
      if (!session.executor.retrieve(session, request)) {
        this.#resumeAt = 0
        return true
      }
    }
    if (!session.ready()) {
      this.#resumeAt = next - at
      return false
    }
    this.#resumeAt = 0
    session.output.put(TextLine.end)
    return true
  }

  /** The offset of the first key, or -1 when the line was answered with an error. */
  #checkRetrieval(row: CommandRow, bytes: Uint8Array, at: number, to: number): number {
    let next = at + row.bytes.length
    let keys = 0
    let firstKey = -1
    const { login } = this.#session
    let refusal: Uint8Array | undefined
    const withExptime = row.command === Command.gat || row.command === Command.gats
    let exptimeIsBad = false
    for (let token = 0; ; token += 1) {
      while (next < to && bytes[next] === SPACE) next += 1
      if (next === to) break
      const start = next
      while (next < to && bytes[next] !== SPACE) next += 1
      if (withExptime && token === 0) {
        exptimeIsBad = !numbers.int32(bytes, start, next - start)
        this.#request.exptime = numbers.number
        continue
      }
      if (keys === 0) firstKey = start
      keys += 1
      if (next - start > KEY_MAX) return this.#reject(TextLine.badFormat)
      if (login.rights === undefined) continue
      this.#request.key = bytes
      this.#request.keyAt = start
      this.#request.keySize = next - start
      refusal ??= login.refusalOfKey(row.needs, this.#request)
    }
    if (keys === 0) return this.#reject(TextLine.badFormat)
    if (exptimeIsBad) return this.#reject(TextLine.badExptime)
    if (refusal !== undefined) return this.#reject(refusal)
    return firstKey
  }

  #reject(line: Uint8Array): number {
    this.#session.output.put(line)
    return -1
  }

  /** Returns the offset behind the command and what is there of its value. */
  #store(
    row: CommandRow,
    bytes: Uint8Array,
    at: number,
    to: number,
    valueAt: number,
    end: number,
  ): number {
    const session = this.#session
    const request = this.#request
    tokens.split(bytes, at, to)
    request.reset(row.command)
    if (tokens.count <= SIZE_TOKEN || !readValueSize(request, bytes, tokens, numbers)) {
      session.output.put(TextLine.badFormat)
      return valueAt
    }
    this.#request.quiet = saysNoreply(row, bytes, tokens)
    // A cas without a unique says how much follows, all the same.
    const isRight =
      tokens.count >= row.tokensMin && readStorageFields(request, bytes, tokens, numbers)
    const refusal = isRight ? session.login.refusalOfKey(row.needs, request) : TextLine.badFormat
    if (refusal !== undefined) {
      if (!request.quiet) session.output.put(refusal)
      return this.#swallow(valueAt)
    }
    return this.#takeValue(bytes, valueAt, end)
  }

  /** Stores what is whole, begins to receive what is not; `valueAt` is where the value begins. */
  #takeValue(bytes: Uint8Array, valueAt: number, end: number): number {
    const session = this.#session
    const request = this.#request
    const size = itemSize(request.keySize, request.valueSize, request.clientFlags)
    if (size > session.services.itemSizeMax) {
      session.executor.refuse(session, request, Status.tooLarge)
      return this.#swallow(valueAt)
    }
    const valueEnd = valueAt + request.valueSize
    if (valueEnd + 2 <= end) {
      request.value = bytes
      request.valueAt = valueAt
      const isWhole = bytes[valueEnd] === CR && bytes[valueEnd + 1] === LF
      if (isWhole) session.executor.execute(session, request)
      else if (!request.quiet) session.output.put(TextLine.badDataChunk)
      return valueEnd + 2
    }
    this.#value ??= new IncomingValue(session)
    if (!this.#value.open(request, 2)) {
      session.executor.refuse(session, request, Status.noMemory)
      return this.#swallow(valueAt)
    }
    this.#state = State.value
    return valueAt
  }

  #swallow(valueAt: number, size = this.#request.valueSize + 2): number {
    this.#toSwallow = size
    this.#state = State.swallow
    return valueAt
  }

  #config(bytes: Uint8Array, next: number): number {
    const size = configLine(this.#session, bytes, tokens)
    return size > 0 ? this.#swallow(next, size) : next
  }

  /** There is no memory for the rest of a value: answered at once, as if it had never begun. */
  #loseValue(value: IncomingValue): void {
    this.#session.executor.refuse(this.#session, this.#request, Status.noMemory)
    this.#toSwallow = value.rest
    this.#state = State.swallow
  }

  #finishValue(value: IncomingValue): void {
    this.#state = State.line
    if (value.endsInCrlf) {
      value.commit(this.#request)
      return
    }
    value.abandon()
    if (!this.#request.quiet) this.#session.output.put(TextLine.badDataChunk)
  }

  #keyed(row: CommandRow, bytes: Uint8Array, at: number, to: number): void {
    const { output, executor } = this.#session
    const request = this.#request
    tokens.split(bytes, at, to)
    request.reset(row.command)
    if (tokens.count < row.tokensMin) {
      output.put(TextLine.badFormat)
      return
    }
    this.#request.quiet = saysNoreply(row, bytes, tokens)
    let error: Uint8Array | undefined
    if (!readKey(request, bytes, tokens)) {
      error = TextLine.badFormat
    } else if (row.command === Command.touch) {
      if (!numbers.int32(bytes, tokens.at[2]!, tokens.size[2]!)) error = TextLine.badExptime
      request.exptime = numbers.number
    } else if (row.command !== Command.delete) {
      if (!numbers.uint64(bytes, tokens.at[2]!, tokens.size[2]!)) error = TextLine.badDelta
      request.delta = numbers.value
    }
    error ??= this.#session.login.refusalOfKey(row.needs, request)
    if (error === undefined) executor.execute(this.#session, request)
    else if (!request.quiet) output.put(error)
  }
}
