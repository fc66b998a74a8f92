/**
 * One request as a protocol parser leaves it and an executor reads it: offsets and numbers, reused
 * by a session for every request. Whoever answers later copies what it needs.
 */
import { Command } from './command.ts'
import type { Encoder } from './encoder.ts'
import type { MetaFlags } from './meta-flags.ts'
import { textEncoder } from './text-encoder.ts'

const NOTHING = new Uint8Array(0)

export class Request {
  command: Command = Command.unknown
  /** How this request's reply is said. */
  encoder: Encoder = textEncoder
  /** Where the key lies: `keySize` bytes at `keyAt`. */
  key: Uint8Array = NOTHING
  keyAt = 0
  keySize = 0
  value: Uint8Array = NOTHING
  valueAt = 0
  valueSize = 0
  clientFlags = 0
  /** As sent: 0 never, negative at once, up to 30 days relative, above that unix time. */
  exptime = 0
  casLow = 0
  casHigh = 0
  /** incr, decr, ma: how much. */
  delta = 0n
  /** What incr, decr and ma begin with where there is nothing … */
  initial = 0n
  /** … if they are to (binary). */
  creates = false
  /** Text `noreply`, binary quiet opcodes. */
  quiet = false
  /** Binary only: the opcode and the opaque word to give back, and whether a hit names its key. */
  opcode = 0
  opaque = 0
  withKey = false
  /** Meta commands only: their flags, made when the first one comes. */
  meta: MetaFlags | undefined = undefined

  /** Forgets what the last request said; offsets are set by whoever parses. */
  reset(command: Command): void {
    this.command = command
    this.keySize = 0
    this.valueSize = 0
    this.clientFlags = 0
    this.exptime = 0
    this.casLow = 0
    this.casHigh = 0
    this.quiet = false
    this.creates = false
    this.withKey = false
  }
}
