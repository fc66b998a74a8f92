/**
 * Replies of the text protocol, read from bytes one unit at a time, without strings or objects.
 * A unit is one line, or one value block; a reply of several units (get, stats) ends with END.
 *
 *   VALUE <key> <flags> <size>[ <cas>]\r\n<data>\r\n        VA <size>[ <flags>]\r\n<data>\r\n
 *   STORED\r\n    STAT <name> <value>\r\n    42\r\n    CLIENT_ERROR <text>\r\n    HD <flags>\r\n …
 *
 * Strict on purpose: lines end with \r\n, single spaces, words from the table below. A router that
 * has lost its place in a node's stream must notice it at the next unit and close the connection,
 * so a line that memcached does not send is malformed. Not read here: streams that have their own
 * line formats (`watch`, `lru_crawler metadump` and `mgdump`) and the binary protocol.
 * Source: memcached doc/protocol.txt.
 */
import { assert } from '../base/assert.ts'

/** The unit is not whole yet: call again, from the same offset, with more bytes. */
export const NEED_MORE = -1
/** These bytes are no reply of the text protocol: close the connection. */
export const MALFORMED = -2

/** Without its \r\n; a request line of 2048 bytes and one key more. */
export const REPLY_LINE_SIZE_MAX = 2048 + 250
const KEY_SIZE_MAX = 250
/** Digits of 2^64 - 1. */
const UINT64_DIGITS_MAX = 20
/** Digits of 2^30, memcached's greatest item size. */
const SIZE_DIGITS_MAX = 10

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const DIGIT_ZERO = 0x30
const DIGIT_NINE = 0x39

export const ReplyKind = {
  none: 0,
  // Parts: more units of the same reply follow, up to END.
  value: 1,
  stat: 2,
  item: 3,
  prefix: 4,
  // Everything else ends its reply.
  end: 5,
  stored: 6,
  notStored: 7,
  exists: 8,
  notFound: 9,
  deleted: 10,
  touched: 11,
  ok: 12,
  reset: 13,
  number: 14,
  version: 15,
  error: 16,
  clientError: 17,
  serverError: 18,
  /** An operator's command turned down: BUSY, BADCLASS, MEMLIMIT_TOO_SMALL … */
  refused: 19,
  metaValue: 20,
  metaHit: 21,
  metaMiss: 22,
  metaNotStored: 23,
  metaExists: 24,
  metaNotFound: 25,
  metaNoop: 26,
  metaDebug: 27,
} as const
export type ReplyKind = (typeof ReplyKind)[keyof typeof ReplyKind]

/** Whether further units of the same reply follow this one. */
export function isReplyPart(kind: ReplyKind): boolean {
  return kind >= ReplyKind.value && kind <= ReplyKind.prefix
}

/**
 * What `readReply` found: numbers only, one object reused for every unit. All `…At` are offsets in
 * the bytes given; a field that the unit does not have is 0 long.
 *
 *   key    of VALUE and ME; the name of STAT, ITEM and PREFIX
 *   flags  client flags of VALUE; the whole flags text of HD, VA, EN, NS, EX, NF
 *   value  data of VALUE and VA; digits of a number; text of STAT, VERSION, errors and so on
 *   cas    digits of the cas unique of VALUE, when asked for with gets or gats
 */
export class Reply {
  /** Greatest data size of VALUE and VA; a greater one is malformed. */
  readonly valueSizeMax: number
  kind: ReplyKind = ReplyKind.none
  /** Offset of the line's \r. */
  lineEnd = 0
  /**
   * Bytes of the unit from its first one on. Known as soon as its line is whole, also when data is
   * still missing (NEED_MORE): the other fields are then valid too, and there is no use in calling
   * again before this many bytes are there. 0 while the line is not whole.
   */
  unitSize = 0
  keyAt = 0
  keyLength = 0
  flagsAt = 0
  flagsLength = 0
  valueAt = 0
  valueLength = 0
  casAt = 0
  casLength = 0

  constructor(valueSizeMax: number) {
    assert(
      Number.isInteger(valueSizeMax) && valueSizeMax >= 0 && valueSizeMax <= 2 ** 30,
      `Cannot limit values to ${valueSizeMax} bytes: expected 0 to ${2 ** 30}`,
    )
    this.valueSizeMax = valueSizeMax
  }
}

const Shape = { bare: 0, text: 1, named: 2, meta: 3, value: 4, metaValue: 5 } as const
type Shape = (typeof Shape)[keyof typeof Shape]
type Row = { readonly word: Uint8Array; readonly kind: ReplyKind; readonly shape: Shape }

