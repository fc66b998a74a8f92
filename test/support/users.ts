// A password file for tests of logging in: lines of `user:password`, as memcached's `-Y` takes it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

export const USER = 'alice'
export const PASSWORD = 'secret'

export interface PasswordFile {
  readonly path: string
  remove(): void
}

export function writePasswordFile(): PasswordFile {
  const directory = mkdtempSync(join(tmpdir(), 'memring-users-'))
  const path = join(directory, 'users.txt')
  writeFileSync(path, `${USER}:${PASSWORD}\nbob:builder\n`, { mode: 0o600 })
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** The text login of memcached's `-Y`: a set of any key with "user password" as the value. */
export function textLogin(user: string, password: string): string {
  const token = `${user} ${password}`
  return `set login 0 0 ${token.length}\r\n${token}\r\n`
}

/** A directory that is gone when the tests of a file are over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memring-users-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
