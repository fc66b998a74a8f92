// What a unit of the reply stream says, in strings, for comparison.
import { type Reply, type ReplyKind } from '../../../src/protocol/text-reply.ts'

export type Unit = {
  kind: ReplyKind
  key?: string
  flags?: string
  value?: string
  cas?: string
}

export function bytesOf(latin1: string): Uint8Array {
  return Uint8Array.from(latin1, character => character.charCodeAt(0))
}

/** Only the fields that are there and not empty. */
export function unitOf(bytes: Uint8Array, reply: Reply): Unit {
  const unit: Unit = { kind: reply.kind }
  if (reply.keyLength > 0) unit.key = text(bytes, reply.keyAt, reply.keyLength)
  if (reply.flagsLength > 0) unit.flags = text(bytes, reply.flagsAt, reply.flagsLength)
  if (reply.valueLength > 0) unit.value = text(bytes, reply.valueAt, reply.valueLength)
  if (reply.casLength > 0) unit.cas = text(bytes, reply.casAt, reply.casLength)
  return unit
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString('latin1')
}
