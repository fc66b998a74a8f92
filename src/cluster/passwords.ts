/**
 * Where a user's password comes from: a file beside the cluster file, or one environment
 * variable. Never from the cluster file itself, and never into a message, nor the name of a
 * password file, which may be a password written into the wrong field.
 */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { UserEntry } from './cluster-schema.ts'
import type { Path } from './problems.ts'
import type { YamlSource } from './yaml-source.ts'

/** Name and password travel as one memcached value, `name password`, when a client logs in. */
const PASSWORD_BYTES_MAX = 250
/** Only to keep a wrong file from being read into memory. */
const FILE_BYTES_MAX = 4096
const WAYS = 'password_file: FILE or password: ${VARIABLE}'
const FITTING = `1 to ${PASSWORD_BYTES_MAX} bytes without control characters`

/** Undefined, and a problem noted, if there is no usable password. */
export function readPassword(
  source: YamlSource,
  path: Path,
  user: UserEntry,
  directory: string,
): string | undefined {
  const inline = user.password !== undefined || source.isRefused([...path, 'password'])
  const fromFile = user.password_file !== undefined
  if (inline === fromFile) {
    const found = inline ? 'both password and password_file' : 'no password'
    source.addProblem(path, `found ${found}, expected ${WAYS}`)
    return undefined
  }
  const field = [...path, inline ? 'password' : 'password_file']
  if (source.isRefused(field)) return undefined
  if (inline && !isOneVariable(source.rawTextOf(field))) {
    source.addProblem(field, `found a literal password, expected ${WAYS}`)
    return undefined
  }
  try {
    const password = inline
      ? String(user.password)
      : readPasswordFile(resolve(directory, user.password_file ?? ''))
    if (isPassword(password)) return password
    const size = Buffer.byteLength(password)
    source.addProblem(field, `found a password of ${size} bytes, expected ${FITTING}`)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    const where = 'expected a readable text file, relative to the cluster file'
    source.addProblem(field, `found a file that cannot be read${code}, ${where}`)
  }
  return undefined
}

/** A default in the file would be a literal password too. */
function isOneVariable(text: string | undefined): boolean {
  return text !== undefined && /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(text)
}

function isPassword(password: string): boolean {
  const size = Buffer.byteLength(password)
  return size >= 1 && size <= PASSWORD_BYTES_MAX && !/\p{Cc}/u.test(password)
}

/** The file's text without the one newline that editors and `echo` put at its end. */
function readPasswordFile(file: string): string {
  const { size } = statSync(file)
  if (size > FILE_BYTES_MAX) throw new RangeError('Cannot read a password: the file is too large')
  const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  return text.replace(/\r?\n$/, '')
}
