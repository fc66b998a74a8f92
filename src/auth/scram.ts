/**
 * SCRAM (RFC 5802, RFC 7677): the messages and the arithmetic of the server's side, without state.
 *
 *   client ── n,,n=NAME,r=NONCE ──────────────▶ clientFirst
 *          ◀─ r=NONCE+OURS,s=SALT,i=COUNT ───── serverFirst
 *          ── c=biws,r=NONCE+OURS,p=PROOF ────▶ clientFinal
 *          ◀─ v=SIGNATURE ───────────────────── with the success, as RFC 4422 allows it
 *
 * No channel binding, no extensions: messages that ask for them are not understood.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { passwordBytes } from './saslprep.ts'

const derive = promisify(pbkdf2)

export type ScramHash = 'sha256' | 'sha512'

/** What a server keeps: it tells whether a proof is right, and cannot make one. */
export type ScramSecret = {
  hash: ScramHash
  iterations: number
  salt: Uint8Array
  storedKey: Uint8Array
  serverKey: Uint8Array
}

export const ITERATIONS_MIN = 4096
export const ITERATIONS_MAX = 1_000_000
const NONCE_MAX = 256

export const HASH_BYTES: Readonly<Record<ScramHash, number>> = { sha256: 32, sha512: 64 }

type ClientFirst = { header: string; bare: string; authzid: string; name: string; nonce: string }

/** Undefined: not a message that this server understands. Names keep one character a byte. */
export function parseClientFirst(message: Uint8Array): ClientFirst | undefined {
  const text = textOf(message)
  const match = /^([ny],(?:a=([^,]+))?,)(n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]*)*)$/.exec(text)
  if (match === null) return undefined
  const [, header = '', escapedAuthzid = '', bare = '', escapedName = '', nonce = ''] = match
  const authzid = unescape(escapedAuthzid)
  const name = unescape(escapedName)
  if (authzid === undefined || name === undefined || nonce.length > NONCE_MAX) return undefined
  return { header, bare, authzid, name, nonce }
}

export function serverFirst(nonce: string, salt: Uint8Array, iterations: number): string {
  return `r=${nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
}

/** What has been said until the proof came, each message as it was sent. */
export type ScramExchange = {
  clientFirst: Uint8Array
  serverFirst: Uint8Array
  clientFinal: Uint8Array
}

/** The server's signature, or undefined when the proof is wrong. */
export function verifyProof(secret: ScramSecret, exchange: ScramExchange): string | undefined {
  const first = parseClientFirst(exchange.clientFirst)
  const challenge = textOf(exchange.serverFirst)
  const final = textOf(exchange.clientFinal)
  const match =
    /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(final)
  if (first === undefined || match === null) return undefined
  const [, withoutProof = '', binding = '', nonce = '', proofText = ''] = match
  const expectedBinding = Buffer.from(first.header, 'latin1').toString('base64')
  if (binding !== expectedBinding || !challenge.startsWith(`r=${nonce},`)) return undefined
  const proof = Buffer.from(proofText, 'base64')
  const size = HASH_BYTES[secret.hash]
  if (proof.length !== size || proof.toString('base64') !== proofText) return undefined
  const message = Buffer.from(`${first.bare},${challenge},${withoutProof}`, 'latin1')
  const clientSignature = hmac(secret.hash, secret.storedKey, message)
  const clientKey = Buffer.alloc(size)
  for (let i = 0; i < size; i += 1) clientKey[i] = proof[i]! ^ clientSignature[i]!
  const isRight = timingSafeEqual(digest(secret.hash, clientKey), secret.storedKey)
  if (!isRight) return undefined
  return `v=${hmac(secret.hash, secret.serverKey, message).toString('base64')}`
}

export async function makeScramSecret(
  hash: ScramHash,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramSecret> {
  const bytes = passwordBytes(password)
  const salted = await derive(bytes, salt, iterations, HASH_BYTES[hash], hash)
  const storedKey = digest(hash, hmac(hash, salted, Buffer.from('Client Key')))
  const serverKey = hmac(hash, salted, Buffer.from('Server Key'))
  return { hash, iterations, salt, storedKey, serverKey }
}

function hmac(hash: ScramHash, key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac(hash, key).update(data).digest()
}

function digest(hash: ScramHash, data: Uint8Array): Buffer {
  return createHash(hash).update(data).digest()
}

function textOf(message: Uint8Array): string {
  return Buffer.from(message).toString('latin1')
}

/** `=2C` and `=3D` stand for a comma and an equals sign; any other `=` is a mistake. */
function unescape(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text) || text.includes('\0')) return undefined
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
