/**
 * Requests towards nodes, in the classic text protocol where it has words for them; never
 * `noreply`: every one is answered.
 */
import { equalBytes, latin1, putUint, putUint64 } from '../base/bytes.ts'
import { Command, commands } from '../protocol/command.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { textEncoder } from '../protocol/text-encoder.ts'
import { isTextKey } from '../protocol/text-line.ts'
import { hasNul, putMetaLine, putTranslatedLine } from './request-meta.ts'
import { putExptime, putSpace } from './request-numbers.ts'

const VERBS: readonly Uint8Array[] = (() => {
  const verbs: Uint8Array[] = []
  for (const { command, verb } of commands) verbs[command] = latin1(`${verb} `)
  return verbs
})()

/**
 * The line of a request, with its line end, and the command it begins with: a binary get becomes
 * `gets`, a gat `gats`, because their replies carry the cas; other binary requests become meta
 * commands. The caller has made sure of room for it (a key and some numbers).
 */
export function putRequestLine(output: Output, request: Request): Command {
  const { encoder } = request
  if (isMeta(request.command)) return putMetaLine(output, request)
  const isText = encoder === textEncoder
  if (isText ? hasNul(request) : !isClassic(request)) return putTranslatedLine(output, request)
  const command = isText ? request.command : withCas(request.command)
  output.put(VERBS[command]!)
  if (command === Command.gat || command === Command.gats) {
    putExptime(output, request.exptime)
    putSpace(output)
  }
  output.copy(request.key, request.keyAt, request.keySize)
  putArguments(output, request)
  textEncoder.hitTail(output)
  return command
}

/** The line of a plain get, and its line end. */
export function putGetLine(output: Output, command: Command, request: Request): void {
  output.put(VERBS[command]!)
  output.copy(request.key, request.keyAt, request.keySize)
  textEncoder.hitTail(output)
}

/** `get` or `gets`, where that and the key is all that is asked; else `unknown`. */
export function plainGetOf(request: Request): Command {
  const { command, encoder, key, keyAt, keySize } = request
  if (command !== Command.get && command !== Command.gets) return Command.unknown
  if (encoder === textEncoder) return hasNul(request) ? Command.unknown : command
  return isTextKey(key, keyAt, keySize) ? withCas(command) : Command.unknown
}

function isMeta(command: Command): boolean {
  return command >= Command.metaGet && command <= Command.metaDebug
}

/** What a binary client asks that needs no meta command. */
function isClassic({ command, key, keyAt, keySize }: Request): boolean {
  if (command === Command.flushAll || command === Command.verbosity) return true
  return (command === Command.get || command === Command.gat) && isTextKey(key, keyAt, keySize)
}

function withCas(command: Command): Command {
  if (command === Command.get) return Command.gets
  return command === Command.gat ? Command.gats : command
}

function putArguments(output: Output, request: Request): void {
  switch (request.command) {
    case Command.set:
    case Command.add:
    case Command.replace:
    case Command.append:
    case Command.prepend:
    case Command.cas:
      putStorageArguments(output, request)
      return
    case Command.incr:
    case Command.decr:
      putSpace(output)
      output.put(latin1(request.delta.toString()))
      return
    case Command.touch:
      putSpace(output)
      putExptime(output, request.exptime)
      return
    case Command.delete:
      // Some servers take a key at the end of the line for the option of that name.
      if (isNoreply(request)) output.put(latin1(' 0'))
      return
    case Command.flushAll:
      putExptime(output, request.exptime)
      return
    case Command.verbosity:
      output.put(latin1(request.delta.toString()))
      return
    default:
  }
}

function putStorageArguments(output: Output, request: Request): void {
  putSpace(output)
  output.at = putUint(output.bytes, output.at, request.clientFlags)
  putSpace(output)
  putExptime(output, request.exptime)
  putSpace(output)
  output.at = putUint(output.bytes, output.at, request.valueSize)
  if (request.command !== Command.cas) return
  putSpace(output)
  output.at = putUint64(output.bytes, output.at, request.casLow, request.casHigh)
}

const NOREPLY = latin1('noreply')

function isNoreply({ key, keyAt, keySize }: Request): boolean {
  return keySize === NOREPLY.length && equalBytes(key, keyAt, NOREPLY, 0, keySize)
}
