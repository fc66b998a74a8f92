/**
 * What a TLS listener shows and demands: certificate chain, key and rules, read from files and
 * checked on the main thread before anything listens, or before running listeners change over.
 * Passed to data threads as it is; the key must not get into a log.
 *
 * Flags and numbers are memcached's (doc/tls.txt): `ssl_verify_mode` 0 none, 1 request, 2 require,
 * 3 once (the same as require: there is no second handshake here); `ssl_min_version` 2 is TLS 1.2.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { createSecureContext, type SecureVersion } from 'node:tls'

export const TlsVerify = { none: 0, request: 1, require: 2, once: 3 } as const
export type TlsVerify = (typeof TlsVerify)[keyof typeof TlsVerify]

/** Where it lies, as configured. */
export type TlsFiles = {
  readonly chainCert: string
  readonly key: string
  /** Who may sign client certificates; undefined: the system's authorities. */
  readonly caCert: string | undefined
  readonly verify: TlsVerify
  readonly minVersion: SecureVersion
  /** OpenSSL's cipher list; undefined: Node's. */
  readonly ciphers: string | undefined
}

export type TlsMaterial = {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly verify: TlsVerify
  readonly minVersion: SecureVersion
  readonly ciphers: string | undefined
}

/** A certificate, key or rule that cannot be used; the message names the file, never the key. */
export class TlsError extends Error {
  override name = 'TlsError'
}

/** Far more than any chain: a file that is no certificate must not be read without end. */
const FILE_BYTES_MAX = 1024 * 1024
const MONTH_MS = 30 * 24 * 3600 * 1000

/** @throws TlsError; `warn` is told of what works today but will not for long. */
export function readTls(files: TlsFiles, warn: (message: string) => void): TlsMaterial {
  const cert = readPem(files.chainCert, 'certificate')
  const key = readPem(files.key, 'key')
  const ca = files.caCert === undefined ? undefined : readPem(files.caCert, 'CA certificate')
  const leaf = parse(files.chainCert, 'a PEM certificate', () => new X509Certificate(cert))
  const privateKey = parse(files.key, 'a PEM private key without a passphrase', () =>
    createPrivateKey(key),
  )
  if (ca !== undefined) {
    parse(files.caCert!, 'a PEM certificate', () => new X509Certificate(ca))
  }
  checkPair(leaf, privateKey, files)
  checkDates(leaf, files.chainCert, warn)
  const { verify, minVersion, ciphers } = files
  const material: TlsMaterial = { cert, key, ca, verify, minVersion, ciphers }
  try {
    createSecureContext(contextOptions(material))
  } catch (error) {
    throw new TlsError(`Cannot use ssl_ciphers "${ciphers ?? ''}": ${reasonOf(error)}`)
  }
  return material
}

/** From main to portable data threads. */
export type ReplaceTls = { tls: TlsMaterial }

type Said = (facts: Readonly<Record<string, unknown>>, message: string) => void

/** Reads the files again, while they are in use; what cannot be used changes nothing. */
export function renewTls(
  files: TlsFiles,
  hooks: {
    warn: (message: string) => void
    renewed: (material: TlsMaterial) => void
    say: { info: Said; error: Said }
  },
): void {
  try {
    hooks.renewed(readTls(files, hooks.warn))
    hooks.say.info({ certificate: files.chainCert }, 'Certificate read again')
  } catch (error) {
    if (!(error instanceof TlsError)) throw error
    hooks.say.error({ reason: error.message }, 'Certificate not replaced')
  }
}

/** What node:tls wants to hear, of a context and of a server. */
export function contextOptions(material: TlsMaterial): {
  cert: string
  key: string
  ca?: string
  minVersion: SecureVersion
  ciphers?: string
  honorCipherOrder: true
} {
  const { cert, key, ca, minVersion, ciphers } = material
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion,
    ...(ciphers === undefined ? {} : { ciphers }),
    honorCipherOrder: true,
  }
}

function readPem(path: string, what: string): string {
  let text: string
  try {
    text = readUpTo(path, FILE_BYTES_MAX + 1)
  } catch (error) {
    throw new TlsError(`Cannot read ${what} "${path}": ${reasonOf(error)}`)
  }
  if (text.length > FILE_BYTES_MAX) {
    throw new TlsError(`Cannot use ${what} "${path}": expected at most ${FILE_BYTES_MAX} bytes`)
  }
  return text
}

/** Not readFileSync: a device or a pipe may have no end. */
function readUpTo(path: string, size: number): string {
  const bytes = Buffer.alloc(size)
  const fd = openSync(path, 'r')
  try {
    let length = 0
    for (let read = -1; read !== 0 && length < size; length += read) {
      read = readSync(fd, bytes, length, size - length, null)
    }
    return bytes.toString('latin1', 0, length)
  } finally {
    closeSync(fd)
  }
}

function parse<T>(path: string, expected: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    // OpenSSL's reason names its own parser, never a part of the file.
    throw new TlsError(`Cannot use "${path}": expected ${expected} (${reasonOf(error)})`)
  }
}

function checkPair(leaf: X509Certificate, key: KeyObject, files: TlsFiles): void {
  if (leaf.checkPrivateKey(key)) return
  throw new TlsError(`Cannot use key "${files.key}": it is not that of "${files.chainCert}"`)
}

function checkDates(leaf: X509Certificate, path: string, warn: (message: string) => void): void {
  const now = Date.now()
  const until = leaf.validToDate.getTime()
  if (until <= now) warn(`Certificate "${path}" expired on ${leaf.validTo}`)
  else if (until - now < MONTH_MS) warn(`Certificate "${path}" expires on ${leaf.validTo}`)
  if (leaf.validFromDate.getTime() > now) {
    warn(`Certificate "${path}" is not valid before ${leaf.validFrom}`)
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
