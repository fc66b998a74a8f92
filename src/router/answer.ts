/** What a node answered, said in the client's protocol (meta commands: meta-answer.ts). */
import { equalBytes, toLatin1 } from '../base/bytes.ts'
import { Status } from '../protocol/encoder.ts'
import { Flag } from '../protocol/meta-flags.ts'
import { metaEncoder } from '../protocol/meta-encoder.ts'
import { OUTPUT_BYTES, Output } from '../protocol/output.ts'
import { type Reply, ReplyKind } from '../protocol/text-reply.ts'
import type { Request } from '../protocol/request.ts'
import { NumberReader } from '../protocol/text-request.ts'
import { Command, isRetrieval, isStorage } from '../protocol/command.ts'
import { passedOn, putTranslated, readFacts, unitOf } from './meta-answer.ts'
import type { Outstanding } from './outstanding.ts'
import { type Said, saying } from './said.ts'
import { textEncoder } from '../protocol/text-encoder.ts'

const STATUSES: Readonly<Record<number, Status>> = {
  [ReplyKind.stored]: Status.stored,
  [ReplyKind.notStored]: Status.notStored,
  [ReplyKind.exists]: Status.exists,
  [ReplyKind.notFound]: Status.notFound,
  [ReplyKind.deleted]: Status.deleted,
  [ReplyKind.touched]: Status.touched,
  [ReplyKind.ok]: Status.ok,
}

const SERVER_STATUSES: Readonly<Record<string, Status>> = {
  'object too large for cache': Status.tooLarge,
  'out of memory storing object': Status.noMemory,
  'out of memory': Status.noMemoryForDelta,
  'out of memory writing get response': Status.noMemoryForReply,
}

const CLIENT_STATUSES: Readonly<Record<string, Status>> = {
  'cannot increment or decrement non-numeric value': Status.nonNumeric,
  'flush_all not allowed': Status.flushNotAllowed,
}

/** Behind a value. */
const TAIL_ROOM = 16
const scratch = new Output(new Uint8Array(OUTPUT_BYTES), 0, OUTPUT_BYTES)
const numbers = new NumberReader()

/** Valid until something else is written. */
function written(): Said {
  const { bytes, start, length } = scratch
  scratch.clear()
  return saying(bytes, start, length)
}

/**
 * Whether a VALUE block answers this request. If it does not, the place in the node's stream is
 * lost, and what follows would go to the wrong clients.
 */
export function isAskedFor(
  { request, asked }: Outstanding,
  bytes: Uint8Array,
  reply: Reply,
): boolean {
  const { key, keyAt, keySize } = request
  return (
    isRetrieval(asked) &&
    reply.keyLength === keySize &&
    equalBytes(bytes, reply.keyAt, key, keyAt, keySize)
  )
}

/**
 * A whole VALUE block as the client gets it; in text it is what the node said, unless that tells a
 * cas to one who shares the answer and has not asked for it.
 */
export function encodeHit({ request }: Outstanding, bytes: Uint8Array, reply: Reply): Said {
  const isAsSaid = reply.casLength === 0 || request.command !== Command.get
  if (request.encoder === textEncoder && isAsSaid) return unitOf(bytes, reply)
  numbers.uint64(bytes, reply.flagsAt, reply.flagsLength)
  request.clientFlags = numbers.low
  request.casLow = 0
  request.casHigh = 0
  if (reply.casLength > 0) {
    numbers.uint64(bytes, reply.casAt, reply.casLength)
    request.casLow = numbers.low
    request.casHigh = numbers.high
  }
  return withValue(request, bytes, reply)
}

/** A hit of the router's own. */
export function encodeOwnValue(request: Request, value: Uint8Array): Said {
  request.clientFlags = 0
  request.casLow = 0
  request.casHigh = 0
  request.meta?.describeNothing()
  if (request.encoder !== metaEncoder || request.meta!.wantsValue) {
    return putHit(request, value, 0, value.length)
  }
  putHead(request, value.length)
  return written()
}

