/**
 * What the tokens of a line say that has a key: read into a request. Booleans: whether it could be
 * read; the line is answered by whoever asks (text-protocol.ts).
 */
import { Command, type CommandRow } from '../protocol/command.ts'
import { KEY_MAX, VALUE_MAX } from '../protocol/limits.ts'
import type { Request } from '../protocol/request.ts'
import { startsWith } from '../protocol/text-line.ts'
import type { NumberReader, Tokens } from '../protocol/text-request.ts'

/** Where a storage command says how long its value is. */
export const SIZE_TOKEN = 4
const NOREPLY = Buffer.from('noreply', 'latin1')

export function readKey(request: Request, bytes: Uint8Array, tokens: Tokens): boolean {
  request.key = bytes
  request.keyAt = tokens.at[1]!
  request.keySize = tokens.size[1]!
  return request.keySize <= KEY_MAX
}

/** Whether the last token asks for no answer. */
export function saysNoreply(row: CommandRow, bytes: Uint8Array, tokens: Tokens): boolean {
  const last = tokens.count - 1
  const fits = row.noreply && last >= 1 && tokens.size[last] === NOREPLY.length
  return fits && startsWith(bytes, tokens.at[last]!, NOREPLY)
}

export function readValueSize(
  request: Request,
  bytes: Uint8Array,
  tokens: Tokens,
  numbers: NumberReader,
): boolean {
  const at = tokens.at[SIZE_TOKEN]!
  if (!numbers.uint(bytes, at, tokens.size[SIZE_TOKEN]!, VALUE_MAX)) return false
  request.valueSize = numbers.number
  return true
}

/** Key, flags and exptime, and the unique of a cas. */
export function readStorageFields(
  request: Request,
  bytes: Uint8Array,
  tokens: Tokens,
  numbers: NumberReader,
): boolean {
  if (!readKey(request, bytes, tokens)) return false
  if (!numbers.clientFlags(bytes, tokens.at[2]!, tokens.size[2]!)) return false
  request.clientFlags = numbers.number
  if (!numbers.truncatedInt32(bytes, tokens.at[3]!, tokens.size[3]!)) return false
  request.exptime = numbers.number
  if (request.command !== Command.cas) return true
  if (!numbers.uint64(bytes, tokens.at[5]!, tokens.size[5]!)) return false
  request.casLow = numbers.low
  request.casHigh = numbers.high
  return true
}
