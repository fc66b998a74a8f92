/**
 * A line of a meta command → a request. Source: memcached proto_parser.c, process_mset_cmd_start
 * and its like.
 */
import { Command, type CommandRow } from './command.ts'
import { OPAQUE_MAX, VALUE_MAX } from './limits.ts'
import { metaEncoder } from './meta-encoder.ts'
import { areFlags, Flag, MetaFlags } from './meta-flags.ts'
import type { Request } from './request.ts'
import { MetaLine, TextLine } from './text-encoder.ts'
import { NumberReader, type Tokens } from './text-request.ts'

const numbers = new NumberReader()
const SET_MODES = 'AEPRS'
const ARITHMETIC_MODES = 'ID+-'

/**
 * What a line asks. Returns the error to answer; `request.valueSize` is then -1 if it is not known
 * how much data follows, so that what follows is read as the next command.
 */
export function readMetaLine(
  row: CommandRow,
  bytes: Uint8Array,
  tokens: Tokens,
  request: Request,
): Uint8Array | undefined {
  const isSet = row.command === Command.metaSet
  const first = isSet ? 3 : 2
  request.reset(row.command)
  request.encoder = metaEncoder
  request.valueSize = -1
  if (row.command === Command.metaNoop) return undefined
  if (tokens.count < row.tokensMin || !areFlags(bytes, tokens, first)) return TextLine.badFormat
  if (isSet && !numbers.uint(bytes, tokens.at[2]!, tokens.size[2]!, VALUE_MAX)) {
    return TextLine.badFormat
  }
  request.valueSize = isSet ? numbers.number : 0
  request.key = bytes
  request.keyAt = tokens.at[1]!
  request.keySize = tokens.size[1]!
  request.meta ??= new MetaFlags()
  return readFlags(row.command, bytes, tokens, request)
}

function readFlags(
  command: Command,
  bytes: Uint8Array,
  tokens: Tokens,
  request: Request,
): Uint8Array | undefined {
  const meta = request.meta!
  if (command === Command.metaDebug) return meta.readOfDebug(bytes, tokens, request)
  const error = meta.read(bytes, tokens, command === Command.metaSet ? 3 : 2, request)
  if (command === Command.metaArithmetic) {
    if (error !== undefined) return MetaLine.badArithmeticFlag
    if (!isMode(meta, ARITHMETIC_MODES)) return MetaLine.badArithmeticMode
  }
  if (error !== undefined) return error
  if (command === Command.metaSet && !isMode(meta, SET_MODES)) return MetaLine.badSetMode
  return meta.opaqueSize > OPAQUE_MAX ? MetaLine.opaqueTooLong : undefined
}

function isMode(meta: MetaFlags, modes: string): boolean {
  if (!meta.has(Flag.mode)) return true
  for (let i = 0; i < modes.length; i += 1) if (modes.charCodeAt(i) === meta.mode) return true
  return false
}
