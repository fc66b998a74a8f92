/**
 * How replies are said. An executor names a status; the encoder of the connection's protocol writes
 * it. Writers append to an Output that the session has made sure has room (REPLY_ROOM).
 */
import type { Output } from './output.ts'
import type { Request } from './request.ts'

export const Status = {
  stored: 0,
  notStored: 1,
  exists: 2,
  notFound: 3,
  deleted: 4,
  touched: 5,
  ok: 6,
  tooLarge: 7,
  noMemory: 8,
  noMemoryForDelta: 9,
  noMemoryForReply: 10,
  nonNumeric: 11,
  flushNotAllowed: 12,
  unknownCommand: 13,
  memoryLimitTooSmall: 14,
  memoryLimitInBytes: 15,
  memoryLimitOutOfBounds: 16,
  badKey: 17,
  keyNotAllowed: 18,
} as const
export type Status = (typeof Status)[keyof typeof Status]

/** What a hit says of its item, before the value's bytes. */
export type Hit = {
  clientFlags: number
  casLow: number
  casHigh: number
  valueSize: number
}

export interface Encoder {
  /** A reply without a body. Quiet requests may get nothing: the protocol knows. */
  status(output: Output, request: Request, status: Status): void
  /** Everything of a hit before the value … */
  hitHead(output: Output, request: Request, hit: Hit): void
  /** … and behind it. */
  hitTail(output: Output): void
  /** A key that is not there. */
  miss(output: Output, request: Request): void
  /** The new value of an incr or decr. */
  number(output: Output, request: Request, value: bigint): void
  version(output: Output, request: Request, version: Uint8Array): void
  /** An error of ours, in words: `text` is Latin-1, without a line end. */
  serverError(output: Output, request: Request, text: string): void
}
