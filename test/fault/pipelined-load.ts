// Clients that keep requests on their way until the server goes or they are told to stop. Each has
// keys of its own, so every byte it gets is known beforehand and is compared.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Address } from '../support/connection.ts'

const LARGE = 'L'.repeat(40_000)

class Client {
  readonly socket: Socket
  readonly #batch: Buffer
  readonly #expected: Buffer
  readonly #depth: number
  #at = 0
  #stopped = false
  replies = 0
  fault = ''

  constructor(address: Address, name: string, depth: number) {
    this.#depth = depth
    const set = `set ${name} 0 0 10\r\n0123456789\r\n`
    const large = `set ${name}-large 0 0 ${LARGE.length}\r\n${LARGE}\r\n`
    const large2 = `get ${name}-large\r\n`
    const get = `get ${name} ${name}-absent\r\n`
    this.#batch = Buffer.from(`${set}${large}${get}${get}${get}${large2}`)
    const hit = `VALUE ${name} 0 10\r\n0123456789\r\nEND\r\n`
    const largeHit = `VALUE ${name}-large 0 ${LARGE.length}\r\n${LARGE}\r\nEND\r\n`
    this.#expected = Buffer.from(`STORED\r\nSTORED\r\n${hit}${hit}${hit}${largeHit}`)
    this.socket = connect({ host: address.host, port: address.port })
    this.socket.on('data', (piece: Buffer) => this.#receive(piece))
    // The server's end is what these tests are about: how it comes does not matter here.
    this.socket.on('error', () => this.socket.destroy())
  }

  start(): void {
    for (let i = 0; i < this.#depth; i += 1) this.socket.write(this.#batch)
  }

  stop(): void {
    this.#stopped = true
    this.socket.destroy()
  }

  #receive(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      const size = Math.min(piece.length - at, this.#expected.length - this.#at)
      const same = piece.compare(this.#expected, this.#at, this.#at + size, at, at + size) === 0
      if (!same && this.fault === '') {
        const wanted = this.#expected.toString('latin1', this.#at, this.#at + 40)
        this.fault = `got ${JSON.stringify(piece.toString('latin1', at, at + 40))}, not ${wanted}`
      }
      at += size
      this.#at += size
      if (this.#at < this.#expected.length) continue
      this.#at = 0
      this.replies += 1
      if (!this.#stopped) this.socket.write(this.#batch)
    }
  }
}

export class PipelinedLoad {
  readonly #clients: Client[]

  private constructor(clients: Client[]) {
    this.#clients = clients
  }

  /** Resolves when every client has had some answers. `depth`: batches of 6 requests on the way. */
  static async start(address: Address, connections: number, depth: number): Promise<PipelinedLoad> {
    const clients = Array.from({ length: connections }, (_, at) => {
      return new Client(address, `load${at}`, depth)
    })
    await Promise.all(clients.map(client => once(client.socket, 'connect')))
    for (const client of clients) client.start()
    const load = new PipelinedLoad(clients)
    while (clients.some(client => client.replies < 3)) {
      if (load.faults().length > 0) break
      await once(clients[0]!.socket, 'data')
    }
    return load
  }

  /** Replies that were not what was due. */
  faults(): string[] {
    return this.#clients.map(client => client.fault).filter(fault => fault !== '')
  }

  get replies(): number {
    return this.#clients.reduce((sum, client) => sum + client.replies, 0)
  }

  stop(): void {
    for (const client of this.#clients) client.stop()
  }
}
