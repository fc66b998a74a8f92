/** Requests towards nodes, in the classic text protocol; never `noreply`: every one is answered. */
import { equalBytes, latin1, putUint, putUint64 } from '../base/bytes.ts'
import { Command, commands } from '../protocol/command.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { textEncoder } from '../protocol/text-encoder.ts'

const SPACE = 0x20
const MINUS = 0x2d
const EXPTIME_MAX = 2147483647

const VERBS: readonly Uint8Array[] = (() => {
  const verbs: Uint8Array[] = []
  for (const { command, verb } of commands) verbs[command] = latin1(`${verb} `)
  return verbs
})()

function putInt(output: Output, value: number): void {
  if (value < 0) {
    output.bytes[output.at] = MINUS
    output.at += 1
  }
  output.at = putUint(output.bytes, output.at, Math.abs(value))
}

/** Binary clients have 32 bits for an exptime, the text protocol 31. */
function putExptime(output: Output, exptime: number): void {
  putInt(output, Math.min(exptime, EXPTIME_MAX))
}

function putSpace(output: Output): void {
  output.bytes[output.at] = SPACE
  output.at += 1
}

/**
 * The line of a request, with its line end. A binary get becomes `gets`, a gat `gats`, because
 * their replies carry the cas. The caller has made sure of room for it (a key and some numbers).
 */
export function putRequestLine(output: Output, request: Request): void {
  const { command } = request
  const isBinary = request.encoder !== textEncoder
  output.put(VERBS[isBinary ? withCas(command) : command]!)
  if (command === Command.gat || command === Command.gats) {
    putExptime(output, request.exptime)
    putSpace(output)
  }
  output.copy(request.key, request.keyAt, request.keySize)
  putArguments(output, request)
  textEncoder.hitTail(output)
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
