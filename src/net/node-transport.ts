/**
 * The portable transport: node:net sockets on the thread's event loop. All sockets of a thread read
 * into one buffer; what a socket cannot send at once is kept by node:net, and the session stops
 * producing until it has gone.
 */
import { chmodSync } from 'node:fs'
import { createServer, type Server, Socket } from 'node:net'
import { assert } from '../base/assert.ts'
import type { TlsDoors } from './tls-door.ts'
import type { TlsDialler } from './tls-outbound.ts'
import {
  type Cancel,
  DRAIN_MS,
  IDLE_GRACE_MS,
  type ListenAddress,
  type OutboundHandler,
  type PortableDoor,
  type PortableTransport,
  type Secure,
  type Stream,
  type StreamHandler,
} from './transport.ts'
import { forgetPath, isPath } from './unix-listener.ts'
import { WriteCopies } from './write-copies.ts'

export const READ_BYTES = 64 * 1024
/** Of an accepted descriptor: both directions, and one may end before the other. */
const WHOLE = { readable: true, writable: true, allowHalfOpen: true }

/** A peer that went away by reset or mid-write has closed its connection: nothing is wrong here. */
const NORMAL_CLOSES = new Set(['ECONNRESET', 'EPIPE'])

type Dialled = { socket: Socket; stream: NodeStream }
type OnRead = { buffer: Uint8Array; callback: (length: number, bytes: Uint8Array) => boolean }
/**
 * `onread` works with the constructor as it does with connect (node's documentation of net.Socket).
 */
type SocketOptions = ConstructorParameters<typeof Socket>[0] & { onread: OnRead }

class NodeStream implements Stream {
  readonly #socket: Socket
  readonly fd: number
  readonly #copies: WriteCopies
  #handler: StreamHandler | undefined
  #awaitsDrain = false
  /** Nothing that still comes is taken up, nothing more is said. */
  #ended = false
  #error = ''

