// The client's side of SCRAM (RFC 5802 section 3), written from the RFC and not from src.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

export type ScramHash = 'sha256' | 'sha512'

export interface ScramReply {
  readonly clientFinal: string
  /** What the server must say in the end. */
  readonly serverFinal: string
}

export function clientFirst(name: string, nonce: string): string {
  return `n,,n=${name},r=${nonce}`
}

export function answerChallenge(
  hash: ScramHash,
  password: string,
  first: string,
  challenge: string,
): ScramReply {
  const [, nonce = '', salt = '', count = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? []
  const size = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(count), size, hash)
  const hmac = (key: Uint8Array, data: string): Buffer =>
    createHmac(hash, key).update(data).digest()
  const clientKey = hmac(salted, 'Client Key')
  const storedKey = createHash(hash).update(clientKey).digest()
  const header = first.slice(0, first.indexOf('n='))
  const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`
  const message = `${first.slice(header.length)},${challenge},${withoutProof}`
  const signature = hmac(storedKey, message)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  return {
    clientFinal: `${withoutProof},p=${proof.toString('base64')}`,
    serverFinal: `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`,
  }
}
