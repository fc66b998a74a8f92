/** Lines of the text protocol: where they end, and how long they may get (proto_text.c). */
import { KEY_MAX, LEADING_SPACES_MAX, LINE_MAX, RETRIEVAL_LINE_MAX } from './limits.ts'

const SPACE = 0x20
const DELETE = 0x7f
const LF = 0x0a
const CR = 0x0d
const GET = Buffer.from('get ', 'latin1')
const GETS = Buffer.from('gets ', 'latin1')

/** The offset of a byte in `[from, end)`, or -1. */
export function indexOf(bytes: Uint8Array, byte: number, from: number, end: number): number {
  for (let i = from; i < end; i += 1) if (bytes[i] === byte) return i
  return -1
}

export function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text[i]) return false
  return true
}

/**
 * Whether a line without its newline has got longer than any line may be.
 * @param anyLine retrievals may be no longer than others: nobody has logged in yet.
 */
export function isTooLong(bytes: Uint8Array, at: number, end: number, anyLine: boolean): boolean {
  if (end - at <= LINE_MAX) return false
  if (anyLine) return true
  return !isRetrievalLine(bytes, at, end) || end - at > RETRIEVAL_LINE_MAX
}

/** Whether a line is a `get` or a `gets`, which may be longer than others. */
export function isRetrievalLine(bytes: Uint8Array, at: number, end: number): boolean {
  let start = at
  while (start < end && bytes[start] === SPACE) start += 1
  if (start - at > LEADING_SPACES_MAX) return false
  return startsWith(bytes, start, GET) || startsWith(bytes, start, GETS)
}

/**
 * The size of the key behind `get ` in a whole line of that one key, or 0: most requests are such
 * lines, and their bytes are looked at once. Whatever it is not sure of goes the way of all lines.
 */
export function keySizeOfGet(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= GET.length || !startsWith(bytes, at, GET)) return 0
  const keyAt = at + GET.length
  let next = keyAt
  while (next < end && bytes[next]! > SPACE) next += 1
  const lineEnd = bytes[next] === CR ? next + 1 : next
  if (lineEnd >= end || bytes[lineEnd] !== LF || next - keyAt > KEY_MAX) return 0
  return next - keyAt
}

/** Whether a key is one token of a line, whatever surrounds it: no space and no control byte. */
export function isTextKey(bytes: Uint8Array, at: number, size: number): boolean {
  for (let i = at; i < at + size; i += 1) {
    if (bytes[i]! <= SPACE || bytes[i] === DELETE) return false
  }
  return true
}

/** Whether a key holds a byte that would end it, or its line, where memcached reads it back. */
export function endsToken(bytes: Uint8Array, at: number, size: number): boolean {
  for (let i = at; i < at + size; i += 1) if (bytes[i] === SPACE || bytes[i] === LF) return true
  return false
}
