/**
 * The seam between bytes that move and what they mean. A transport belongs to one data thread; it
 * makes streams out of accepted descriptors or addresses, and feeds each stream's handler.
 * Implementations: node-transport.ts (portable).
 */
export interface Stream {
  /** `address:port` of the peer, or `unix`. */
  readonly peer: string
  /**
   * Takes the bytes at once; they may be reused on return. False: the peer is behind, produce
   * nothing more until `onDrain`.
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
  /** Once, last. `error` is empty for a normal close, a reset by the peer included. */
  onClose(error: string): void
}

export interface Transport {
  /** Takes over an accepted connection; `handle` makes its handler. */
  adopt(fd: number, handle: (stream: Stream) => StreamHandler): void
  /** Accepts by itself, on a port shared with the other threads (without koffi only). */
  listen(address: ListenAddress, handle: (stream: Stream) => StreamHandler): Promise<number>
  /** Connects outward. `onOpen` comes before any data; a failure is an `onClose` without it. */
  connect(host: string, port: number, timeoutMs: number, handler: OutboundHandler): Stream
  /** Stops accepting and closes what is idle or done; resolves when every connection is gone. */
  close(): Promise<void>
}

export interface OutboundHandler extends StreamHandler {
  onOpen(): void
}

export type ListenAddress = { host: string; port: number; backlog: number }
