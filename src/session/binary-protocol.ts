/**
 * The binary protocol of one connection (memcached doc/protocol-binary.txt, proto_bin.c): GET, SET,
 * ADD, REPLACE, DELETE with their quiet forms, NOOP, VERSION, QUIT and SASL. Every other
 * opcode is answered `Unknown command`, its body swallowed.
 *
 *   header ──value not whole yet──▶ value ──whole──▶ header
 *      └───body not wanted───────▶ swallow ──done──▶ header
 *      └───protocol violation────▶ (the session closes)
 */
import { itemSize } from '../base/item-size.ts'
import { binaryEncoder, isQuiet, putBinary } from '../protocol/binary-encoder.ts'
import {
  BINARY_HEADER_BYTES,
  BinaryStatus,
  Magic,
  Opcode,
  readU16,
  readU32,
} from '../protocol/binary-layout.ts'
import { Command, Right } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import { BINARY_BODY_MAX, KEY_MAX } from '../protocol/limits.ts'
import { Request } from '../protocol/request.ts'
import { isTextKey } from '../protocol/text-line.ts'
import { BinaryLogin } from './binary-login.ts'
import { IncomingValue } from './incoming-value.ts'
import type { Session } from './session.ts'

const STORAGE_EXTRAS = 8

const State = { header: 0, value: 1, swallow: 2 } as const

/**
 * Opcode → what it asks, the rights it takes and how many bytes of extras it has; keys are wanted
 * where `key`.
 */
type Row = { command: Command; needs: number; extras: number; key: boolean; value: boolean }
const get = { command: Command.get, needs: Right.read, extras: 0, key: true, value: false }
const remove = { command: Command.delete, needs: Right.write, extras: 0, key: true, value: false }
const bare = { needs: Right.none, extras: 0, key: false, value: false }
const store = { needs: Right.write, extras: STORAGE_EXTRAS, key: true, value: true }
const ROWS: Readonly<Record<number, Row>> = {
  [Opcode.get]: get,
  [Opcode.getq]: get,
  [Opcode.getk]: get,
  [Opcode.getkq]: get,
  [Opcode.set]: { ...store, command: Command.set },
  [Opcode.setq]: { ...store, command: Command.set },
  [Opcode.add]: { ...store, command: Command.add },
  [Opcode.addq]: { ...store, command: Command.add },
  [Opcode.replace]: { ...store, command: Command.replace },
  [Opcode.replaceq]: { ...store, command: Command.replace },
  [Opcode.delete]: remove,
  [Opcode.deleteq]: remove,
  [Opcode.quit]: { ...bare, command: Command.quit },
  [Opcode.quitq]: { ...bare, command: Command.quit },
  [Opcode.noop]: { ...bare, command: Command.noop },
  [Opcode.version]: { ...bare, command: Command.version },
}

export class BinaryProtocol {
  readonly #session: Session
  readonly #request = new Request()
  readonly #value: IncomingValue
  readonly #login: BinaryLogin
  #state: number = State.header
  #toSwallow = 0

  constructor(session: Session) {
    this.#session = session
    this.#value = new IncomingValue(session)
    this.#login = new BinaryLogin(session)
    this.#request.encoder = binaryEncoder
  }

  abandon(): void {
    this.#value.abandon()
  }

