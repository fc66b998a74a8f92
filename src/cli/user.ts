/**
 * `memring user`: makes and edits the users file. Passwords come from a prompt or from standard
 * input, never from the command line, where every process could read them.
 */
import { Command, InvalidArgumentError } from 'commander'
import { type Account, PASSWORD_MAX, type RightName, rightNames } from '../auth/account.ts'
import { makeScramVerifier, makeScryptVerifier } from '../auth/verifier.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { collectList, EX_USAGE } from './flags.ts'

type Flags = { users: string; rights?: RightName[]; prefix: string[]; scram?: true }

const EXAMPLES = `
Examples:
  memring user add app --users users.yaml --rights read,write --prefix app:
  memring user add ops --users users.yaml < password.txt
  memring user passwd app --users users.yaml --scram
  memring user list --users users.yaml

Without --scram a password is kept as an scrypt verifier: SASL PLAIN and ASCII logins. With it, as
verifiers for SCRAM-SHA-256 and SCRAM-SHA-512, with which a password never crosses the network; a
node offers SCRAM when every user has them. "kill -HUP PID" makes a node or router read the file
again; connections of users that have changed are closed.`

/** A mistake in what was asked for: one line, no stack. */
class UserError extends Error {
  override name = 'UserError'
}

export function userCommand(): Command {
  const user = new Command('user').description('who may log in: makes and edits a users file')
  const withFile = (name: string, description: string) =>
    user
      .command(name)
      .description(description)
      .requiredOption('--users <file>', 'users file (YAML)')
      .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
  withFile('add <name>', 'add a user; the password is asked for, or read from standard input')
    .option('--rights <list>', 'read, write, admin (default: read,write)', parseRights)
    .option('--prefix <text>', 'keys must begin with it, repeatable', collectList, [])
    .option('--scram', 'verifiers for SCRAM instead of scrypt')
    .action((name: string, flags: Flags) => run(() => add(name, flags)))
  withFile('passwd <name>', 'give a user another password')
    .option('--scram', 'verifiers for SCRAM instead of scrypt')
    .action((name: string, flags: Flags) => run(() => changePassword(name, flags)))
  withFile('remove <name>', 'remove a user').action((name: string, flags: Flags) =>
    run(() => remove(name, flags)),
  )
  withFile('list', 'names, rights and prefixes').action((flags: Flags) => run(() => list(flags)))
  return user.addHelpText('after', EXAMPLES)
}

function parseRights(text: string): RightName[] {
  const names = text.split(',')
  const rights = rightNames.filter(name => names.includes(name))
  if (names.every(name => rights.some(right => right === name))) return rights
  throw new InvalidArgumentError(
    `Cannot use "${text}": expected a list of ${rightNames.join(', ')}`,
  )
}