const rows: readonly Row[] = [
  row('VALUE', ReplyKind.value, Shape.value),
  row('STAT', ReplyKind.stat, Shape.named),
  row('ITEM', ReplyKind.item, Shape.named),
  row('PREFIX', ReplyKind.prefix, Shape.named),
  row('END', ReplyKind.end, Shape.bare),
  row('STORED', ReplyKind.stored, Shape.bare),
  row('NOT_STORED', ReplyKind.notStored, Shape.bare),
  row('EXISTS', ReplyKind.exists, Shape.bare),
  row('NOT_FOUND', ReplyKind.notFound, Shape.bare),
  row('DELETED', ReplyKind.deleted, Shape.bare),
  row('TOUCHED', ReplyKind.touched, Shape.bare),
  row('OK', ReplyKind.ok, Shape.bare),
  row('RESET', ReplyKind.reset, Shape.bare),
  row('VERSION', ReplyKind.version, Shape.text),
  row('ERROR', ReplyKind.error, Shape.text),
  row('CLIENT_ERROR', ReplyKind.clientError, Shape.text),
  row('SERVER_ERROR', ReplyKind.serverError, Shape.text),
  // memcached's answer to a shutdown that is not enabled has a colon.
  row('SERVER_ERROR:', ReplyKind.serverError, Shape.text),
  row('BUSY', ReplyKind.refused, Shape.text),
  row('BADCLASS', ReplyKind.refused, Shape.text),
  row('NOSPARE', ReplyKind.refused, Shape.text),
  row('SAME', ReplyKind.refused, Shape.text),
  row('NOTSTARTED', ReplyKind.refused, Shape.text),
  row('MEMLIMIT_TOO_SMALL', ReplyKind.refused, Shape.text),
  row('MEMLIMIT_ADJUST_FAILED', ReplyKind.refused, Shape.text),
  row('VA', ReplyKind.metaValue, Shape.metaValue),
  row('HD', ReplyKind.metaHit, Shape.meta),
  row('EN', ReplyKind.metaMiss, Shape.meta),
  row('NS', ReplyKind.metaNotStored, Shape.meta),
  row('EX', ReplyKind.metaExists, Shape.meta),
  row('NF', ReplyKind.metaNotFound, Shape.meta),
  row('MN', ReplyKind.metaNoop, Shape.bare),
  row('ME', ReplyKind.metaDebug, Shape.named),
]

const SLOT_COUNT = 128
const slots: (Row | undefined)[] = Array.from({ length: SLOT_COUNT }, () => undefined)
for (const entry of rows) {
  const slot = slotOf(entry.word, 0, entry.word.length)
  assert(slots[slot] === undefined, `two reply words share slot ${slot}`)
  slots[slot] = entry
}

/**
 * Reads the unit that starts at `at`; `end` is the offset behind the last byte that has arrived.
 * @returns the offset behind the unit, or NEED_MORE, or MALFORMED.
 */
export function readReply(bytes: Uint8Array, at: number, end: number, reply: Reply): number {
  clear(reply)
  const lineEnd = findLineEnd(bytes, at, end)
  if (lineEnd < 0) return lineEnd
  const wordEnd = tokenEnd(bytes, at, lineEnd)
  const found = slots[slotOf(bytes, at, wordEnd)]
  const isWhole =
    found !== undefined && isWord(found.word, bytes, at, wordEnd)
      ? readRest(bytes, wordEnd, lineEnd, reply, found)
      : readNumber(bytes, at, lineEnd, reply)
  if (!isWhole) return malformed(reply)
  reply.lineEnd = lineEnd
  const hasData = reply.kind === ReplyKind.value || reply.kind === ReplyKind.metaValue
  const next = hasData ? reply.valueAt + reply.valueLength + 2 : lineEnd + 2
  reply.unitSize = next - at
  if (next > end) return NEED_MORE
  return bytes[next - 2] === CR && bytes[next - 1] === LF ? next : malformed(reply)
}

function clear(reply: Reply): void {
  reply.kind = ReplyKind.none
  reply.lineEnd = 0
  reply.unitSize = 0
  reply.keyAt = 0
  reply.keyLength = 0
  reply.flagsAt = 0
  reply.flagsLength = 0
  reply.valueAt = 0
  reply.valueLength = 0
  reply.casAt = 0
  reply.casLength = 0
}

function malformed(reply: Reply): number {
  clear(reply)
  return MALFORMED
}

/** The offset of the line's \r, or NEED_MORE, or MALFORMED when too long or without \r. */
function findLineEnd(bytes: Uint8Array, at: number, end: number): number {
  const limit = Math.min(end, at + REPLY_LINE_SIZE_MAX + 2)
  for (let i = at; i < limit; i += 1) {
    if (bytes[i] !== LF) continue
    return i > at && bytes[i - 1] === CR ? i - 1 : MALFORMED
  }
  return limit - at === REPLY_LINE_SIZE_MAX + 2 ? MALFORMED : NEED_MORE
}

/** The offset of the next space, or `end`. */
function tokenEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end && bytes[i] !== SPACE) i += 1
  return i
}

