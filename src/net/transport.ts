/**
 * The seam between bytes that move and what they mean. A transport belongs to one data thread; it
 * makes streams out of accepted descriptors or addresses, feeds each stream's handler, and keeps
 * the thread's time. Handlers are called from the transport's own turn, never inside a call of
 * theirs: `onClose` comes after `destroy()` has returned, `onDrain` after `write()` has.
 *
 *   turn:  events ─▶ handlers ─▶ atTurnEnd ─▶ timers that are due
 *
 * Portable transports live on the thread's event loop (node-transport.ts). Native ones block the
 * thread inside the kernel, so neither promises nor node's timers or ports work there.
 */
import type { DescriptorQueue } from './descriptor-queue.ts'

export interface Stream {
  /** `address:port` of the peer, `unix`, or `gone`. */
  readonly peer: string
  /** Its descriptor; -1: it has none, or it is not known. */
  readonly fd: number
  /**
   * Takes the bytes at once; they may be reused on return. False: the peer is behind, produce
   * nothing more until `onDrain`.
   *
   * A native transport may leave the bytes of the thread's own output (`IoMemory.output`) where
   * they are until it has sent them: it then moves that output on before it returns.
   */
  write(bytes: Uint8Array, at: number, length: number): boolean
  pause(): void
  resume(): void
  /** Sends what was written, then closes. */
  end(): void
  /** Closes now, whatever is still to be sent. */
  destroy(): void
}

export interface StreamHandler {
  /** The bytes are valid during the call only. */
  onData(bytes: Uint8Array, at: number, length: number): void
  onDrain(): void
  /** The peer sends no more; it may still read. */
  onEnd(): void
  /** A client has said nothing for as long as it may: closes it, or not. Absent: it is closed. */
  onIdle?(): void
  /** Once, last. `error` is empty for a normal close, a reset by the peer included. */
  onClose(error: string): void
}

export interface OutboundHandler extends StreamHandler {
  /** Before any data; a connection that fails has an `onClose` without it. */
  onOpen(): void
}

export type Accept = (stream: Stream) => StreamHandler
/** Takes back what was to be called. */
export type Cancel = () => void

/** What a worker needs of any transport. */
export interface Transport {
  /**
   * Connects outward. Where that is by TLS, the peer must be `name`.
   * @param host an address, or a path that begins with a slash.
   */
  connect(
    host: string,
    port: number,
    timeoutMs: number,
    handler: OutboundHandler,
    name?: string,
  ): Stream
  /** Calls once, in `ms` or a little later. */
  after(ms: number, call: () => void): Cancel
  every(ms: number, call: () => void): Cancel
  /** Calls once, when all that is ready now has been handled. */
  atTurnEnd(call: () => void): void
}

export interface PortableTransport extends Transport {
  /**
   * Takes over an accepted connection; the door hears of it once, when it has become a stream or
   * when it never will (its TLS handshake failed).
   */
  adopt(fd: number, door: PortableDoor, secure?: Secure): void
  /** Accepts by itself, on a port shared with the other threads (without koffi only). */
  listen(address: ListenAddress, door: PortableDoor): Promise<number>
  /** Stops accepting and closes what is idle or done; resolves when every connection is gone. */
  close(): Promise<void>
}

/** Exactly one of the two is called for a connection. */
export type PortableDoor = { accept: Accept; forget: () => void }

export interface NativeTransport extends Transport {
  /** Blocks the thread until it has been told to stop and every connection is gone. */
  serve(door: Door): void
}

/** Where a native transport's connections come from, and how it ends. */
export type Door = {
  /** What the acceptor deals to this thread. */
  dealt: DescriptorQueue
  /** Readable when there is something in the queue or elsewhere, or the time to stop has come. */
  eventfd: number
  isStopping(): boolean
  accept: Accept
  /** A descriptor that was dealt but never became a stream is closed, and counted out here. */
  forget(): void
  /** After every event of the eventfd: there may be something for the thread elsewhere. */
  onWoken(): void
  /** Finishes what is under way, then calls; bounded in time. Nothing is closed before. */
  drain: Drain
}

export type Drain = (done: () => void) => void

export type ListenAddress = {
  /** An address, or a path that begins with a slash. */
  host: string
  port: number
  backlog: number
  /** Of a path: who may connect. */
  mode?: number | undefined
  /** Undefined: no TLS. */
  secure?: Secure | undefined
}

/** TLS: by the general rule about client certificates, without asking for one, requiring one. */
export type Secure = 'tls' | 'btls' | 'mtls'

/** As `-l` takes it. */
export function formatListen({ host, port }: { host: string; port: number }): string {
  if (host.startsWith('/')) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What a peer gets to take its last replies when the process ends. */
export const DRAIN_MS = 300
/** … and when it is closed for having been idle. */
export const IDLE_GRACE_MS = 2000
