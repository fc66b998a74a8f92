/** Carries out a line of the text protocol that has no key (text-protocol.ts). */
import { toLatin1 } from '../base/bytes.ts'
import { Command, type CommandRow } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { textEncoder, TextLine } from '../protocol/text-encoder.ts'
import { NumberReader, type Tokens } from '../protocol/text-request.ts'
import type { Session } from './session.ts'

const numbers = new NumberReader()

export function adminLine(
  session: Session,
  row: CommandRow,
  bytes: Uint8Array,
  tokens: Tokens,
  request: Request,
): void {
  const refusal = session.login.refusalOf(row.needs)
  if (refusal !== undefined) {
    if (!request.quiet) session.output.put(refusal)
    return
  }
  switch (request.command) {
    case Command.quit:
      session.close()
      return
    case Command.version:
      textEncoder.version(session.output, request, session.services.version)
      return
    case Command.stats:
      stats(session, bytes, tokens)
      return
    case Command.verbosity:
      verbosity(session, bytes, tokens, request)
      return
    case Command.memoryLimit:
      memoryLimit(session, bytes, tokens, request)
      return
    default:
      flushAll(session, bytes, tokens, request)
  }
}

function stats(session: Session, bytes: Uint8Array, tokens: Tokens): void {
  const hasArgument = tokens.count > 1
  const argument = hasArgument ? toLatin1(bytes, tokens.at[1]!, tokens.size[1]!) : ''
  const refusal = session.login.refusalOfStats(argument)
  if (refusal !== undefined) session.output.put(refusal)
  else if (!session.executor.stats(session, argument)) session.output.put(TextLine.error)
}

function verbosity(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  const level = tokens.count > 1 && numbers.uint64(bytes, tokens.at[1]!, tokens.size[1]!)
  if (!level) {
    if (!request.quiet) session.output.put(TextLine.badFormat)
    return
  }
  request.delta = numbers.value
  session.executor.execute(session, request)
}

/** cache_memlimit: one number of megabytes, and one word more that may be noreply. */
function memoryLimit(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  const fits = tokens.count === 2 || tokens.count === 3
  // strtoul in 32 bits, as client flags are read.
  if (fits && numbers.clientFlags(bytes, tokens.at[1]!, tokens.size[1]!)) {
    request.delta = BigInt(numbers.number)
    session.executor.execute(session, request)
  } else if (!fits || !request.quiet) session.output.put(TextLine.error)
}

function flushAll(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  const hasDelay = tokens.count > (request.quiet ? 2 : 1)
  const isBad = hasDelay && !numbers.int32(bytes, tokens.at[1]!, tokens.size[1]!)
  if (isBad && session.services.flushAllowed) {
    if (!request.quiet) session.output.put(TextLine.badExptime)
    return
  }
  request.exptime = hasDelay ? numbers.number : 0
  session.executor.execute(session, request)
}
