/**
 * The TLS side of a portable thread's door: sockets go in as they were accepted and come out when
 * their handshake is done. node:tls's server does the work; it never listens itself.
 *
 *   accepted ──▶ handshake ──secureConnection──▶ `secured`
 *                    └──error, too slow, a certificate that will not do──▶ closed, `failed`
 */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { contextOptions, type TlsMaterial, TlsVerify } from './tls-material.ts'

/** A peer that opens a connection and says nothing may not keep it. */
const HANDSHAKE_MS = 10_000

export type TlsCounters = {
  handshakeFailed(): void
  sessionStarted(): void
  /** Something that is no TLS, or was tampered with, after the handshake. */
  protocolFailed(): void
}

type Waiting = { secured: (socket: TLSSocket) => void; failed: () => void }
type Handshake = Waiting & { socket: Socket; isDone: boolean }

/** A thread's doors, one for each kind of secure listener. */
export class TlsDoors {
  readonly tls: TlsDoor
  readonly btls: TlsDoor
  readonly mtls: TlsDoor

  constructor(material: TlsMaterial, counters: TlsCounters) {
    this.tls = new TlsDoor(material, counters)
    this.btls = new TlsDoor({ ...material, verify: TlsVerify.none }, counters)
    this.mtls = new TlsDoor({ ...material, verify: TlsVerify.require }, counters)
  }

  replace(material: TlsMaterial): void {
    for (const door of [this.tls, this.btls, this.mtls]) door.replace(material)
  }

  close(): void {
    for (const door of [this.tls, this.btls, this.mtls]) door.close()
  }
}

export class TlsDoor {
  readonly #server: Server
  readonly #counters: TlsCounters
  /**
   * Sockets in their handshake, by both ends' addresses: node:tls does not say which was which.
   * Those of peers that have gone already have none, and take each other's place.
   */
  readonly #waiting = new Map<string, Handshake>()

  /** @param handshakeMs what a handshake may take */
  constructor(material: TlsMaterial, counters: TlsCounters, handshakeMs: number = HANDSHAKE_MS) {
    this.#counters = counters
    const { verify } = material
    this.#server = createServer({
      ...contextOptions(material),
      requestCert: verify !== TlsVerify.none,
      rejectUnauthorized: verify === TlsVerify.require || verify === TlsVerify.once,
      handshakeTimeout: handshakeMs,
      allowHalfOpen: true,
    })
    this.#server.on('secureConnection', socket => this.#secured(socket, verify))
    // The socket is closed by node:tls or below; what waits for it hears of that.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** Exactly one of the two is called, later. */
  secure(socket: Socket, waiting: Waiting): void {
    const ends = endsOf(socket)
    const handshake = { ...waiting, socket, isDone: false }
    this.#waiting.set(ends, handshake)
    socket.once('close', () => {
      if (handshake.isDone) return
      if (this.#waiting.get(ends) === handshake) this.#waiting.delete(ends)
      this.#counters.handshakeFailed()
      handshake.failed()
    })
    this.#server.emit('connection', socket)
  }

  /** Connections from now on see the new certificate; the rules about clients stay. */
  replace(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOptions(material))
  }

  /** Ends the handshakes under way. */
  close(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy()
  }

  #secured(socket: TLSSocket, verify: TlsVerify): void {
    // A certificate that was asked for and given must be a good one (OpenSSL's SSL_VERIFY_PEER).
    const isBad = verify === TlsVerify.request && !socket.authorized && hasCertificate(socket)
    const ends = endsOf(socket)
    const waiting = this.#waiting.get(ends)
    if (isBad || waiting === undefined) {
      socket.destroy()
      return
    }
    this.#waiting.delete(ends)
    waiting.isDone = true
    this.#counters.sessionStarted()
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_SSL_')) this.#counters.protocolFailed()
    })
    waiting.secured(socket)
  }
}

function hasCertificate(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() !== undefined
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