async function run(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    const isSystem = error instanceof Error && 'syscall' in error
    const isExpected = error instanceof UserError || error instanceof ClusterFileError || isSystem
    if (!isExpected) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

async function add(name: string, flags: Flags): Promise<void> {
  const { isPrefix, isUserName, putUser } = await import('../cluster/users-file.ts')
  if (!isUserName(name)) {
    throw new UserError(
      'Cannot add a user: expected a name of 1 to 250 printable characters without space or ":"',
    )
  }
  const wrong = flags.prefix.find(prefix => !isPrefix(prefix))
  if (wrong !== undefined) {
    throw new UserError(`Cannot use prefix "${wrong}": expected 1 to 250 bytes without space`)
  }
  if ((await load(flags.users)).some(user => user.name === name)) {
    throw new UserError(`Cannot add ${name}: there is such a user, see "memring user passwd"`)
  }
  const rights = flags.rights ?? ['read', 'write']
  const verifiers = await verifiersOf(await readNewPassword(), flags)
  const prefixes = flags.prefix.length > 0 ? { prefixes: flags.prefix } : {}
  putUser(flags.users, { name, verifiers, rights, ...prefixes })
  process.stdout.write(`${name} added: ${rights.join(', ')}\n`)
}

async function changePassword(name: string, flags: Flags): Promise<void> {
  const { putUser } = await import('../cluster/users-file.ts')
  const user = (await load(flags.users)).find(one => one.name === name)
  if (user === undefined) throw new UserError(`Cannot change ${name}: there is no such user`)
  const verifiers = await verifiersOf(await readNewPassword(), flags)
  putUser(flags.users, { ...user, verifiers })
  process.stdout.write(`${name} has a new password\n`)
}

async function remove(name: string, flags: Flags): Promise<void> {
  const { removeUser } = await import('../cluster/users-file.ts')
  if (!removeUser(flags.users, name)) {
    throw new UserError(`Cannot remove ${name}: there is no such user`)
  }
  process.stdout.write(`${name} removed\n`)
}

async function list(flags: Flags): Promise<void> {
  const { loadUsersFile } = await import('../cluster/users-file.ts')
  for (const { name, rights = rightNames, prefixes = [], verifiers = [] } of loadUsersFile(
    flags.users,
  )) {
    const kinds = verifiers.map(text => text.slice(0, text.indexOf('$'))).join(' ')
    const keys = prefixes.length > 0 ? `keys ${prefixes.join(' ')}` : 'any key'
    process.stdout.write(`${name}  ${rights.join(',')}  ${keys}  ${kinds}\n`)
  }
}

/** Nobody, if there is no such file yet, or nobody in it. */
async function load(path: string): Promise<Account[]> {
  const { hasUsers, loadUsersFile } = await import('../cluster/users-file.ts')
  return hasUsers(path) ? loadUsersFile(path) : []
}

async function verifiersOf(password: Buffer, { scram }: Flags): Promise<string[]> {
  if (!scram) return [await makeScryptVerifier(password)]
  return [await makeScramVerifier('sha256', password), await makeScramVerifier('sha512', password)]
}

async function readNewPassword(): Promise<Buffer> {
  const { stdin } = process
  let password: Buffer
  if (stdin.isTTY) {
    password = await prompt('Password: ')
    if (!password.equals(await prompt('The same again: '))) {
      throw new UserError('Cannot use the password: the two differ')
    }
  } else {
    password = await firstLine(stdin)
  }
  const hasControl = password.some(byte => byte < 0x20 || byte === 0x7f)
  if (password.length === 0 || password.length > PASSWORD_MAX || hasControl) {
    throw new UserError(
      `Cannot use the password: expected 1 to ${PASSWORD_MAX} bytes without control characters`,
    )
  }
  return password
}

/** Of standard input; a file ends with a newline that is no part of the password. */
async function firstLine(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of stream) {
    const bytes = Buffer.from(piece as Uint8Array)
    pieces.push(bytes)
    size += bytes.length
    if (size > 2 * PASSWORD_MAX) break
  }
  const text = Buffer.concat(pieces)
  const end = text.indexOf(0x0a)
  const line = end < 0 ? text : text.subarray(0, end)
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
}

const ENTER = new Set([0x0a, 0x0d])
const CTRL_C = 0x03
const CTRL_D = 0x04
const ERASE = new Set([0x08, 0x7f])

/** Reads a line from the terminal and shows nothing of it. */
function prompt(text: string): Promise<Buffer> {
  const { stdin, stderr } = process
  stderr.write(text)
  stdin.setRawMode(true)
  stdin.resume()
  const typed: number[] = []
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const onData = (bytes: Buffer): void => {
      for (const byte of bytes) {
        if (byte === CTRL_C || byte === CTRL_D) {
          finish()
          reject(new UserError('Cannot go on: there is no password'))
          return
        }
        if (ENTER.has(byte)) {
          finish()
          resolve(Buffer.from(typed))
          return
        }
        if (!ERASE.has(byte)) typed.push(byte)
        // A character of UTF-8 goes whole.
        else while (typed.length > 0 && (typed.pop()! & 0xc0) === 0x80);
      }
    }
    stdin.on('data', onData)
  })
}
