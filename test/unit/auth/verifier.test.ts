import { describe, expect, test } from 'vitest'
import {
  checkPassword,
  makeScramVerifier,
  makeScryptVerifier,
  parseVerifier,
} from '../../../src/auth/verifier.ts'

const salt = Buffer.alloc(16, 1).toString('base64')
const key = Buffer.alloc(32, 2).toString('base64')
const key64 = Buffer.alloc(64, 2).toString('base64')

describe('verifiers', () => {
  const makers = [
    ['scrypt', makeScryptVerifier],
    ['SCRAM-SHA-256', (password: Uint8Array) => makeScramVerifier('sha256', password)],
    ['SCRAM-SHA-512', (password: Uint8Array) => makeScramVerifier('sha512', password)],
  ] as const
  test.each(makers)('%s: made, read again, and right for its password only', async (name, make) => {
    const text = await make(Buffer.from('pässwörd'))
    expect(text.startsWith(`${name}$`)).toBe(true)
    expect(await make(Buffer.from('pässwörd'))).not.toBe(text)
    const verifier = parseVerifier(text)
    expect(await checkPassword(verifier, Buffer.from('pässwörd'))).toBe(true)
    for (const wrong of ['passwörd', '', 'pässwörd ']) {
      expect(await checkPassword(verifier, Buffer.from(wrong))).toBe(false)
    }
  })

  test.each([
    `scrypt$1024$8$1$${salt}$${key}`,
    `scrypt$32768$8$16$${salt}$${key}`,
    `SCRAM-SHA-256$4096:${salt}$${key}:${key}`,
    `SCRAM-SHA-512$1000000:${salt}$${key64}:${key64}`,
  ])('%s is read', text => {
    expect(() => parseVerifier(text)).not.toThrow()
  })

  test.each([
    '',
    'secret',
    'scrypt$',
    `scrypt$1000$8$1$${salt}$${key}`,
    `scrypt$512$8$1$${salt}$${key}`,
    `scrypt$131072$8$1$${salt}$${key}`,
    `scrypt$32768$8$17$${salt}$${key}`,
    `scrypt$1024$0$1$${salt}$${key}`,
    `scrypt$1024$8$0$${salt}$${key}`,
    `scrypt$1024$8$99$${salt}`,
    `scrypt$1024$8$1$${salt}$${key64}`,
    `scrypt$1024$8$1$AAAA$${key}`,
    `scrypt$1024$8$1$${salt}$${key}$x`,
    `scrypt$1024$8$1$${salt}x$${key}`,
    `SCRAM-SHA-256$4095:${salt}$${key}:${key}`,
    `SCRAM-SHA-256$1000001:${salt}$${key}:${key}`,
    `SCRAM-SHA-256$9999999999:${salt}$${key}:${key}`,
    `SCRAM-SHA-512$4096:${salt}$${key}:${key}`,
    `SCRAM-SHA-256$4096:${salt}$${key}:${key64}`,
    `SCRAM-SHA-1$4096:${salt}$${key}:${key}`,
    `SCRAM-SHA-256$4096:${'A'.repeat(100_000)}$${key}:${key}`,
  ])('%# is refused, and nothing of it is told', text => {
    expect(() => parseVerifier(text)).toThrow(RangeError)
    expect(() => parseVerifier(text)).toThrow(/^Cannot read a verifier: expected scrypt/)
  })
})
