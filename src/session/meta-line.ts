/** Carries out a line of a meta command, as far as it goes without its data (text-protocol.ts). */
import { Command, type CommandRow, Right } from '../protocol/command.ts'
import { readMetaLine } from '../protocol/meta-request.ts'
import type { Request } from '../protocol/request.ts'
import { MetaLine } from '../protocol/text-encoder.ts'
import type { Tokens } from '../protocol/text-request.ts'
import type { Session } from './session.ts'

/** What follows the line: the next command, data to store, or data to skip. */
export const Follows = { command: 0, value: 1, waste: 2 } as const
export type Follows = (typeof Follows)[keyof typeof Follows]

export function metaLine(
  session: Session,
  row: CommandRow,
  bytes: Uint8Array,
  tokens: Tokens,
  request: Request,
): Follows {
  const error = readMetaLine(row, bytes, tokens, request)
  const isSet = row.command === Command.metaSet
  if (error !== undefined) {
    session.output.put(error)
    return isSet && request.valueSize >= 0 ? Follows.waste : Follows.command
  }
  if (row.command === Command.metaNoop) {
    session.output.put(MetaLine.noop)
    return Follows.command
  }
  const refusal = session.login.refusalOfKey(needsOf(row, request), request)
  if (refusal !== undefined) {
    session.output.put(refusal)
    return isSet ? Follows.waste : Follows.command
  }
  if (isSet) return Follows.value
  session.executor.execute(session, request)
  return Follows.command
}

/** An `mg` that sets a lifetime or makes an item writes. */
function needsOf({ command, needs }: CommandRow, { meta }: Request): number {
  const writes = command === Command.metaGet && meta !== undefined && meta.writesInGet
  return writes ? needs | Right.write : needs
}