/** A hit as the request's protocol says it, its client flags and cas being in the request. */
function withValue(request: Request, bytes: Uint8Array, reply: Reply): Said {
  return putHit(request, bytes, reply.valueAt, reply.valueLength)
}

function putHead(request: Request, valueSize: number): void {
  const { clientFlags, casLow, casHigh } = request
  request.encoder.hitHead(scratch, request, { clientFlags, casLow, casHigh, valueSize })
}

function putHit(request: Request, value: Uint8Array, valueAt: number, valueSize: number): Said {
  putHead(request, valueSize)
  if (scratch.room >= valueSize + TAIL_ROOM) {
    scratch.copy(value, valueAt, valueSize)
    request.encoder.hitTail(scratch)
    return written()
  }
  const room = scratch.length + valueSize + TAIL_ROOM
  const whole = new Output(new Uint8Array(room), 0, room)
  whole.copy(scratch.bytes, scratch.start, scratch.length)
  scratch.clear()
  whole.copy(value, valueAt, valueSize)
  request.encoder.hitTail(whole)
  return saying(whole.bytes, 0, whole.length)
}

const { stored, notStored, exists, notFound, deleted, touched, ok, number, end } = ReplyKind
const { metaValue, metaHit, metaMiss, metaNotStored, metaExists, metaNotFound } = ReplyKind
const ERRORS: readonly ReplyKind[] = [ReplyKind.error, ReplyKind.clientError, ReplyKind.serverError]

/** The replies that a command can have, beside errors. */
const FITTING: readonly (readonly ReplyKind[])[] = (() => {
  const fitting: (readonly ReplyKind[])[] = []
  for (let command: number = Command.get; command <= Command.gats; command += 1) {
    fitting[command] = [end]
  }
  for (let command: number = Command.set; command <= Command.cas; command += 1) {
    fitting[command] = [stored, notStored, exists, notFound]
  }
  fitting[Command.delete] = [deleted, notFound]
  fitting[Command.incr] = [number, notFound]
  fitting[Command.decr] = [number, notFound]
  fitting[Command.touch] = [touched, notFound]
  fitting[Command.flushAll] = [ok]
  fitting[Command.verbosity] = [ok]
  fitting[Command.stats] = [end, ok, ReplyKind.reset]
  fitting[Command.metaGet] = [metaValue, metaHit, metaMiss]
  fitting[Command.metaSet] = [metaHit, metaNotStored, metaExists, metaNotFound]
  fitting[Command.metaDelete] = [metaHit, metaExists, metaNotFound]
  fitting[Command.metaArithmetic] = [metaValue, metaHit, metaNotStored, metaExists, metaNotFound]
  fitting[Command.metaDebug] = [ReplyKind.metaDebug, metaMiss]
  return fitting
})()

/**
 * Whoever answers ERROR to what stores a value does not know the command, and reads the value as
 * commands: there is no telling whose answers come next.
 */
export function fits(asked: Command, kind: ReplyKind): boolean {
  if (ERRORS.includes(kind)) return kind !== ReplyKind.error || !isStorage(asked)
  return FITTING[asked]?.includes(kind) ?? false
}

/** The reply that ends a request, which it fits. */
export function encodeEnd(outstanding: Outstanding, bytes: Uint8Array, reply: Reply): Said {
  const { request, asked } = outstanding
  const isHit = reply.kind === metaValue || reply.kind === metaHit
  if (isHit && asked === Command.metaGet) outstanding.hit = true
  return request.encoder === metaEncoder
    ? passedOn(request, bytes, reply)
    : encodeOwn(outstanding, bytes, reply)
}