  process(bytes: Uint8Array, at: number, end: number): number {
    let position = at
    while (position < end && this.#session.ready()) {
      if (this.#state === State.header) {
        const next = this.#nextRequest(bytes, position, end)
        if (next < 0) return position
        position = next
      } else if (this.#state === State.value) {
        position = this.#value.fill(bytes, position, end)
        if (this.#value.isWhole) {
          this.#state = State.header
          this.#value.commit(this.#request)
        }
      } else {
        const size = Math.min(this.#toSwallow, end - position)
        this.#toSwallow -= size
        position += size
        if (this.#toSwallow === 0) this.#state = State.header
      }
    }
    return position
  }

  /**
   * The offset behind the request, or its value's first byte; -1 when there is not enough of it.
   */
  #nextRequest(bytes: Uint8Array, at: number, end: number): number {
    if (bytes[at] !== Magic.request) return this.#violation(-1)
    if (end - at < BINARY_HEADER_BYTES) return -1
    const request = this.#request
    const opcode = bytes[at + 1]!
    const keySize = readU16(bytes, at + 2)
    const extrasSize = bytes[at + 4]!
    const bodySize = readU32(bytes, at + 8)
    const row = ROWS[opcode]
    request.reset(row?.command ?? Command.unknown)
    request.opcode = opcode
    request.opaque = readU32(bytes, at + 12)
    request.quiet = isQuiet(opcode)
    request.withKey = opcode === Opcode.getk || opcode === Opcode.getkq
    if (keySize + extrasSize > bodySize) return this.#violation(BinaryStatus.unknownCommand)
    if (bodySize > BINARY_BODY_MAX) return this.#violation(BinaryStatus.invalid)
    if (!this.#login.allows(opcode)) return this.#violation(BinaryStatus.authError)
    if (this.#login.handles(opcode)) {
      if (extrasSize > 0) return this.#violation(BinaryStatus.invalid)
      return this.#login.request(request, bytes, at, end, keySize, bodySize)
    }
    if (row === undefined) {
      putBinary(this.#session.output, request, BinaryStatus.unknownCommand)
      return this.#swallow(at + BINARY_HEADER_BYTES, bodySize)
    }
    if (!hasRightSizes(row, keySize, extrasSize, bodySize)) {
      return this.#violation(BinaryStatus.invalid)
    }
    const bodyAt = at + BINARY_HEADER_BYTES
    if (bodyAt + extrasSize + keySize > end) return -1
    request.key = bytes
    request.keyAt = bodyAt + extrasSize
    request.keySize = keySize
    request.casHigh = readU32(bytes, at + 16)
    request.casLow = readU32(bytes, at + 20)
    request.valueSize = bodySize - extrasSize - keySize
    if (this.#session.services.textKeysOnly && !isTextKey(bytes, request.keyAt, keySize)) {
      putBinary(this.#session.output, request, BinaryStatus.invalid)
      return this.#swallow(request.keyAt + keySize, request.valueSize)
    }
    const { login } = this.#session
    const refusal = row.key ? login.refusalOfKey(row.needs, request) : login.refusalOf(row.needs)
    if (refusal !== undefined) {
      putBinary(this.#session.output, request, BinaryStatus.authError)
      return this.#swallow(request.keyAt + keySize, request.valueSize)
    }
    if (row.value) return this.#store(bytes, bodyAt, end)
    this.#execute()
    return bodyAt + bodySize
  }

  #execute(): void {
    const session = this.#session
    const request = this.#request
    switch (request.command) {
      case Command.get:
        session.executor.retrieve(session, request)
        return
      case Command.version:
        binaryEncoder.version(session.output, request, session.services.version)
        return
      case Command.quit:
        if (!request.quiet) putBinary(session.output, request, BinaryStatus.ok)
        session.close()
        return
      case Command.noop:
        putBinary(session.output, request, BinaryStatus.ok)
        return
      default:
        session.executor.execute(session, request)
    }
  }

  #store(bytes: Uint8Array, bodyAt: number, end: number): number {
    const session = this.#session
    const request = this.#request
    const valueAt = request.keyAt + request.keySize
    request.clientFlags = readU32(bytes, bodyAt)
    request.exptime = readU32(bytes, bodyAt + 4)
    const hasCas = request.casLow !== 0 || request.casHigh !== 0
    if (hasCas) request.command = Command.cas
    const size = itemSize(request.keySize, request.valueSize, request.clientFlags)
    if (size > session.services.itemSizeMax) {
      session.executor.refuse(session, request, Status.tooLarge)
      return this.#swallow(valueAt, request.valueSize)
    }
    if (valueAt + request.valueSize <= end) {
      request.value = bytes
      request.valueAt = valueAt
      session.executor.execute(session, request)
      return valueAt + request.valueSize
    }
    if (!this.#value.open(request, 0)) {
      session.executor.refuse(session, request, Status.noMemory)
      return this.#swallow(valueAt, request.valueSize)
    }
    this.#state = State.value
    return valueAt
  }

  #swallow(from: number, size: number): number {
    this.#toSwallow = size
    if (size > 0) this.#state = State.swallow
    return from
  }

  /** Answers with a status, if one is given, and closes: there is no telling where to go on. */
  #violation(status: number): number {
    if (status >= 0) putBinary(this.#session.output, this.#request, status)
    this.#session.close()
    return -1
  }
}

function hasRightSizes(row: Row, keySize: number, extrasSize: number, bodySize: number): boolean {
  if (extrasSize !== row.extras || keySize > KEY_MAX) return false
  if (keySize > 0 !== row.key) return false
  return row.value || bodySize === keySize + extrasSize
}