/** Found by trial: different for each word of the table, which the loop above asserts. */
function slotOf(bytes: Uint8Array, at: number, end: number): number {
  const length = end - at
  if (length === 0) return 0
  return (bytes[at]! * 3 + bytes[at + (length >> 1)]! + length) & (SLOT_COUNT - 1)
}

function isWord(word: Uint8Array, bytes: Uint8Array, at: number, end: number): boolean {
  if (word.length !== end - at) return false
  for (let i = 0; i < word.length; i += 1) {
    if (word[i] !== bytes[at + i]) return false
  }
  return true
}

/** Reads what follows the word, up to the line's end; false when it does not have that shape. */
function readRest(
  bytes: Uint8Array,
  wordEnd: number,
  lineEnd: number,
  reply: Reply,
  { kind, shape }: Row,
): boolean {
  reply.kind = kind
  const from = Math.min(wordEnd + 1, lineEnd)
  switch (shape) {
    case Shape.bare:
      return wordEnd === lineEnd
    case Shape.text:
      reply.valueAt = from
      reply.valueLength = lineEnd - from
      return true
    case Shape.meta:
      reply.flagsAt = from
      reply.flagsLength = lineEnd - from
      return true
    case Shape.named:
      return readNamed(bytes, from, lineEnd, reply)
    case Shape.value:
      return readValueLine(bytes, from, lineEnd, reply)
    case Shape.metaValue:
      return readMetaValueLine(bytes, from, lineEnd, reply)
  }
}

/** `<name>[ <text>]`; the text may be empty and may have spaces. */
function readNamed(bytes: Uint8Array, at: number, lineEnd: number, reply: Reply): boolean {
  const nameEnd = tokenEnd(bytes, at, lineEnd)
  reply.keyAt = at
  reply.keyLength = nameEnd - at
  reply.valueAt = Math.min(nameEnd + 1, lineEnd)
  reply.valueLength = lineEnd - reply.valueAt
  return nameEnd > at
}

/** `<key> <flags> <size>[ <cas>]` */
function readValueLine(bytes: Uint8Array, at: number, lineEnd: number, reply: Reply): boolean {
  const keyEnd = tokenEnd(bytes, at, lineEnd)
  reply.keyAt = at
  reply.keyLength = keyEnd - at
  if (keyEnd === at || keyEnd - at > KEY_SIZE_MAX) return false
  const flagsAt = keyEnd + 1
  const flagsEnd = tokenEnd(bytes, flagsAt, lineEnd)
  reply.flagsAt = flagsAt
  reply.flagsLength = flagsEnd - flagsAt
  if (!isUint64(bytes, flagsAt, flagsEnd)) return false
  const sizeEnd = tokenEnd(bytes, flagsEnd + 1, lineEnd)
  if (!readSize(bytes, flagsEnd + 1, sizeEnd, lineEnd, reply)) return false
  if (sizeEnd === lineEnd) return true
  reply.casAt = sizeEnd + 1
  reply.casLength = lineEnd - reply.casAt
  return isUint64(bytes, reply.casAt, lineEnd)
}

/** `<size>[ <flags>]` */
function readMetaValueLine(bytes: Uint8Array, at: number, lineEnd: number, reply: Reply): boolean {
  const sizeEnd = tokenEnd(bytes, at, lineEnd)
  reply.flagsAt = Math.min(sizeEnd + 1, lineEnd)
  reply.flagsLength = lineEnd - reply.flagsAt
  return readSize(bytes, at, sizeEnd, lineEnd, reply)
}

/** The number that incr and decr answer with. */
function readNumber(bytes: Uint8Array, at: number, lineEnd: number, reply: Reply): boolean {
  reply.kind = ReplyKind.number
  reply.valueAt = at
  reply.valueLength = lineEnd - at
  return isUint64(bytes, at, lineEnd)
}

/** The size of a data block, which starts behind the line. */
function readSize(
  bytes: Uint8Array,
  at: number,
  end: number,
  lineEnd: number,
  reply: Reply,
): boolean {
  if (end <= at || end - at > SIZE_DIGITS_MAX || !isDigits(bytes, at, end)) return false
  let size = 0
  for (let i = at; i < end; i += 1) size = size * 10 + bytes[i]! - DIGIT_ZERO
  reply.valueAt = lineEnd + 2
  reply.valueLength = size
  return size <= reply.valueSizeMax
}

/** 1 to 20 digits; a number past 2^64 - 1 of as many digits passes. */
function isUint64(bytes: Uint8Array, at: number, end: number): boolean {
  return end > at && end - at <= UINT64_DIGITS_MAX && isDigits(bytes, at, end)
}

function isDigits(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i += 1) {
    const byte = bytes[i]!
    if (byte < DIGIT_ZERO || byte > DIGIT_NINE) return false
  }
  return true
}

function row(word: string, kind: ReplyKind, shape: Shape): Row {
  return { word: new TextEncoder().encode(word), kind, shape }
}