function encodeOwn(outstanding: Outstanding, bytes: Uint8Array, reply: Reply): Said {
  const { request } = outstanding
  if (reply.kind === ReplyKind.end) {
    request.encoder.miss(scratch, request)
    return written()
  }
  if (reply.kind === metaValue && isRetrieval(request.command)) {
    readFacts(bytes, reply, request)
    return withValue(request, bytes, reply)
  }
  if (putTranslated(scratch, request, bytes, reply)) return written()
  if (isRetrieval(request.command)) {
    // An error in place of a value is a miss: a multi-get's other keys are not spoilt by it.
    request.encoder.miss(scratch, request)
    return written()
  }
  const status = STATUSES[reply.kind]
  const text = toLatin1(bytes, reply.valueAt, reply.valueLength)
  if (status !== undefined) {
    request.encoder.status(scratch, request, status)
  } else if (reply.kind === ReplyKind.number) {
    request.encoder.number(scratch, request, BigInt(text))
  } else if (reply.kind === ReplyKind.serverError) {
    putError(outstanding, SERVER_STATUSES[text], text)
  } else if (reply.kind === ReplyKind.clientError) {
    putError(outstanding, CLIENT_STATUSES[text], text)
  } else {
    putError(outstanding, undefined, 'unexpected reply of the node')
  }
  return written()
}

/** What went wrong at a node, as a line; '' if nothing did. */
export function failureOf(bytes: Uint8Array, reply: Reply): string {
  if (!ERRORS.includes(reply.kind)) return ''
  const { lineEnd, unitSize } = reply
  return toLatin1(bytes, lineEnd + 2 - unitSize, unitSize - 2)
}

/** The line that a node refused a request with. */
export function encodeRefusal(request: Request, line: string): Said {
  const text = line.slice(line.indexOf(' ') + 1)
  const isClients = line.startsWith('CLIENT_ERROR ')
  const status = isClients ? CLIENT_STATUSES[text] : SERVER_STATUSES[text]
  if (status === undefined) request.encoder.serverError(scratch, request, text)
  else request.encoder.status(scratch, request, status)
  return written()
}

function putError({ request }: Outstanding, status: Status | undefined, text: string): void {
  if (status === undefined) request.encoder.serverError(scratch, request, text)
  else request.encoder.status(scratch, request, status)
}

/** The answer in place of a node that cannot give one: a miss for reads, an error for the rest. */
export function encodeFailure({ request }: Outstanding, text: string): Said {
  if (isRead(request.command)) request.encoder.miss(scratch, request)
  else request.encoder.serverError(scratch, request, text)
  return written()
}

/** An error that says something of the node, and not of the request. */
export function isNodeTrouble(bytes: Uint8Array, { kind, valueAt, valueLength }: Reply): boolean {
  return (
    kind === ReplyKind.serverError &&
    SERVER_STATUSES[toLatin1(bytes, valueAt, valueLength)] === undefined
  )
}

/**
 * What a write is answered that is thrown away: as a node would that stores it and evicts it at
 * once, and so holds nothing. Undefined: no such answer would be true (flush_all).
 */
export function encodeDiscarded({ request }: Outstanding): Said | undefined {
  const status = discardedStatus(request)
  return status === undefined ? undefined : encodeStatus(request, status)
}

const NEEDS_ITEM = /^[APR]$/i

function discardedStatus({ command, meta }: Request): Status | undefined {
  switch (command) {
    case Command.set:
    case Command.add:
      return Status.stored
    case Command.replace:
    case Command.append:
    case Command.prepend:
      return Status.notStored
    case Command.metaSet:
      if (meta!.has(Flag.compareCas)) return Status.notFound
      return NEEDS_ITEM.test(String.fromCharCode(meta!.mode)) ? Status.notStored : Status.stored
    case Command.flushAll:
      return undefined
    default:
      return Status.notFound
  }
}

/** That the key is not there, as one of several in a `get` of ours. */
export function encodeMiss({ request }: Outstanding): Said {
  request.encoder.miss(scratch, request)
  return written()
}

/** Whether a request is answered with an item, or with a miss. */
export function isRead(command: Command): boolean {
  return isRetrieval(command) || command === Command.metaGet || command === Command.metaDebug
}

/** Whether a node that has missed it holds what it should not. */
export function isWrite(command: Command): boolean {
  return (
    (command >= Command.set && command <= Command.flushAll) ||
    (command >= Command.metaSet && command <= Command.metaArithmetic)
  )
}

export function encodeStatus(request: Request, status: Status): Said {
  request.encoder.status(scratch, request, status)
  return written()
}
