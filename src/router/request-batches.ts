/**
 * Requests on their way out to a node: all of one turn leave in one write. What the node does not
 * take waits here, up to a limit.
 */
import { copyOf, freeBytes, latin1 } from '../base/bytes.ts'
import type { Stream } from '../net/transport.ts'
import { Command, isStorage } from '../protocol/command.ts'
import { OUTPUT_BYTES, Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { putGetLine, putRequestLine } from './request-text.ts'

/** What one `get` of ours asks for, at most: memcached once had 2048 bytes for a line. */
const JOINED_KEYS_MAX = 64
const JOINED_BYTES_MAX = 1900
const SPACE = 0x20
/** Longest line of a request: verb, key, three numbers and a cas. */
const LINE_ROOM = 512
const CRLF = latin1('\r\n')
/** Bytes that may wait for a node that does not read; requests above it fail at once. */
const UNSENT_MAX = 32 * 1024 * 1024

export class RequestBatches {
  readonly #output = new Output(new Uint8Array(OUTPUT_BYTES), 0, OUTPUT_BYTES)
  /** Batches that the node has not taken yet. */
  #unsent: Uint8Array[] = []
  #unsentBytes = 0
  #isBehind = false
  /** The get or gets that ends the output and may be asked for one key more; 0: there is none. */
  #open: Command = Command.unknown
  #openKeys = 0
  #openBytes = 0
  /** Whether the last request went out as one more key of the one before. */
  hasJoined = false

  get isFull(): boolean {
    return this.#unsentBytes > UNSENT_MAX
  }

  /**
   * Returns what the node is asked, which is not always what the client said.
   * @param plain of a request that is no more than that, `get` or `gets`; else `unknown`
   */
  put(request: Request, plain: Command): Command {
    const output = this.#output
    if (output.room < LINE_ROOM) this.#batch()
    if (plain !== Command.unknown) return this.#putGet(request, plain)
    this.hasJoined = false
    this.#open = Command.unknown
    const asked = putRequestLine(output, request)
    if (isStorage(request.command)) this.#putValue(request)
    return asked
  }

  #putGet(request: Request, plain: Command): Command {
    this.hasJoined = this.#canJoin(request, plain)
    if (this.hasJoined) return this.#join(request)
    const output = this.#output
    const before = output.length
    putGetLine(output, plain, request)
    this.#open = plain
    this.#openKeys = 1
    this.#openBytes = output.length - before
    return plain
  }

  #canJoin(request: Request, plain: Command): boolean {
    return (
      this.#open === plain &&
      this.#output.length > 0 &&
      this.#openKeys < JOINED_KEYS_MAX &&
      this.#openBytes + request.keySize < JOINED_BYTES_MAX
    )
  }

  /** `get a\r\n` becomes `get a b\r\n`. */
  #join({ key, keyAt, keySize }: Request): Command {
    const output = this.#output
    output.at -= CRLF.length
    output.bytes[output.at] = SPACE
    output.at += 1
    output.copy(key, keyAt, keySize)
    output.put(CRLF)
    this.#openKeys += 1
    this.#openBytes += keySize + 1
    return this.#open
  }

  /** As much as the node takes. */
  sendTo(stream: Stream): void {
    if (this.#isBehind) return
    if (this.#unsent.length > 0) this.#batch()
    const output = this.#output
    if (output.length > 0) {
      this.#isBehind = !stream.write(output.bytes, output.start, output.length)
      output.clear()
      return
    }
    while (this.#unsent.length > 0 && !this.#isBehind) {
      const bytes = this.#unsent.shift()!
      this.#unsentBytes -= bytes.length
      this.#isBehind = !stream.write(bytes, 0, bytes.length)
      freeBytes(bytes)
    }
  }

  /** The node takes more. */
  drained(): void {
    this.#isBehind = false
  }

  clear(): void {
    this.#output.clear()
    for (const bytes of this.#unsent) freeBytes(bytes)
    this.#unsent = []
    this.#unsentBytes = 0
    this.#isBehind = false
  }

  #putValue(request: Request): void {
    const output = this.#output
    if (output.room >= request.valueSize + CRLF.length) {
      output.copy(request.value, request.valueAt, request.valueSize)
    } else {
      this.#batch()
      this.#queueBytes(copyOf(request.value, request.valueAt, request.valueSize))
    }
    output.put(CRLF)
  }

  #batch(): void {
    const output = this.#output
    if (output.length > 0) this.#queueBytes(output.bytes.slice(output.start, output.at))
    output.clear()
  }

  #queueBytes(bytes: Uint8Array): void {
    this.#unsent.push(bytes)
    this.#unsentBytes += bytes.length
  }
}
