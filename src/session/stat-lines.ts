/** Statistics as the text protocol says them: a line a row, and a last line. */
import { latin1 } from '../base/bytes.ts'
import type { Output } from '../protocol/output.ts'
import type { ReplyProducer, StatAnswer } from './executor.ts'

/** Rows looked at before others get their turn: those that say nothing yet cost time too. */
const ROWS_PER_PIECE = 32
/** A key, its prefix or an address, and what stands behind it. */
const ROW_BYTES_MAX = 1024
const PIECE_BYTES_MAX = 16 * 1024

export class StatLines implements ReplyProducer {
  readonly #answer: StatAnswer

  constructor(answer: StatAnswer) {
    this.#answer = answer
  }

  produce(output: Output): boolean {
    const { rows, label, end } = this.#answer
    const until = output.at + PIECE_BYTES_MAX - ROW_BYTES_MAX
    for (let i = 0; i < ROWS_PER_PIECE && output.at < until; i += 1) {
      const { done, value: row } = rows.next()
      if (done) {
        output.put(latin1(`${end}\r\n`))
        return false
      }
      // None yet: what it takes to find one is a piece of its own.
      if (row === undefined) return true
      output.put(latin1(`${label} ${row[0]} ${row[1]}\r\n`.slice(0, ROW_BYTES_MAX)))
    }
    return true
  }
}
