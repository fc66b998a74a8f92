/** Carries out a line of the text protocol that has no key (text-protocol.ts). */
import { latin1, toLatin1 } from '../base/bytes.ts'
import { Command, type CommandRow } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { U32_MAX } from '../protocol/limits.ts'
import { textEncoder, TextLine } from '../protocol/text-encoder.ts'
import { NumberReader, type Tokens } from '../protocol/text-request.ts'
import type { Session } from './session.ts'
import { StatLines } from './stat-lines.ts'

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
    case Command.flushAll:
      flushAll(session, bytes, tokens, request)
      return
    default:
      operate(session, bytes, tokens, request)
  }
}

function stats(session: Session, bytes: Uint8Array, tokens: Tokens): void {
  const words = wordsOf(bytes, tokens).slice(1)
  const refusal = session.login.refusalOfStats(words[0] ?? '')
  if (refusal !== undefined) {
    session.output.put(refusal)
    return
  }
  const answer = session.executor.stats(session, words)
  if (answer === undefined) session.output.put(TextLine.error)
  else session.sendReply(new StatLines(answer))
}

/** Commands of operators: nobody sends them often, so they are plain words. */
function operate(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  const words = wordsOf(bytes, tokens)
  if (request.quiet) words.pop()
  const line = session.executor.operate(session, words)
  if (line !== undefined && !request.quiet) session.output.put(latin1(`${line}\r\n`))
}

function wordsOf(bytes: Uint8Array, tokens: Tokens): string[] {
  const words: string[] = []
  for (let token = 0; token < tokens.count; token += 1) {
    words.push(toLatin1(bytes, tokens.at[token]!, tokens.size[token]!))
  }
  return words
}

function verbosity(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  const level = tokens.count > 1 && numbers.uint(bytes, tokens.at[1]!, tokens.size[1]!, U32_MAX)
  if (!level) {
    if (!request.quiet) session.output.put(TextLine.badFormat)
    return
  }
  request.delta = BigInt(numbers.number)
  session.executor.execute(session, request)
}

/** cache_memlimit: a number of megabytes, and whatever else, noreply maybe. */
function memoryLimit(session: Session, bytes: Uint8Array, tokens: Tokens, request: Request): void {
  if (tokens.count > 1 && numbers.uint(bytes, tokens.at[1]!, tokens.size[1]!, U32_MAX)) {
    request.delta = BigInt(numbers.number)
    session.executor.execute(session, request)
  } else if (!request.quiet) session.output.put(TextLine.error)
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
