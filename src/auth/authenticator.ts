/**
 * The seam between a session that somebody wants to log in to and whoever knows the accounts. A
 * verdict may take its time (key derivation, a peer that has guessed before): the session waits.
 */
import type { Rights } from './rights.ts'

export const AttemptKind = { plain: 0, scramFirst: 1, scramFinal: 2 } as const
export type AttemptKind = (typeof AttemptKind)[keyof typeof AttemptKind]

/** `parts` of plain: name, password. Of SCRAM: as scram.ts reads them; `mechanism` says which. */
export type Attempt = {
  kind: AttemptKind
  /** A bit of Mechanism. */
  mechanism: number
  parts: readonly Uint8Array[]
}

export const Mechanism = { plain: 1, scramSha256: 2, scramSha512: 4 } as const

export const VerdictKind = {
  granted: 0,
  refused: 1,
  /** SCRAM goes on: `reply` is the challenge. */
  goesOn: 2,
  /** Not looked at: too many attempts, or no answer in time. The connection closes. */
  turnedAway: 3,
} as const
export type VerdictKind = (typeof VerdictKind)[keyof typeof VerdictKind]

export type Verdict = {
  kind: VerdictKind
  /** Granted: the account's name … */
  user: string
  /** … and what it may do; undefined: everything. */
  rights: Rights | undefined
  /** What SCRAM has to say to the client. */
  reply: Uint8Array
}

export interface LoginClient {
  /** `address:port`, or `unix`. */
  readonly peer: string
  /** Called once for each attempt, perhaps before `login` returns. */
  onVerdict(verdict: Verdict): void
  /** The account that was granted is not what it was: everything ends here. */
  onRevoked(): void
}

export interface Authenticator {
  /** Bits of Mechanism that every account can use. */
  readonly mechanisms: number
  /** A client waits for one verdict at a time. */
  login(client: LoginClient, attempt: Attempt): void
  /** The client is gone, or wants to be somebody else. */
  forget(client: LoginClient): void
}