  constructor(socket: Socket, copies: WriteCopies, onClosed: (stream: NodeStream) => void) {
    this.#socket = socket
    this.fd = descriptorOf(socket)
    this.#copies = copies
    socket.on('end', () => this.#handler?.onEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!NORMAL_CLOSES.has(error.code ?? '')) this.#error = error.message
    })
    socket.on('close', () => {
      onClosed(this)
      this.#handler?.onClose(this.#error)
    })
  }

  attach(handler: StreamHandler): void {
    this.#handler = handler
  }

  received(bytes: Uint8Array, length: number): void {
    if (!this.#ended) this.#handler?.onData(bytes, 0, length)
  }

  get peer(): string {
    const { remoteAddress, remotePort, destroyed } = this.#socket
    if (remoteAddress !== undefined) return `${remoteAddress}:${remotePort}`
    return destroyed ? 'gone' : 'unix'
  }

  write(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#ended) return true
    this.#socket.write(this.#copies.of(bytes, at, length), this.#written)
    if (this.#socket.writableLength === 0) return true
    this.#copies.keep(length)
    this.#awaitsDrain = true
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#ended = true
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  get isEnding(): boolean {
    return this.#ended
  }

  idle(): void {
    if (this.#ended) return
    if (this.#handler?.onIdle === undefined) this.end()
    else this.#handler.onIdle()
  }

  fail(error: Error): void {
    this.#socket.destroy(error)
  }

  readonly #written = (): void => {
    if (!this.#awaitsDrain || this.#socket.writableLength > 0) return
    this.#awaitsDrain = false
    this.#handler?.onDrain()
  }
}

/** What node:net does not say itself; a TLS socket's is that of the one below. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null }
  return handle?.fd ?? -1
}

export type NodeTransportOptions = {
  idleSeconds?: number
  /** For secure listeners. */
  tls?: TlsDoors | undefined
  /** Outbound connections by TLS. */
  dialler?: TlsDialler | undefined
}

export class NodeTransport implements PortableTransport {
  readonly #input = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly #inputBytes = new Uint8Array(this.#input.buffer)
  readonly #copies = new WriteCopies()
  readonly #streams = new Set<NodeStream>()
  readonly #servers: Server[] = []
  readonly #idleSeconds: number
  readonly #tls: TlsDoors | undefined
  readonly #dialler: TlsDialler | undefined
  #onEmpty: () => void = () => {}

  /** @param options `idleSeconds`: how long a client may say nothing, 0 for ever. */
  constructor({ idleSeconds = 0, tls, dialler }: NodeTransportOptions = {}) {
    this.#idleSeconds = idleSeconds
    this.#tls = tls
    this.#dialler = dialler
  }

  adopt(fd: number, door: PortableDoor, secure?: Secure): void {
    if (secure) {
      this.#secure(new Socket({ fd, ...WHOLE }), door, secure)
      return
    }
    let stream: NodeStream | undefined
    const onread = this.#onread(length => stream?.received(this.#inputBytes, length))
    const options: SocketOptions = { fd, ...WHOLE, onread }
    const socket = new Socket(options)
    socket.setNoDelay(true)
    stream = this.#track(socket)
    this.#limitIdle(socket, stream)
    stream.attach(door.accept(stream))
  }

  async listen(address: ListenAddress, door: PortableDoor): Promise<number> {
    const { host, port, backlog, mode, secure } = address
    const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      if (secure) this.#secure(socket, door, secure)
      else this.#serve(socket, door)
    })
    this.#servers.push(server)
    const isUnix = isPath(host)
    if (isUnix) forgetPath(host)
    const where = isUnix ? { path: host, backlog } : { host, port, backlog, reusePort: true }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(where, () => {
        server.off('error', reject)
        if (isUnix) chmodSync(host, mode ?? 0o700)
        resolve()
      })
    })
    const bound = server.address()
    return typeof bound === 'object' && bound !== null ? bound.port : port
  }

  connect(
    host: string,
    port: number,
    timeoutMs: number,
    handler: OutboundHandler,
    name: string = host,
  ): Stream {
    const open = (): void => {
      clearTimeout(timer)
      handler.onOpen()
    }
    const { socket, stream } = this.#dial(host, port, name, open)
    stream.attach(handler)
    const timer = setTimeout(() => {
      stream.fail(new Error(`connect timed out after ${timeoutMs} ms`))
    }, timeoutMs)
    socket.once('close', () => clearTimeout(timer))
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    return stream
  }

  #dial(host: string, port: number, name: string, open: () => void): Dialled {
    if (this.#dialler !== undefined) {
      const socket = this.#dialler.dial(host, port, name, open)
      const stream = this.#track(socket)
      this.#pour(socket, stream)
      return { socket, stream }
    }
    let stream: NodeStream | undefined
    const onread = this.#onread(length => stream?.received(this.#inputBytes, length))
    const options: SocketOptions = { onread }
    const socket = new Socket(options)
    stream = this.#track(socket)
    socket.connect(host.startsWith('/') ? { path: host } : { host, port }, open)
    return { socket, stream }
  }

  after(ms: number, call: () => void): Cancel {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  }

  every(ms: number, call: () => void): Cancel {
    const timer = setInterval(call, ms)
    // What is done now and then keeps nobody from ending.
    timer.unref()
    return () => clearInterval(timer)
  }

  /** An immediate runs behind all sockets that were ready in this round of the event loop. */
  atTurnEnd(call: () => void): void {
    setImmediate(call)
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
    const drained = new Promise<void>(resolve => {
      this.#onEmpty = resolve
    })
    if (this.#streams.size === 0) this.#onEmpty()
    this.#tls?.close()
    for (const stream of this.#streams) stream.end()
    const timer = setTimeout(() => {
      for (const stream of this.#streams) stream.destroy()
    }, DRAIN_MS)
    await drained
    clearTimeout(timer)
  }

  #limitIdle(socket: Socket, stream: NodeStream): void {
    if (this.#idleSeconds === 0) return
    // As elsewhere, where whole seconds are counted: a little later than asked, not sooner.
    socket.setTimeout((this.#idleSeconds + 1) * 1000, () => {
      stream.idle()
      if (stream.isEnding) setTimeout(() => stream.destroy(), IDLE_GRACE_MS).unref()
    })
  }

  #secure(socket: Socket, door: PortableDoor, secure: Secure): void {
    socket.setNoDelay(true)
    const tls = this.#tls?.[secure]
    assert(tls !== undefined, 'a secure listener has its certificate')
    tls.secure(socket, { secured: secured => this.#serve(secured, door), failed: door.forget })
  }

  /** For sockets that choose their own buffers. */
  #serve(socket: Socket, door: PortableDoor): void {
    const stream = this.#track(socket)
    this.#limitIdle(socket, stream)
    stream.attach(door.accept(stream))
    this.#pour(socket, stream)
  }

  #pour(socket: Socket, stream: NodeStream): void {
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += READ_BYTES) {
        const piece = chunk.subarray(at, at + READ_BYTES)
        this.#inputBytes.set(piece)
        stream.received(this.#inputBytes, piece.length)
      }
    })
  }

  #track(socket: Socket): NodeStream {
    const stream = new NodeStream(socket, this.#copies, closed => {
      this.#streams.delete(closed)
      if (this.#streams.size === 0) this.#onEmpty()
    })
    this.#streams.add(stream)
    return stream
  }

  #onread(received: (length: number) => void): OnRead {
    return {
      buffer: this.#input,
      callback: (length: number) => {
        received(length)
        return true
      },
    }
  }
}
