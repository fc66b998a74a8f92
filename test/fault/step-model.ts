// What one client knows of its keys, and the client that asks in batches, cuts them anywhere, and
// compares every byte that comes back.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Prng } from '../../src/base/prng.ts'
import type { Address } from '../support/connection.ts'

/** Latin-1. */
export type Step = { readonly send: string; readonly reply: string }
export type Item = { readonly value: string; readonly flags: number }

const KEYS = 12
const BATCH_MAX = 60
const REPLY_WAIT_MS = 20_000

/** Text and numbers are kept apart, so that every count has one result. */
export class Model {
  readonly items = new Map<string, Item>()
  readonly #text: readonly string[]
  readonly #numbers: readonly string[]

  constructor(client: string, odd: readonly string[] = []) {
    const keys = Array.from({ length: KEYS }, (_, i) => `${client}:${i}`)
    this.#text = [...keys, `${client}:`.padEnd(250, 'k'), ...odd]
    this.#numbers = Array.from({ length: KEYS / 2 }, (_, i) => `${client}#${i}`)
  }

  textKey(prng: Prng): string {
    return this.#text[prng.below(this.#text.length)]!
  }

  numberKey(prng: Prng): string {
    return this.#numbers[prng.below(this.#numbers.length)]!
  }

  isText(key: string): boolean {
    return this.#text.includes(key)
  }

  /** What has grown enough is not appended to any more. */
  isLong(key: string): boolean {
    return (this.items.get(key)?.value.length ?? 0) > 30_000
  }

  anyKey(prng: Prng): string {
    return prng.below(4) === 0 ? this.numberKey(prng) : this.textKey(prng)
  }
}

/** Mostly short, now and then several kilobytes; what looks like a reply is among it. */
export function letters(prng: Prng): string {
  const size = prng.below(30) === 0 ? prng.below(20_000) : prng.below(40)
  const text = ['x', 'END\r\n', 'STORED\r\n', '\r\n', 'HD\r\n', 'abc '][prng.below(6)]!
  return `v${text.repeat(Math.ceil(size / text.length)).slice(0, size)}`
}

export class StepClient {
  readonly #socket: Socket
  readonly #prng: Prng
  readonly #next: () => Step
  /** Makes answers comparable where a part of them cannot be known. */
  readonly #masked: (bytes: Buffer) => Buffer
  #received: Buffer[] = []
  #receivedBytes = 0
  #wake: () => void = () => {}
  count = 0
  wrong = ''

  private constructor(
    socket: Socket,
    prng: Prng,
    next: () => Step,
    masked: (bytes: Buffer) => Buffer,
  ) {
    this.#socket = socket
    this.#prng = prng
    this.#next = next
    this.#masked = masked
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => {
      this.#received.push(piece)
      this.#receivedBytes += piece.length
      this.#wake()
    })
    socket.on('error', error => (this.wrong ||= error.message))
    socket.on('close', () => {
      this.wrong ||= 'closed'
      this.#wake()
    })
  }

  static async open(
    address: Address,
    prng: Prng,
    next: () => Step,
    masked: (bytes: Buffer) => Buffer = bytes => bytes,
  ): Promise<StepClient> {
    const socket = connect({ host: address.host, port: address.port })
    await once(socket, 'connect')
    return new StepClient(socket, prng, next, masked)
  }

  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn() && this.wrong === '') await this.#batch()
    this.wrong ||= 'none'
    this.#socket.destroy()
  }

  async #batch(): Promise<void> {
    const steps = Array.from({ length: 1 + this.#prng.below(BATCH_MAX) }, () => this.#next())
    const sent = Buffer.from(steps.map(({ send }) => send).join(''), 'latin1')
    const expected = Buffer.from(steps.map(({ reply }) => reply).join(''), 'latin1')
    await this.#send(sent)
    const deadline = performance.now() + REPLY_WAIT_MS
    while (this.#receivedBytes < expected.length && this.wrong === '') {
      if (performance.now() > deadline) break
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 1000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.count += steps.length
    const got = Buffer.concat(this.#received)
    this.#received = []
    this.#receivedBytes = 0
    if (this.wrong !== '' || this.#masked(got).equals(this.#masked(expected))) return
    this.wrong = difference(steps, got)
  }

  /** Whole, or cut in up to five places, each piece in a write of its own. */
  async #send(bytes: Buffer): Promise<void> {
    const cuts = this.#prng.below(3) === 0 ? this.#prng.below(6) : 0
    const places = Array.from({ length: cuts }, () => this.#prng.below(bytes.length + 1))
    let at = 0
    for (const place of [...places.toSorted((one, other) => one - other), bytes.length]) {
      if (place === at) continue
      this.#socket.write(bytes.subarray(at, place))
      at = place
      if (at < bytes.length) await new Promise(resolve => setImmediate(resolve))
    }
  }
}

/** The first request whose answer is another, with some of what was asked before. */
function difference(steps: readonly Step[], got: Buffer): string {
  const text = got.toString('latin1')
  let at = 0
  for (const [i, { reply }] of steps.entries()) {
    if (text.startsWith(reply, at)) {
      at += reply.length
      continue
    }
    const asked = steps.slice(Math.max(0, i - 3), i + 1).map(({ send }) => send.slice(0, 200))
    return JSON.stringify({ asked, expected: reply.slice(0, 200), got: text.slice(at, at + 200) })
  }
  return JSON.stringify({ surplus: text.slice(at, at + 200) })
}
