/**
 * Replies of the binary protocol. A status that is an error carries memcached's text as its body.
 */
import { latin1 } from '../base/bytes.ts'
import { BINARY_HEADER_BYTES, BinaryStatus, Magic, writeU16, writeU32 } from './binary-layout.ts'
import { Command } from './command.ts'
import { type Encoder, type Hit, Status } from './encoder.ts'
import type { Output } from './output.ts'
import type { Request } from './request.ts'

const TEXTS: Record<number, Uint8Array> = {
  [BinaryStatus.notFound]: latin1('Not found'),
  [BinaryStatus.exists]: latin1('Data exists for key.'),
  [BinaryStatus.tooLarge]: latin1('Too large.'),
  [BinaryStatus.invalid]: latin1('Invalid arguments'),
  [BinaryStatus.notStored]: latin1('Not stored.'),
  [BinaryStatus.nonNumeric]: latin1('Non-numeric server-side value for incr or decr'),
  [BinaryStatus.authError]: latin1('Auth failure.'),
  [BinaryStatus.unknownCommand]: latin1('Unknown command'),
  [BinaryStatus.outOfMemory]: latin1('Out of memory'),
}

const STATUSES: readonly number[] = (() => {
  const statuses: number[] = []
  statuses[Status.stored] = BinaryStatus.ok
  statuses[Status.notStored] = BinaryStatus.notStored
  statuses[Status.exists] = BinaryStatus.exists
  statuses[Status.notFound] = BinaryStatus.notFound
  statuses[Status.deleted] = BinaryStatus.ok
  statuses[Status.touched] = BinaryStatus.ok
  statuses[Status.ok] = BinaryStatus.ok
  statuses[Status.tooLarge] = BinaryStatus.tooLarge
  statuses[Status.noMemory] = BinaryStatus.outOfMemory
  statuses[Status.noMemoryForDelta] = BinaryStatus.outOfMemory
  statuses[Status.noMemoryForReply] = BinaryStatus.outOfMemory
  statuses[Status.nonNumeric] = BinaryStatus.nonNumeric
  statuses[Status.flushNotAllowed] = BinaryStatus.authError
  statuses[Status.unknownCommand] = BinaryStatus.unknownCommand
  statuses[Status.badKey] = BinaryStatus.invalid
  statuses[Status.keyNotAllowed] = BinaryStatus.authError
  return statuses
})()

const NOTHING = new Uint8Array(0)
const FLAGS_BYTES = 4

function putHeader(output: Output, request: Request, status: number, extras: number): void {
  const { bytes, at } = output
  bytes.fill(0, at, at + BINARY_HEADER_BYTES)
  bytes[at] = Magic.reply
  bytes[at + 1] = request.opcode
  bytes[at + 4] = extras
  writeU16(bytes, at + 6, status)
  writeU32(bytes, at + 12, request.opaque)
  output.at += BINARY_HEADER_BYTES
}

function setCas(output: Output, headerAt: number, low: number, high: number): void {
  writeU32(output.bytes, headerAt + 16, high)
  writeU32(output.bytes, headerAt + 20, low)
}

/** Any reply that is a status and some text. */
export function putBinary(
  output: Output,
  request: Request,
  status: number,
  body: Uint8Array = TEXTS[status] ?? NOTHING,
): void {
  const headerAt = output.at
  putHeader(output, request, status, 0)
  writeU32(output.bytes, headerAt + 8, body.length)
  output.put(body)
}

/** One of the replies that a request for statistics has: a name and a value. */
export function putPair(
  output: Output,
  request: Request,
  name: Uint8Array,
  value: Uint8Array,
): void {
  const headerAt = output.at
  putHeader(output, request, BinaryStatus.ok, 0)
  writeU16(output.bytes, headerAt + 2, name.length)
  writeU32(output.bytes, headerAt + 8, name.length + value.length)
  output.put(name)
  output.put(value)
}

/** `add` on a key that is there and `replace` on one that is not have statuses of their own. */
function statusOf(request: Request, status: Status): number {
  if (status !== Status.notStored) return STATUSES[status]!
  if (request.command === Command.add) return BinaryStatus.exists
  return request.command === Command.replace ? BinaryStatus.notFound : BinaryStatus.notStored
}

export const binaryEncoder: Encoder = {
  status(output: Output, request: Request, status: Status): void {
    if (status === Status.touched) {
      // Not quiet in any form: what was touched is described as a hit without its value.
      const { clientFlags, casLow, casHigh } = request
      binaryEncoder.hitHead(output, request, { clientFlags, casLow, casHigh, valueSize: 0 })
      return
    }
    const code = statusOf(request, status)
    if (code === BinaryStatus.ok && request.quiet) return
    const headerAt = output.at
    putBinary(output, request, code)
    if (status === Status.stored) setCas(output, headerAt, request.casLow, request.casHigh)
  },

  hitHead(output: Output, request: Request, hit: Hit): void {
    const headerAt = output.at
    putHeader(output, request, BinaryStatus.ok, FLAGS_BYTES)
    const keySize = request.withKey ? request.keySize : 0
    writeU16(output.bytes, headerAt + 2, keySize)
    writeU32(output.bytes, headerAt + 8, FLAGS_BYTES + keySize + hit.valueSize)
    setCas(output, headerAt, hit.casLow, hit.casHigh)
    writeU32(output.bytes, output.at, hit.clientFlags)
    output.at += FLAGS_BYTES
    output.copy(request.key, request.keyAt, keySize)
  },

  hitTail(): void {},

  miss(output: Output, request: Request): void {
    if (request.quiet) return
    if (!request.withKey) {
      putBinary(output, request, BinaryStatus.notFound)
      return
    }
    const headerAt = output.at
    putHeader(output, request, BinaryStatus.notFound, 0)
    writeU16(output.bytes, headerAt + 2, request.keySize)
    writeU32(output.bytes, headerAt + 8, request.keySize)
    output.copy(request.key, request.keyAt, request.keySize)
  },

  number(output: Output, request: Request, value: bigint): void {
    if (request.quiet) return
    const body = Buffer.alloc(8)
    body.writeBigUInt64BE(value)
    const headerAt = output.at
    putBinary(output, request, BinaryStatus.ok, body)
    setCas(output, headerAt, request.casLow, request.casHigh)
  },

  version(output: Output, request: Request, version: Uint8Array): void {
    putBinary(output, request, BinaryStatus.ok, version)
  },

  serverError(output: Output, request: Request, text: string): void {
    putBinary(output, request, BinaryStatus.temporaryFailure, latin1(text))
  },
}
