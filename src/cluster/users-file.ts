/**
 * The users file: who may log in, as `memring user` writes it and people may read and edit it. A
 * password never stands in it, only what tells whether one is right (auth/verifier.ts).
 *
 *   users:
 *     - name: app
 *       verifiers: [ "scrypt$…" ]
 *       rights: [ read, write ]      left out: all of read, write, admin
 *       prefixes: [ "app:" ]         left out: any key
 *
 * Import it only where it is needed (`await import`): yaml takes memory.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'
import {
  type Account,
  ACCOUNTS_MAX,
  PREFIX_BYTES_MAX,
  PREFIXES_MAX,
  type RightName,
  rightNames,
} from '../auth/account.ts'
import { parseVerifier } from '../auth/verifier.ts'
import { ClusterFileError, type Path, suggest } from './problems.ts'
import { YamlSource } from './yaml-source.ts'
import { readText } from './yaml-text.ts'

const FIELDS = ['name', 'verifiers', 'rights', 'prefixes']
const VERIFIERS_MAX = 4
/** Without what would end a token of memcached's protocol, or a name in a `-Y` file. */
const NAME = /^[!-9;-~]{1,250}$/
const NAME_EXPECTED = 'expected 1 to 250 printable characters without space or ":"'
const PREFIX = /^[^\p{Cc} ]{1,250}$/u

export function isUserName(name: string): boolean {
  return NAME.test(name)
}

export function isPrefix(prefix: string): boolean {
  return PREFIX.test(prefix) && Buffer.byteLength(prefix) <= 250
}

/** @throws {ClusterFileError} with every problem and its place; nothing of a verifier is in it. */
export function loadUsersFile(path: string): Account[] {
  const source = new YamlSource(readText(path, 'users file'), {})
  const accounts = source.problems.length > 0 ? [] : readUsers(source)
  if (source.problems.length > 0) {
    throw new ClusterFileError(path, source.problemsInOrder(), undefined, 'users file')
  }
  return accounts
}

/** Whether the file is there, and has a user in it, right or wrong. */
export function hasUsers(path: string): boolean {
  return usersOf(openDocument(path)).items.length > 0
}

/** Whether others than its owner may read or write a file. */
export function isOpenToOthers(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0
}

function readUsers(source: YamlSource): Account[] {
  const { data } = source
  const users = isMapping(data) ? data['users'] : undefined
  if (isMapping(data)) checkFields(source, [], data, ['users'])
  if (!Array.isArray(users) || users.length === 0 || users.length > ACCOUNTS_MAX) {
    source.addProblem(['users'], `expected a list of 1 to ${ACCOUNTS_MAX} users`)
    return []
  }
  const known = new Set<string>()
  return users.flatMap((user: unknown, at) => {
    const account = readUser(source, ['users', at], user)
    if (account === undefined) return []
    if (known.has(account.name)) {
      source.addProblem(['users', at, 'name'], 'found a name for the second time')
    }
    known.add(account.name)
    return [account]
  })
}

function readUser(source: YamlSource, path: Path, user: unknown): Account | undefined {
  if (!isMapping(user)) {
    source.addProblem(path, 'expected a mapping of fields')
    return undefined
  }
  checkFields(source, path, user, FIELDS)
  const { name } = user
  if (typeof name !== 'string' || !isUserName(name)) {
    source.addProblem([...path, 'name'], NAME_EXPECTED)
    return undefined
  }
  const verifiers = readVerifiers(source, [...path, 'verifiers'], user['verifiers'])
  const rights = readRights(source, [...path, 'rights'], user['rights'])
  const prefixes = readPrefixes(source, [...path, 'prefixes'], user['prefixes'])
  return { name, verifiers, ...(rights && { rights }), ...(prefixes && { prefixes }) }
}

function readVerifiers(source: YamlSource, path: Path, value: unknown): string[] {
  const verifiers = textsOf(value)
  if (!verifiers || verifiers.length === 0 || verifiers.length > VERIFIERS_MAX) {
    const made = 'as "memring user passwd" makes them'
    source.addProblem(path, `expected a list of 1 to ${VERIFIERS_MAX} verifiers, ${made}`)
    return []
  }
  for (const [at, text] of verifiers.entries()) {
    try {
      parseVerifier(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      source.addProblem([...path, at], error.message.replace(/^[^:]*: /, ''))
    }
  }
  return verifiers
}

function readRights(source: YamlSource, path: Path, value: unknown): RightName[] | undefined {
  if (value === undefined) return undefined
  const names = textsOf(value)
  const rights = rightNames.filter(name => names?.includes(name))
  if (names && names.every(name => rights.some(right => right === name))) return rights
  source.addProblem(path, `expected a list of ${rightNames.join(', ')}`)
  return undefined
}

function readPrefixes(source: YamlSource, path: Path, value: unknown): string[] | undefined {
  if (value === undefined) return undefined
  const prefixes = textsOf(value)
  const size = prefixes?.reduce((sum, prefix) => sum + Buffer.byteLength(prefix), 0) ?? 0
  const fits = prefixes && prefixes.length > 0 && prefixes.length <= PREFIXES_MAX
  if (fits && size <= PREFIX_BYTES_MAX && prefixes.every(isPrefix)) return prefixes
  const limits = `${PREFIX_BYTES_MAX} bytes in all, without space and control characters`
  source.addProblem(path, `expected a list of 1 to ${PREFIXES_MAX} beginnings of keys, ${limits}`)
  return undefined
}

function checkFields(source: YamlSource, path: Path, data: object, known: string[]): void {
  for (const name of Object.keys(data)) {
    if (known.includes(name)) continue
    const field = [...path, name]
    const problem = `found an unknown field, ${suggest(name, known)}`
    source.addProblem(field, problem, source.positionOfKey(field))
  }
}

function textsOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every(item => typeof item === 'string') ? value : undefined
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Writes one user into the file, in place of the one of that name if there is one; comments and
 * everything else stay. The file is made if it is not there.
 */
export function putUser(path: string, account: Account): void {
  const document = openDocument(path)
  const users = usersOf(document)
  const at = indexOfUser(users, account.name)
  const node = document.createNode(account)
  if (at < 0) users.add(node)
  else users.set(at, node)
  writeWhole(path, document.toString({ lineWidth: 0 }))
}

/** False: nobody has that name. */
export function removeUser(path: string, name: string): boolean {
  const document = openDocument(path)
  const users = usersOf(document)
  const at = indexOfUser(users, name)
  if (at < 0) return false
  users.delete(at)
  writeWhole(path, document.toString({ lineWidth: 0 }))
  return true
}

function openDocument(path: string): Document {
  try {
    statSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return new Document({ users: [] })
  }
  const document = parseDocument(readText(path, 'users file'))
  // It says where, and throws.
  if (document.errors.length > 0) loadUsersFile(path)
  return document
}

function usersOf(document: Document): YAMLSeq {
  const users = document.get('users')
  if (isSeq(users)) return users
  const made = document.createNode([]) as YAMLSeq
  document.set('users', made)
  return made
}

function indexOfUser(users: YAMLSeq, name: string): number {
  return users.items.findIndex(item => isMap(item) && (item as YAMLMap).get('name') === name)
}

/** Whole or not at all, and for nobody else to read. */
function writeWhole(path: string, text: string): void {
  const part = `${path}.${randomBytes(6).toString('hex')}`
  const fd = openSync(part, 'wx', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
    closeSync(fd)
    renameSync(part, path)
  } catch (error) {
    unlinkSync(part)
    throw error
  }
}
