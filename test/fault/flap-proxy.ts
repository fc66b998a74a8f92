// A TCP proxy in front of a node that can be cut in the ways networks are cut: connections end on
// the router's side while what it sent last is still on its way, and arrives much later.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

type Pair = { client: Socket; node: Socket; held: Buffer[] }

export class FlapProxy {
  readonly #target: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  /** Bytes towards the node stay here. */
  #isHolding = false
  /** Nobody gets through. */
  #isCut = false

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer(client => this.#accept(client))
  }

  static async start(target: number): Promise<FlapProxy> {
    const proxy = new FlapProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    onTestFinished(() => proxy.#close())
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('Cannot tell the port')
    return address.port
  }

  /** From now on nothing arrives at the node, and the router does not know. */
  hold(): void {
    this.#isHolding = true
  }

  /** The router's connections end; those at the node stay, and nobody gets through. */
  cut(): void {
    this.#isCut = true
    for (const { client } of this.#pairs) client.resetAndDestroy()
  }

  /** New connections get through; what was held back stays so. */
  mend(): void {
    this.#isCut = false
    this.#isHolding = false
  }

  /** What was held back arrives, on the connections it was sent on. Returns how many bytes. */
  deliver(): number {
    let bytes = 0
    for (const pair of this.#pairs) {
      for (const piece of pair.held) {
        bytes += piece.length
        pair.node.write(piece)
      }
      pair.held = []
      if (pair.client.destroyed) pair.node.end()
    }
    return bytes
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy()
      return
    }
    const pair: Pair = { client, node: connect(this.#target, '127.0.0.1'), held: [] }
    const { node } = pair
    this.#pairs.add(pair)
    let isOld = false
    client.on('data', (bytes: Buffer) => {
      isOld ||= this.#isHolding
      if (isOld) pair.held.push(bytes)
      else node.write(bytes)
    })
    node.on('data', (bytes: Buffer) => client.write(bytes))
    // What ends on one side ends on the other, unless there is still something under way.
    client.on('error', () => undefined)
    node.on('error', () => undefined)
    client.on('close', () => {
      if (!isOld && !this.#isCut) node.destroy()
    })
    node.on('close', () => {
      this.#pairs.delete(pair)
      client.destroy()
    })
  }

  #close(): void {
    this.#server.close()
    for (const { client, node } of this.#pairs) {
      client.destroy()
      node.destroy()
    }
  }
}
