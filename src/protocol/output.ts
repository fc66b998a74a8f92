/**
 * A thread's reply buffer: sessions append to it, and it is empty between turns.
 *
 *   start ─── written ─── at ─── room ─── end
 */
import { Copier, put } from '../base/bytes.ts'

/** Room there is before every request, and before every key of a retrieval. */
export const REPLY_ROOM = 18 * 1024
export const OUTPUT_BYTES = 64 * 1024

export class Output {
  readonly bytes: Uint8Array
  readonly #copier: Copier
  /** Where the next byte goes. */
  at: number
  #start: number
  #end: number

  constructor(bytes: Uint8Array, start: number, size: number) {
    this.bytes = bytes
    this.#copier = new Copier(bytes)
    this.#start = start
    this.#end = start + size
    this.at = start
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get length(): number {
    return this.at - this.#start
  }

  get room(): number {
    return this.#end - this.at
  }

  clear(): void {
    this.at = this.#start
  }

  /**
   * Goes on elsewhere, empty: for a transport that has yet to send what is here. There is always
   * room for REPLY_ROOM and more.
   */
  moveTo(start: number, size: number): void {
    this.#start = start
    this.#end = start + size
    this.at = start
  }

  put(constant: Uint8Array): void {
    this.at = put(this.bytes, this.at, constant)
  }

  copy(source: Uint8Array, sourceAt: number, length: number): void {
    this.#copier.copy(this.at, source, sourceAt, length)
    this.at += length
  }
}
