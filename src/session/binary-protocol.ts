/**
 * The binary protocol of one connection (memcached doc/protocol-binary.txt, proto_bin.c). An opcode
 * that is none is answered `Unknown command`, its body swallowed.
 *
 *   header ──value not whole yet──▶ value ──whole──▶ header
 *      └───body not wanted───────▶ swallow ──done──▶ header
 *      └───protocol violation────▶ (the session closes)
 */
import { toLatin1 } from '../base/bytes.ts'
import { itemSize } from '../base/item-size.ts'
import { binaryEncoder, putBinary } from '../protocol/binary-encoder.ts'
import {
  BINARY_HEADER_BYTES,
  BinaryStatus,
  Magic,
  readU16,
  readU32,
  readU64,
} from '../protocol/binary-layout.ts'
import {
  changesConfig,
  findOpcode,
  hasRightSizes,
  type OpcodeRow,
} from '../protocol/binary-request.ts'
import { Command } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import { BINARY_BODY_MAX, KEY_MAX } from '../protocol/limits.ts'
import { Request } from '../protocol/request.ts'
import { BinaryLogin } from './binary-login.ts'
import { configPacket } from './config-reply.ts'
import { IncomingValue } from './incoming-value.ts'
import type { Session } from './session.ts'
import { StatPackets } from './stat-packets.ts'

/** An exptime of incr and decr that means: do not make what is not there. */
const NEVER_CREATE = 0xffffffff

const State = { header: 0, value: 1, swallow: 2 } as const

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

  refuseInput(): void {
    // Whose request it was is not known, or not for sure.
    this.#request.opcode = 0
    this.#request.opaque = 0
    putBinary(this.#session.output, this.#request, BinaryStatus.outOfMemory)
  }

  process(bytes: Uint8Array, at: number, end: number): number {
    let position = at
    while (position < end && this.#session.ready()) {
      if (this.#state === State.header) {
        const next = this.#nextRequest(bytes, position, end)
        if (next < 0) return position
        position = next
        this.#session.tookUp(end - position)
      } else if (this.#state === State.value) {
        position = this.#value.fill(bytes, position, end)
        if (this.#value.isLost) {
          this.#state = State.header
          this.#session.executor.refuse(this.#session, this.#request, Status.noMemory)
          this.#swallow(position, this.#value.rest)
        } else if (this.#value.isWhole) {
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
    const row = this.#rowOf(opcode)
    request.reset(row?.command ?? Command.unknown)
    request.opcode = opcode
    request.opaque = readU32(bytes, at + 12)
    request.quiet = row?.quiet ?? false
    request.withKey = row?.withKey ?? false
    if (keySize + extrasSize > bodySize) return this.#violation(BinaryStatus.unknownCommand)
    if (bodySize > BINARY_BODY_MAX) return this.#violation(BinaryStatus.invalid)
    if (!this.#login.allows(opcode)) return this.#violation(BinaryStatus.authError)
    if (keySize > KEY_MAX) return this.#violation(BinaryStatus.invalid)
    if (this.#login.handles(opcode)) {
      if (extrasSize > 0) return this.#violation(BinaryStatus.invalid)
      return this.#login.request(request, bytes, at, end, keySize, bodySize)
    }
    if (row !== undefined && !hasRightSizes(row, keySize, extrasSize, bodySize)) {
      return this.#violation(BinaryStatus.invalid)
    }
    if (row === undefined || row.command === Command.unknown) {
      const isRefused = changesConfig(opcode) && this.#session.services.cluster !== undefined
      const status = isRefused ? BinaryStatus.authError : BinaryStatus.unknownCommand
      putBinary(this.#session.output, request, status)
      return this.#swallow(at + BINARY_HEADER_BYTES, bodySize)
    }
    const bodyAt = at + BINARY_HEADER_BYTES
    if (bodyAt + extrasSize + keySize > end) return -1
    request.key = bytes
    request.keyAt = bodyAt + extrasSize
    request.keySize = keySize
    request.casHigh = readU32(bytes, at + 16)
    request.casLow = readU32(bytes, at + 20)
    this.#extras(row, bytes, bodyAt, extrasSize)
    request.valueSize = bodySize - extrasSize - keySize
    const { login } = this.#session
    const hasKey = row.key === 'required'
    const refusal = hasKey ? login.refusalOfKey(row.needs, request) : login.refusalOf(row.needs)
    if (refusal !== undefined) {
      putBinary(this.#session.output, request, BinaryStatus.authError)
      return this.#swallow(request.keyAt + keySize, request.valueSize)
    }
    if (row.value) return this.#store(bytes, end)
    this.#execute()
    return bodyAt + bodySize
  }

  /** Auto discovery is for those who have a cluster to tell of. */
  #rowOf(opcode: number): OpcodeRow | undefined {
    const row = findOpcode(opcode)
    const isConfig = row?.command === Command.config
    return isConfig && this.#session.services.cluster === undefined ? undefined : row
  }

  #extras({ command, value }: OpcodeRow, bytes: Uint8Array, at: number, size: number): void {
    const request = this.#request
    if (size === 0) return
    if (value) {
      request.clientFlags = readU32(bytes, at)
      request.exptime = readU32(bytes, at + 4)
    } else if (command === Command.incr || command === Command.decr) {
      request.delta = readU64(bytes, at)
      request.initial = readU64(bytes, at + 8)
      request.exptime = readU32(bytes, at + 16)
      request.creates = request.exptime !== NEVER_CREATE
    } else {
      request.exptime = readU32(bytes, at)
    }
  }

  #execute(): void {
    const session = this.#session
    const request = this.#request
    switch (request.command) {
      case Command.get:
      case Command.gat:
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
      case Command.stats:
        this.#stats()
        return
      case Command.config:
        configPacket(session, request)
        return
      default:
        session.executor.execute(session, request)
    }
  }

  #stats(): void {
    const session = this.#session
    const request = this.#request
    const words = toLatin1(request.key, request.keyAt, request.keySize).split(' ')
    const argument = words[0] ?? ''
    if (session.login.refusalOfStats(argument) !== undefined) {
      putBinary(session.output, request, BinaryStatus.authError)
      return
    }
    const answer = session.executor.stats(session, argument === '' ? [] : words)
    // What a dump of keys says in text has no binary form (memcached has none either).
    const isKnown = answer !== undefined && answer.label !== 'ITEM' && argument !== 'conns'
    if (!isKnown || answer.end.startsWith('CLIENT_ERROR')) {
      putBinary(session.output, request, BinaryStatus.notFound)
      return
    }
    session.sendReply(new StatPackets(answer, request.opcode, request.opaque))
  }

  #store(bytes: Uint8Array, end: number): number {
    const session = this.#session
    const request = this.#request
    const valueAt = request.keyAt + request.keySize
    const isJoined = request.command === Command.append || request.command === Command.prepend
    const hasCas = request.casLow !== 0 || request.casHigh !== 0
    if (hasCas && !isJoined) request.command = Command.cas
    const size = itemSize(request.keySize, request.valueSize, request.clientFlags)
    if (size > session.services.itemSizeMax) {
      session.executor.refuse(session, request, Status.tooLarge)
      return this.#swallow(valueAt, request.valueSize)
    }
    const valueEnd = valueAt + request.valueSize
    if (valueEnd <= end) {
      request.value = bytes
      request.valueAt = valueAt
      session.executor.execute(session, request)
      return valueEnd
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
