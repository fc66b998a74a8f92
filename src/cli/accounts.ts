/**
 * Who may log in, from wherever a command line and the environment say: `-Y FILE`, `--users FILE`,
 * MEMCACHED_SASL_PWDB (with `-S`), MEMRING_USERNAME with MEMRING_PASSWORD_FILE. Read at the start,
 * and again on SIGHUP.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Account, checkAccount } from '../auth/account.ts'
import { parseSaslPasswords, readPasswordFile } from '../auth/password-file.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import type { Log } from '../observe/log.ts'

export type AccountFlags = { authFile?: string; users?: string; enableSasl?: true }

type Environment = Readonly<Record<string, string | undefined>>

/** A source that cannot be used: one line, nothing of a password in it. */
export class AccountsError extends Error {
  override name = 'AccountsError'
}

export type Accounts = {
  /** Undefined: nothing was said about users, nobody has to log in. */
  accounts: readonly Account[] | undefined
  /** Files that others than their owner may read. */
  openFiles: readonly string[]
}

/** @throws AccountsError, ClusterFileError */
export async function readAccounts(flags: AccountFlags, env: Environment): Promise<Accounts> {
  const lists: Account[][] = []
  const openFiles: string[] = []
  const { authFile, users, enableSasl } = flags
  const saslFile = enableSasl ? env['MEMCACHED_SASL_PWDB'] : undefined
  if (authFile !== undefined) lists.push(reading('-Y', () => readPasswordFile(authFile)))
  if (users !== undefined) {
    const { isOpenToOthers, loadUsersFile } = await import('../cluster/users-file.ts')
    lists.push(loadUsersFile(users))
    if (isOpenToOthers(users)) openFiles.push(users)
  }
  if (saslFile !== undefined && saslFile !== '') {
    const read = () => parseSaslPasswords(readFileSync(saslFile, 'utf8'), saslFile, hostname())
    lists.push(reading('MEMCACHED_SASL_PWDB', read))
  }
  const single = singleAccount(env)
  if (single) lists.push([single])
  if (lists.length === 0) return { accounts: undefined, openFiles }
  const names = new Set<string>()
  for (const list of lists) {
    // Within one file a name may have several passwords, as memcached allows it.
    const own = new Set(list.map(({ name }) => name))
    const twice = [...own].find(name => names.has(name))
    if (twice !== undefined) {
      throw new AccountsError(`Cannot use user ${twice}: expected it in one place only`)
    }
    for (const name of own) names.add(name)
  }
  return { accounts: lists.flat(), openFiles }
}

/** Whether users stand in the environment. */
export function hasSingleAccount(env: Environment): boolean {
  return env['MEMRING_USERNAME'] !== undefined || env['MEMRING_PASSWORD_FILE'] !== undefined
}

function singleAccount(env: Environment): Account | undefined {
  const { MEMRING_USERNAME: name, MEMRING_PASSWORD_FILE: file } = env
  if (name === undefined && file === undefined) return undefined
  if (name === undefined || file === undefined) {
    throw new AccountsError('Cannot use MEMRING_USERNAME or MEMRING_PASSWORD_FILE: expected both')
  }
  return reading('MEMRING_PASSWORD_FILE', () => {
    const password = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
    if (password === '') throw new RangeError('expected a password in it')
    const account = { name, password }
    checkAccount(account)
    return account
  })
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new AccountsError(
      `Cannot use ${what}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

export function warnOfOpenFiles({ openFiles }: Accounts, log: Log): void {
  for (const file of openFiles) {
    log.warn({ file }, 'Others can read or change the users file: chmod 600')
  }
}

/** Another look at the same places. What cannot be used is logged, and nothing changes. */
export async function rereadAccounts(
  read: () => Promise<Accounts>,
  replace: (accounts: readonly Account[]) => void,
  log: Log,
): Promise<void> {
  try {
    const found = await read()
    if (found.accounts === undefined) return
    replace(found.accounts)
    warnOfOpenFiles(found, log)
    log.info({ users: found.accounts.length }, 'Users read again')
  } catch (error) {
    const isExpected =
      error instanceof AccountsError ||
      error instanceof ClusterFileError ||
      error instanceof RangeError
    if (!isExpected) throw error
    log.error({ error: error.message }, 'Users not read again, those before stay')
  }
}
