// A raw TCP client for tests: sends exactly the bytes it is given, whole or in pieces, and waits
// for a stated number of bytes, for a marker, for silence, or for the end. Text is latin1, so a
// byte is a character and an 8-bit key survives.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

const RECEIVE_TIMEOUT_MS = 5_000
/** After a byte that should not be there: how long to wait for the rest of the wrong answer. */
const SETTLE_MS = 60

export interface Address {
  readonly host: string
  readonly port: number
}

export type Bytes = string | Uint8Array

export function toBuffer(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
}

export class TestConnection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #receivedSize = 0
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => {
      this.#received.push(piece)
      this.#receivedSize += piece.length
      this.#wake()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    // A reset is an end like any other here: what matters is what arrived before it.
    socket.on('error', end)
  }

  static async open(address: Address): Promise<TestConnection> {
    const socket = connect({ host: address.host, port: address.port, allowHalfOpen: true })
    await once(socket, 'connect')
    return new TestConnection(socket)
  }

  /** Over a socket of another kind, already connected and not yet read. */
  static over(socket: Socket): TestConnection {
    return new TestConnection(socket)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Hands the bytes to the kernel in one piece. */
  async send(bytes: Bytes): Promise<void> {
    if (this.#ended) return
    // The callback's error is dropped here because the 'error' event has already marked the end.
    await new Promise<void>(resolve => this.#socket.write(toBuffer(bytes), () => resolve()))
  }

  /** Sends each piece on its own, yielding between them so that the server sees them apart. */
  async sendPieces(pieces: Iterable<Bytes>, pauseMs = 0): Promise<void> {
    for (const piece of pieces) {
      await this.send(piece)
      if (pauseMs > 0) await sleep(pauseMs)
      else await turn()
    }
  }

  /** Says that nothing more will be sent, and still receives. */
  endSending(): void {
    this.#socket.end()
  }

  /** Ends the connection the hard way: the peer sees a reset. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Exactly `size` bytes, or what there is when the connection ends or nothing more comes. */
  async receive(size: number, timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Buffer> {
    await this.#until(() => this.#receivedSize >= size, timeoutMs)
    return this.#take(size)
  }

  /**
   * Waits for `expected` byte by byte: as soon as something else arrives there is no point in
   * waiting on, so the rest of the wrong answer is collected and returned.
   */
  async receiveExpected(expected: Bytes, timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Buffer> {
    const wanted = toBuffer(expected)
    let compared = 0
    const differs = (): boolean => {
      const got = this.#peek()
      const size = Math.min(got.length, wanted.length)
      const same = got.compare(wanted, compared, size, compared, size) === 0
      if (same) compared = size
      return !same
    }
    await this.#until(() => differs() || this.#receivedSize >= wanted.length, timeoutMs)
    if (!differs() && this.#receivedSize >= wanted.length) return this.#take(wanted.length)
    return this.receiveQuiet(SETTLE_MS)
  }

  /** Everything up to and including `marker`. */
  async receiveUntil(marker: Bytes, timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Buffer> {
    const wanted = toBuffer(marker)
    let at = -1
    let searchedTo = 0
    const found = (): boolean => {
      const got = this.#peek()
      at = got.indexOf(wanted, Math.max(0, searchedTo - wanted.length))
      searchedTo = got.length
      return at >= 0
    }
    await this.#until(found, timeoutMs)
    return this.#take(at >= 0 ? at + wanted.length : this.#receivedSize)
  }

  /** That many lines, data blocks counted as lines too. */
  async receiveLines(count: number, timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Buffer> {
    let size = 0
    const complete = (): boolean => {
      const got = this.#peek()
      size = 0
      for (let line = 0; line < count; line += 1) {
        const end = got.indexOf(10, size)
        if (end < 0) return false
        size = end + 1
      }
      return true
    }
    await this.#until(complete, timeoutMs)
    return this.#take(complete() ? size : this.#receivedSize)
  }

  /** Everything that arrives until nothing has come for `quietMs`. */
  async receiveQuiet(quietMs: number): Promise<Buffer> {
    let before = -1
    while (before !== this.#receivedSize && !this.#ended) {
      before = this.#receivedSize
      await sleep(quietMs)
    }
    return this.#take(this.#receivedSize)
  }

  /** Waits for a first byte, then takes everything until nothing has come for `quietMs`. */
  async receiveBurst(quietMs: number): Promise<Buffer> {
    await this.#until(() => this.#receivedSize > 0, RECEIVE_TIMEOUT_MS)
    return this.receiveQuiet(quietMs)
  }

  /** Everything up to the peer's end; fails if the peer stays. */
  async receiveEnd(timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Buffer> {
    await this.#until(() => this.#ended, timeoutMs)
    if (!this.#ended) {
      const got = this.#take(this.#receivedSize).toString('latin1').slice(0, 200)
      throw new Error(`Cannot see the connection end: open after ${timeoutMs} ms, got "${got}"`)
    }
    return this.#take(this.#receivedSize)
  }

  /** One request and its one-line answer, without the line end. */
  async ask(line: string): Promise<string> {
    await this.send(`${line}\r\n`)
    const answer = await this.receiveUntil('\r\n')
    return answer.toString('latin1').replace(/\r\n$/, '')
  }

  async #until(done: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!done() && !this.#ended) {
      const left = deadline - performance.now()
      if (left <= 0) return
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  #peek(): Buffer {
    if (this.#received.length > 1) this.#received = [Buffer.concat(this.#received)]
    return this.#received[0] ?? Buffer.alloc(0)
  }

  #take(size: number): Buffer {
    const all = this.#peek()
    const taken = all.subarray(0, size)
    const rest = all.subarray(taken.length)
    this.#received = rest.length === 0 ? [] : [rest]
    this.#receivedSize = rest.length
    return taken
  }
}
