/** Statistics as the binary protocol says them: a packet a row, and one without name and value. */
import { latin1 } from '../base/bytes.ts'
import { putBinary, putPair } from '../protocol/binary-encoder.ts'
import { BinaryStatus } from '../protocol/binary-layout.ts'
import type { Output } from '../protocol/output.ts'
import { Request } from '../protocol/request.ts'
import type { ReplyProducer, StatAnswer } from './executor.ts'

const ROWS_PER_PIECE = 64
const TEXT_MAX = 1000
const ROW_BYTES_MAX = 2 * TEXT_MAX + 24
const PIECE_BYTES_MAX = 16 * 1024

export class StatPackets implements ReplyProducer {
  readonly #answer: StatAnswer
  readonly #request = new Request()

  constructor(answer: StatAnswer, opcode: number, opaque: number) {
    this.#answer = answer
    this.#request.opcode = opcode
    this.#request.opaque = opaque
  }

  produce(output: Output): boolean {
    const { rows, end } = this.#answer
    const until = output.at + PIECE_BYTES_MAX - ROW_BYTES_MAX
    for (let i = 0; i < ROWS_PER_PIECE && output.at < until; i += 1) {
      const { done, value: row } = rows.next()
      if (done) {
        // Known only now, where others have been asked: there is no such statistic.
        const status = end.includes('ERROR') ? BinaryStatus.notFound : BinaryStatus.ok
        putBinary(output, this.#request, status)
        return false
      }
      if (row === undefined) return true
      putPair(output, this.#request, textOf(row[0]), textOf(row[1]))
    }
    return true
  }
}

function textOf(value: string | number): Uint8Array {
  return latin1(String(value).slice(0, TEXT_MAX))
}
