// A server on loopback that answers as memcached does, except where a script says otherwise: for
// showing that the load driver notices. It understands `get KEY` and `set KEY FLAGS TIME SIZE`.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

export interface FakeRequest {
  readonly verb: string
  readonly key: string
  /** Counted over all connections, from 0. */
  readonly index: number
  /** What a right server would answer. */
  readonly rightReply: string
}

/** What to send instead of the right reply; '' sends nothing, null closes the connection. */
export type Script = (request: FakeRequest) => string | null

export class FakeServer {
  readonly #server: Server
  readonly #script: Script
  readonly #sockets = new Set<Socket>()
  readonly #items = new Map<string, string>()
  requestCount = 0
  connectionCount = 0

  private constructor(script: Script) {
    this.#script = script
    this.#server = createServer(socket => this.#accept(socket))
  }

  static async start(script: Script = request => request.rightReply): Promise<FakeServer> {
    const fake = new FakeServer(script)
    fake.#server.listen(0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Sends bytes that nobody asked for to every connection. */
  sendToAll(text: string): void {
    for (const socket of this.#sockets) socket.write(text, 'latin1')
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.dropConnections()
    await closed
  }

  #accept(socket: Socket): void {
    this.connectionCount += 1
    this.#sockets.add(socket)
    let pending = ''
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {
      // The driver gives connections up on purpose in these tests: a reset is no failure here.
    })
    socket.on('data', piece => {
      pending = this.#consume(socket, pending + piece.toString('latin1'))
    })
  }

  /** Answers every whole request and returns what is left. */
  #consume(socket: Socket, received: string): string {
    let rest = received
    for (;;) {
      const match = /^(get|set) (\S+)(?: \d+ \d+ (\d+))?\r\n/.exec(rest)
      if (match === null) return rest
      const [line, verb = '', key = '', size] = match
      const valueEnd = line.length + (size === undefined ? 0 : Number(size) + 2)
      if (rest.length < valueEnd) return rest
      if (verb === 'set') this.#items.set(key, rest.slice(line.length, valueEnd - 2))
      rest = rest.slice(valueEnd)
      this.#answer(socket, verb, key)
    }
  }

  #answer(socket: Socket, verb: string, key: string): void {
    const rightReply = verb === 'set' ? 'STORED\r\n' : getReply(key, this.#items.get(key))
    const index = this.requestCount
    this.requestCount += 1
    const reply = this.#script({ verb, key, index, rightReply })
    if (reply === null) socket.destroy()
    else if (reply !== '' && !socket.destroyed) socket.write(reply, 'latin1')
  }
}

function getReply(key: string, value: string | undefined): string {
  return value === undefined ? 'END\r\n' : `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`
}
