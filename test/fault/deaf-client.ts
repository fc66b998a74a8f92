// A client that sends and does not read until it is told to: what it is sent stays in the kernel,
// and from there on with the server.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Address } from '../support/connection.ts'

export class DeafClient {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    // A socket without a reader reads one piece ahead and no more.
    socket.pause()
    socket.on('error', () => socket.destroy())
  }

  static async open(address: Address): Promise<DeafClient> {
    const socket = connect({ host: address.host, port: address.port })
    await once(socket, 'connect')
    return new DeafClient(socket)
  }

  /** Hands the bytes over without waiting that anybody takes them. */
  send(bytes: string): void {
    this.#socket.write(Buffer.from(bytes, 'latin1'))
  }

  /** Reads from now on; every piece goes to `take` until it says that it has enough. */
  async readAll(take: (piece: Buffer) => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('close', () => reject(new Error('Cannot read on: connection closed')))
      this.#socket.on('data', (piece: Buffer) => {
        if (take(piece)) resolve()
      })
      this.#socket.resume()
    })
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  close(): void {
    this.#socket.destroy()
  }
}
