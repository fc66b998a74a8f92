/**
 * ElastiCache's auto discovery, where there is a cluster to describe: `config get cluster` in text,
 * opcodes 0x60 to 0x63 in binary. What clients read is told; nothing can be set or deleted here,
 * and the data that comes with an attempt is skipped.
 */
import { copyBytes, equalBytes, latin1, toLatin1 } from '../base/bytes.ts'
import { binaryEncoder } from '../protocol/binary-encoder.ts'
import { VALUE_MAX } from '../protocol/limits.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import { NumberReader, type Tokens } from '../protocol/text-request.ts'
import type { ReplyProducer } from './executor.ts'
import type { Session } from './session.ts'

const CLUSTER = latin1('cluster')
const CRLF_SIZE = 2
/** `config set <name> <flags> <bytes>` */
const SET_TOKENS = 5
const PIECE_BYTES_MAX = 16 * 1024

const numbers = new NumberReader()

/** A line that begins with `config`; returns how many bytes of data behind it are to be skipped. */
export function configLine(session: Session, bytes: Uint8Array, tokens: Tokens): number {
  const { cluster } = session.services
  const { output } = session
  const word = (token: number): string =>
    token < tokens.count ? toLatin1(bytes, tokens.at[token]!, tokens.size[token]!) : ''
  const what = word(1)
  if (cluster === undefined || !['get', 'set', 'delete'].includes(what)) {
    output.put(TextLine.error)
  } else if (what === 'delete') {
    output.put(TextLine.commandNotAllowed)
  } else if (tokens.count < (what === 'get' ? 3 : SET_TOKENS)) {
    output.put(TextLine.badFormat)
  } else if (what === 'set') {
    const isSize = numbers.uint(bytes, tokens.at[4]!, tokens.size[4]!, VALUE_MAX)
    output.put(isSize ? TextLine.commandNotAllowed : TextLine.badFormat)
    return isSize ? numbers.number + CRLF_SIZE : 0
  } else if (word(2) === 'cluster') {
    const text = cluster.text()
    const head = latin1(`CONFIG cluster 0 ${text.length}\r\n`)
    session.sendReply(new BytesReply([head, text, latin1('\r\nEND\r\n')]))
  } else {
    output.put(TextLine.end)
  }
  return 0
}

/** Opcodes 0x60 to 0x63, to a session that has a cluster to describe. */
export function configPacket(session: Session, request: Request): void {
  const { output } = session
  const { key, keyAt, keySize } = request
  const isKnown = keySize === CLUSTER.length && equalBytes(key, keyAt, CLUSTER, 0, keySize)
  if (!isKnown) {
    binaryEncoder.miss(output, request)
    return
  }
  const text = session.services.cluster!.text()
  const hit = { clientFlags: 0, casLow: 0, casHigh: 0, valueSize: text.length }
  // The output has room for a head at any time; the text may be larger than it.
  binaryEncoder.hitHead(output, request, hit)
  session.sendReply(new BytesReply([text]))
}

/** A reply that is known, but may be larger than the output. */
class BytesReply implements ReplyProducer {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(parts: readonly Uint8Array[]) {
    this.#bytes = new Uint8Array(Buffer.concat(parts))
  }

  produce(output: Output): boolean {
    const size = Math.min(this.#bytes.length - this.#at, PIECE_BYTES_MAX)
    copyBytes(output.bytes, output.at, this.#bytes, this.#at, size)
    output.at += size
    this.#at += size
    return this.#at < this.#bytes.length
  }
}
