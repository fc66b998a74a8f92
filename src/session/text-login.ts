/**
 * ASCII authentication as memcached's `-Y` has it: until somebody is logged in, every line must be
 * `set <any> <any> <any> <n>` and its data `user password`; nothing else is looked at, nothing is
 * told.
 */
import { findCommand, Command } from '../protocol/command.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { NumberReader, Tokens } from '../protocol/text-request.ts'
import { AttemptKind, Mechanism, VerdictKind } from '../auth/authenticator.ts'
import type { Session } from './session.ts'

const LINE_MIN = 6
const TOKEN_MAX = 16384
const SPACE = 0x20
const tokens = new Tokens()
const numbers = new NumberReader()

export class TextLogin {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  /**
   * One line with its newline at `newline`; the offset behind it and its data, or -1: not whole.
   */
  line(bytes: Uint8Array, at: number, newline: number, end: number): number {
    const { output } = this.#session
    if (newline - at < LINE_MIN) {
      this.#session.close()
      return newline + 1
    }
    const to = bytes[newline - 1] === 0x0d ? newline - 1 : newline
    tokens.split(bytes, at, to)
    const row = findCommand(bytes, at, tokens.size[0] ?? 0)
    const isSet = row?.command === Command.set && tokens.count >= 5
    if (!isSet || !numbers.uint64(bytes, tokens.at[4]!, tokens.size[4]!)) {
      output.put(TextLine.unauthenticated)
      return newline + 1
    }
    const size = numbers.high === 0 ? numbers.low : Infinity
    if (size > TOKEN_MAX) {
      output.put(TextLine.authTokenTooLong)
      return newline + 1
    }
    const dataAt = newline + 1
    if (dataAt + size + 2 > end) return -1
    this.#data(bytes, dataAt, dataAt + size)
    return dataAt + size + 2
  }

  #data(bytes: Uint8Array, at: number, to: number): void {
    const { output, login } = this.#session
    if (bytes[to] !== 0x0d || bytes[to + 1] !== 0x0a) {
      output.put(TextLine.badTermination)
      return
    }
    const space = bytes.indexOf(SPACE, at)
    if (space < 0 || space >= to) {
      output.put(TextLine.badTokenFormat)
      return
    }
    const parts = [bytes.slice(at, space), bytes.slice(space + 1, to)]
    const attempt = { kind: AttemptKind.plain, mechanism: Mechanism.plain, parts }
    login.attempt(attempt, ({ kind }) => {
      output.put(kind === VerdictKind.granted ? TextLine.stored : TextLine.authFailure)
    })
  }
}
