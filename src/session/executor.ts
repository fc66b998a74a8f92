/**
 * The seam between a session and whatever answers it: the store of a node, or the nodes of a
 * router. An executor answers at once, through `session.output` and the request's encoder, or takes
 * a place in the order of replies (`session.defer()`) and answers later.
 */
import type { Status } from '../protocol/encoder.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import type { Session } from './session.ts'

/** Where a value goes that is too large to wait for in a buffer. */
export interface ValueSink {
  /** The next bytes of it. False: there is no memory for them, and the sink is done with. */
  fill(bytes: Uint8Array, at: number, length: number): boolean
  /** The value is whole and its end was right: store it and answer. */
  commit(request: Request): void
  abandon(): void
}

/** A value too large for the output buffer, read piece by piece as the peer takes it. */
export interface ValueSource {
  readonly size: number
  read(position: number, target: Uint8Array, at: number, length: number): void
  close(): void
}

/** A reply of unknown length, made piece by piece as the peer takes it. */
export interface ReplyProducer {
  /**
   * Writes some of it, at most REPLY_ROOM bytes and a fraction of a millisecond's work; false when
   * that was the last.
   */
  produce(output: Output): boolean
}

/** One line of statistics; undefined: none yet, there is more to look through. */
export type StatRow = readonly [name: string, value: string | number] | undefined

/** What `stats` answers, whatever the protocol: rows, and what text says behind them. */
export type StatAnswer = {
  rows: Iterator<StatRow>
  /** What a line of text begins with. */
  label: 'STAT' | 'ITEM' | 'PREFIX'
  end: string
}

export interface Executor {
  /** False: the session waits until somebody calls its `resume`. */
  mayProceed(session: Session): boolean
  /**
   * Answers one key of a retrieval. False: it was answered with an error that ends the retrieval;
   * what is left of it is not looked at, and no END is said.
   */
  retrieve(session: Session, request: Request): boolean
  /** Answers everything else that has no value still to come. */
  execute(session: Session, request: Request): void
  /** A place for a large value, or undefined when there is no memory for it. */
  openValue(session: Session, request: Request): ValueSink | undefined
  /** A storage command that fails before it starts; a `set` must not leave the old value behind. */
  refuse(session: Session, request: Request, status: Status): void
  /** `stats` and the words behind it; undefined when there is no such statistic. */
  stats(session: Session, words: readonly string[]): StatAnswer | undefined
  /**
   * A command for operators, in words; the line that answers it, or undefined when the executor
   * has taken the answer upon itself.
   */
  operate(session: Session, words: readonly string[]): string | undefined
  closed(session: Session): void
}
