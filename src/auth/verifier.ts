/**
 * What a users file keeps of a password, as one word of text:
 *
 *   scrypt$N$r$p$SALT$KEY                              for PLAIN and ASCII logins
 *   SCRAM-SHA-256$COUNT:SALT$STORED:SERVER (RFC 5803)  for these and SCRAM with that hash
 *   SCRAM-SHA-512$COUNT:SALT$STORED:SERVER
 *
 * Salts and keys are in base64.
 */
import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import {
  HASH_BYTES,
  ITERATIONS_MAX,
  ITERATIONS_MIN,
  makeScramSecret,
  type ScramHash,
  type ScramSecret,
} from './scram.ts'

type ScryptSecret = { cost: number; blockSize: number; parallel: number; salt: Buffer; key: Buffer }

export type Verifier =
  | { kind: 'scrypt'; secret: ScryptSecret }
  | { kind: 'scram'; secret: ScramSecret }

const SALT_MIN = 8
const SALT_MAX = 64
const SALT_BYTES = 16
const KEY_BYTES = 32
/** OWASP's figures of 2024: 16 MB and some 0.1 s of one processor. */
const SCRYPT = { cost: 16384, blockSize: 8, parallel: 5 } as const
const SCRYPT_MEMORY_MAX = 64 * 1024 * 1024
const SCRYPT_WORK_MAX = 1 << 22
const SCRAM_ITERATIONS = 65_536

const EXPECTED = 'expected scrypt$N$r$p$salt$key or SCRAM-SHA-256$count:salt$stored:server'

/** @throws RangeError in whose message nothing of the text stands. */
export function parseVerifier(text: string): Verifier {
  const verifier = text.startsWith('scrypt$') ? parseScrypt(text) : parseScram(text)
  if (verifier === undefined) throw new RangeError(`Cannot read a verifier: ${EXPECTED}`)
  return verifier
}

function parseScrypt(text: string): Verifier | undefined {
  const match = /^scrypt\$(\d{1,7})\$(\d{1,3})\$(\d{1,2})\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return undefined
  const [cost = 0, blockSize = 0, parallel = 0] = match.slice(1, 4).map(Number)
  const salt = base64(match[4]!, SALT_MIN, SALT_MAX)
  const key = base64(match[5]!, KEY_BYTES, KEY_BYTES)
  const isPower = cost >= 1024 && (cost & (cost - 1)) === 0
  if (!salt || !key || !isPower || blockSize < 1 || parallel < 1) return undefined
  if (128 * cost * blockSize > SCRYPT_MEMORY_MAX) return undefined
  if (cost * blockSize * parallel > SCRYPT_WORK_MAX) return undefined
  return { kind: 'scrypt', secret: { cost, blockSize, parallel, salt, key } }
}

function parseScram(text: string): Verifier | undefined {
  const match = /^SCRAM-SHA-(256|512)\$(\d{1,7}):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(text)
  if (match === null) return undefined
  const hash: ScramHash = match[1] === '256' ? 'sha256' : 'sha512'
  const size = HASH_BYTES[hash]
  const iterations = Number(match[2])
  const salt = base64(match[3]!, SALT_MIN, SALT_MAX)
  const storedKey = base64(match[4]!, size, size)
  const serverKey = base64(match[5]!, size, size)
  if (!salt || !storedKey || !serverKey) return undefined
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) return undefined
  return { kind: 'scram', secret: { hash, iterations, salt, storedKey, serverKey } }
}

/** Canonical base64 of so many bytes, or undefined. */
function base64(text: string, min: number, max: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  const isRight = bytes.toString('base64') === text && bytes.length >= min && bytes.length <= max
  return isRight ? bytes : undefined
}

/** Derives keys on libuv's threads: some 0.1 s of one of them. */
export async function checkPassword(verifier: Verifier, password: Uint8Array): Promise<boolean> {
  if (verifier.kind === 'scrypt') {
    const { secret } = verifier
    return timingSafeEqual(await deriveScrypt(secret, password), secret.key)
  }
  const { hash, salt, iterations, storedKey } = verifier.secret
  const made = await makeScramSecret(hash, password, salt, iterations)
  return timingSafeEqual(made.storedKey, storedKey)
}

export async function makeScryptVerifier(password: Uint8Array): Promise<string> {
  const { cost, blockSize, parallel } = SCRYPT
  const salt = randomBytes(SALT_BYTES)
  const key = await deriveScrypt({ ...SCRYPT, salt }, password)
  const words = [cost, blockSize, parallel, salt.toString('base64'), key.toString('base64')]
  return `scrypt$${words.join('$')}`
}

export async function makeScramVerifier(hash: ScramHash, password: Uint8Array): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const secret = await makeScramSecret(hash, password, salt, SCRAM_ITERATIONS)
  const [stored, server] = [secret.storedKey, secret.serverKey].map(key =>
    Buffer.from(key).toString('base64'),
  )
  const name = hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
  return `${name}$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`
}

function deriveScrypt(
  { cost, blockSize, parallel, salt }: Omit<ScryptSecret, 'key'>,
  password: Uint8Array,
): Promise<Buffer> {
  const options: ScryptOptions = {
    N: cost,
    r: blockSize,
    p: parallel,
    maxmem: SCRYPT_MEMORY_MAX * 2,
  }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}
