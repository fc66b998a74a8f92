/**
 * memcached's `-Y` file: a line a user, `user:password`; empty lines are skipped. At most 256 bytes
 * a line as there; more than its 8 users are allowed, up to a bound.
 */
import { readFileSync } from 'node:fs'
import type { Credential } from './account.ts'

const LINE_MAX = 256
const USERS_MAX = 1024

/** @throws Error naming file and line, never what stands in it. */
export function readPasswordFile(path: string): Credential[] {
  return parsePasswordFile(readFileSync(path, 'utf8'), path)
}

export function parsePasswordFile(text: string, path: string): Credential[] {
  const credentials: Credential[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const entry = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (entry === '') continue
    const where = `${path}:${index + 1}`
    if (Buffer.byteLength(entry) > LINE_MAX) {
      throw new Error(
        `${where}: Cannot read credentials: expected at most ${LINE_MAX} bytes a line`,
      )
    }
    const colon = entry.indexOf(':')
    if (colon <= 0 || colon === entry.length - 1) {
      throw new Error(`${where}: Cannot read credentials: expected user:password`)
    }
    credentials.push({ name: entry.slice(0, colon), password: entry.slice(colon + 1) })
  }
  if (credentials.length === 0) throw new Error(`${path}: Cannot read credentials: no user in it`)
  if (credentials.length > USERS_MAX) {
    throw new Error(`${path}: Cannot read credentials: expected at most ${USERS_MAX} users`)
  }
  return credentials
}

/**
 * The file of MEMCACHED_SASL_PWDB (memcached sasl_defs.c): `user[@host]:password[:anything]`. With
 * our own host's name the user may leave it out, as libsasl adds it.
 */
export function parseSaslPasswords(text: string, path: string, host: string): Credential[] {
  const entries = text
    .split('\n')
    .map(line => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .map(line => line.split(':').slice(0, 2).join(':'))
  return parsePasswordFile(entries.join('\n'), path).flatMap(({ name, password }) => {
    const short = name.endsWith(`@${host}`) ? name.slice(0, -host.length - 1) : ''
    return short === ''
      ? [{ name, password }]
      : [
          { name, password },
          { name: short, password },
        ]
  })
}
