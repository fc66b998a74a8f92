/**
 * What a node answered to a meta command: passed on as it is to clients that speak meta, said in
 * the binary protocol to those whose requests had become meta commands.
 */
import { encodeBase64 } from '../base/base64.ts'
import { copyBytes, copyOf, latin1 } from '../base/bytes.ts'
import { Command, isRetrieval } from '../protocol/command.ts'
import { Status } from '../protocol/encoder.ts'
import { KEY_MAX } from '../protocol/limits.ts'
import { Flag } from '../protocol/meta-flags.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { type Reply, ReplyKind } from '../protocol/text-reply.ts'
import { NumberReader } from '../protocol/text-request.ts'
import { isKeyKeptBack } from './request-meta.ts'
import { type Said, saying, silence } from './said.ts'

const SPACE = 0x20
const KEY = latin1(' k')
const BASE64 = latin1(' b')
const { metaValue, metaHit, metaMiss, metaNotStored, metaExists, metaNotFound } = ReplyKind

const numbers = new NumberReader()

/** Where a unit of a node's stream begins, and where it ends. */
export function unitEnd({ kind, lineEnd, valueAt, valueLength }: Reply): number {
  const hasData = kind === ReplyKind.value || kind === metaValue
  return hasData ? valueAt + valueLength + 2 : lineEnd + 2
}

export function unitOf(bytes: Uint8Array, reply: Reply): Said {
  return saying(bytes, unitEnd(reply) - reply.unitSize, reply.unitSize)
}

/** A meta client's answer: what the node said, unless `q` keeps it quiet. */
export function passedOn(request: Request, bytes: Uint8Array, reply: Reply): Said {
  if (isHidden(request, reply.kind)) return silence()
  const unit = unitOf(bytes, reply)
  return isKeyKeptBack(request) ? withKey(request, unit, reply) : unit
}

/** What `q` hides: misses of a get, successes of all others. */
function isHidden({ command, meta }: Request, kind: ReplyKind): boolean {
  if (command === Command.metaDebug || !meta!.has(Flag.quiet)) return false
  if (command === Command.metaGet) return kind === metaMiss
  return kind === metaHit || kind === metaValue
}

/** A key that could break a line is the first thing said, in base64. */
function withKey({ key, keySize }: Request, said: Said, reply: Reply): Said {
  const isMeta = reply.kind >= metaValue && reply.kind <= metaNotFound
  if (!isMeta) return said
  const unit = copyOf(said.bytes, said.at, said.length)
  const room = KEY.length + Math.ceil(KEY_MAX / 3) * 4 + BASE64.length
  const whole = new Uint8Array(unit.length + room)
  let at = headSize(unit, reply.kind)
  copyBytes(whole, 0, unit, 0, at)
  const rest = at
  whole.set(KEY, at)
  at = encodeBase64(whole, at + KEY.length, key, 0, keySize)
  whole.set(BASE64, at)
  at += BASE64.length
  copyBytes(whole, at, unit, rest, unit.length - rest)
  return saying(whole, 0, at + unit.length - rest)
}

/** The code, and the size behind VA. */
function headSize(unit: Uint8Array, kind: ReplyKind): number {
  let at = 2
  if (kind !== metaValue) return at
  at += 1
  while (unit[at]! > SPACE) at += 1
  return at
}

/** A binary client's answer; false: the reply says nothing of the item, it is an error. */
export function putTranslated(
  output: Output,
  request: Request,
  bytes: Uint8Array,
  reply: Reply,
): boolean {
  const { encoder } = request
  switch (reply.kind) {
    case metaValue:
    case metaHit:
      readFacts(bytes, reply, request)
      putHit(output, request, bytes, reply)
      return true
    case metaMiss:
      if (isRetrieval(request.command)) encoder.miss(output, request)
      else encoder.status(output, request, Status.notFound)
      return true
    case metaNotStored:
      encoder.status(output, request, Status.notStored)
      return true
    case metaExists:
      encoder.status(output, request, Status.exists)
      return true
    case metaNotFound:
      encoder.status(output, request, Status.notFound)
      return true
    default:
      return false
  }
}

/** Client flags and cas, where the answer names them. */
export function readFacts(bytes: Uint8Array, reply: Reply, request: Request): void {
  request.clientFlags = 0
  request.casLow = 0
  request.casHigh = 0
  const end = reply.flagsAt + reply.flagsLength
  let at = reply.flagsAt
  while (at < end) {
    let next = at
    while (next < end && bytes[next] !== SPACE) next += 1
    const letter = bytes[at]
    if (letter === Flag.clientFlags && numbers.uint64(bytes, at + 1, next - at - 1)) {
      request.clientFlags = numbers.low
    } else if (letter === Flag.cas && numbers.uint64(bytes, at + 1, next - at - 1)) {
      request.casLow = numbers.low
      request.casHigh = numbers.high
    }
    at = next + 1
  }
}

function putHit(output: Output, request: Request, bytes: Uint8Array, reply: Reply): void {
  const { encoder, command } = request
  if (command === Command.touch) {
    encoder.status(output, request, Status.touched)
  } else if (command === Command.delete) {
    encoder.status(output, request, Status.deleted)
  } else if (command === Command.incr || command === Command.decr) {
    numbers.uint64(bytes, reply.valueAt, reply.valueLength)
    encoder.number(output, request, numbers.value)
  } else {
    encoder.status(output, request, Status.stored)
  }
}
