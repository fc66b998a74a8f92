/**
 * Who may come in and what they may do, as plain data: it crosses process borders. Where it comes
 * from is the caller's business (password-file.ts, cluster/users-file.ts).
 */
import { assert } from '../base/assert.ts'

/** A name and its password: how this process logs in somewhere else. */
export type Credential = { name: string; password: string }

export const rightNames = ['read', 'write', 'admin'] as const
export type RightName = (typeof rightNames)[number]

export type Account = {
  name: string
  /** Known in clear to this process; an account has this or `verifiers`. */
  password?: string
  /** Texts of verifier.ts, at least one. */
  verifiers?: readonly string[]
  /** Absent: all of them. */
  rights?: readonly RightName[]
  /** What keys must begin with; absent: any key. */
  prefixes?: readonly string[]
}

/** Bytes. */
export const NAME_MAX = 250
/** Bytes; what a client may send as one. */
export const PASSWORD_MAX = 1024
/** Of a message in a SCRAM login, in bytes. */
export const SCRAM_MESSAGE_MAX = 1024
export const ACCOUNTS_MAX = 1024
export const PREFIXES_MAX = 32
/** All prefixes of one account, in bytes. */
export const PREFIX_BYTES_MAX = 2048
/** @throws RangeError for what does not fit where accounts are kept. */
export function checkAccount({ name, prefixes = [], password, verifiers = [] }: Account): void {
  const nameBytes = Buffer.byteLength(name)
  if (nameBytes < 1 || nameBytes > NAME_MAX) {
    throw new RangeError(`Cannot use a user name of ${nameBytes} bytes: expected 1 to ${NAME_MAX}`)
  }
  const sizes = prefixes.map(prefix => Buffer.byteLength(prefix))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const fits = sizes.length <= PREFIXES_MAX && total <= PREFIX_BYTES_MAX
  if (!fits || sizes.some(size => size < 1 || size > NAME_MAX)) {
    const limit = `at most ${PREFIXES_MAX} of 1 to ${NAME_MAX} bytes, ${PREFIX_BYTES_MAX} in all`
    throw new RangeError(`Cannot use the prefixes of user ${name}: expected ${limit}`)
  }
  if ((password === undefined) === (verifiers.length === 0)) {
    throw new RangeError(`Cannot use user ${name}: expected a password or verifiers`)
  }
}

// Invariants
assert(PREFIX_BYTES_MAX >= PREFIXES_MAX, 'every prefix may have a byte')
