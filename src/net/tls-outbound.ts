/**
 * TLS towards nodes: what is shown to them and demanded of them. Portable transports only; a node
 * counts as connected when its certificate has been found good.
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { TlsError } from './tls-material.ts'

/** As configured. */
export type OutboundTlsFiles = {
  /** PEM file: who signs the nodes' certificates; undefined: the system's authorities. */
  readonly ca: string | undefined
  /** PEM files: the certificate that nodes ask for, and its key; both or none. */
  readonly cert: string | undefined
  readonly key: string | undefined
  /** The name that certificates must be for; undefined: the node's host as configured. */
  readonly serverName: string | undefined
}

export type OutboundTls = {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

/** @throws TlsError naming the file, never what is in a key. */
export function readOutboundTls(files: OutboundTlsFiles): OutboundTls {
  const tls = {
    ca: read(files.ca),
    cert: read(files.cert),
    key: read(files.key),
    serverName: files.serverName,
  }
  try {
    contextOf(tls)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const named = [files.ca, files.cert, files.key].filter(path => path !== undefined)
    throw new TlsError(`Cannot use ${named.join(', ')}: ${reason}`)
  }
  return tls
}

function read(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TlsError(`Cannot read "${path}": ${reason}`)
  }
}

function contextOf({ ca, cert, key }: OutboundTls): SecureContext {
  return createSecureContext({
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    minVersion: 'TLSv1.2',
  })
}

export class TlsDialler {
  readonly #context: SecureContext
  readonly #serverName: string | undefined

  constructor(tls: OutboundTls) {
    this.#context = contextOf(tls)
    this.#serverName = tls.serverName
  }

  /**
   * `open` is called once the peer's certificate is good; all else ends in 'error' and 'close'.
   * @param host an address
   * @param name what the certificate must be for, unless the configuration says otherwise
   */
  dial(host: string, port: number, name: string, open: () => void): TLSSocket {
    const expected = this.#serverName ?? name
    return connect(
      {
        host,
        port,
        secureContext: this.#context,
        // An address may not be sent as a server name (RFC 6066), but is checked all the same.
        servername: isIP(expected) === 0 ? expected : '',
        checkServerIdentity: (_, certificate) => checkServerIdentity(expected, certificate),
        rejectUnauthorized: true,
      },
      open,
    )
  }
}
