/** Logs in without threads: asks an account list, and gives its verdicts at once or when told to. */
import type { Account } from '../../../src/auth/account.ts'
import { AccountList, type Finding } from '../../../src/auth/account-list.ts'
import {
  type Attempt,
  type Authenticator,
  type LoginClient,
  type Verdict,
  VerdictKind,
} from '../../../src/auth/authenticator.ts'
import { Derivations } from '../../../src/auth/derivations.ts'
import { Rights } from '../../../src/auth/rights.ts'

export class DirectAuthenticator implements Authenticator {
  readonly #accounts: AccountList
  readonly #waiting = new Map<LoginClient, Verdict>()
  readonly loggedIn = new Set<LoginClient>()
  /** Verdicts wait for `release`. */
  isSlow = false
  /** In place of what the accounts say. */
  verdict: Partial<Verdict> | undefined
  attempts = 0

  constructor(accounts: readonly Account[]) {
    this.#accounts = new AccountList(accounts, new Derivations(), () => 0)
  }

  get mechanisms(): number {
    return this.#accounts.mechanisms
  }

  login(client: LoginClient, attempt: Attempt): void {
    this.attempts += 1
    const finding = this.#accounts.check(attempt, '')
    if (finding instanceof Promise) {
      void finding.then(found => this.#deliver(client, verdictOn(found)))
      this.#waiting.set(client, verdictOn({ kind: 'wrong' }))
      return
    }
    const verdict = { ...verdictOn(finding), ...this.verdict }
    this.#waiting.set(client, verdict)
    if (!this.isSlow) this.#deliver(client, verdict)
  }

  forget(client: LoginClient): void {
    this.#waiting.delete(client)
    this.loggedIn.delete(client)
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  release(): void {
    for (const [client, verdict] of this.#waiting) this.#deliver(client, verdict)
  }

  revokeAll(): void {
    for (const client of this.loggedIn) client.onRevoked()
  }

  #deliver(client: LoginClient, verdict: Verdict): void {
    if (!this.#waiting.delete(client)) return
    if (verdict.kind === VerdictKind.granted) this.loggedIn.add(client)
    client.onVerdict(verdict)
  }
}

function verdictOn(finding: Finding): Verdict {
  const nothing = { user: '', rights: undefined, reply: new Uint8Array(0) }
  if (finding.kind === 'busy') return { ...nothing, kind: VerdictKind.turnedAway }
  if (finding.kind === 'wrong') return { ...nothing, kind: VerdictKind.refused }
  const reply = Buffer.from(finding.reply)
  if (finding.kind === 'challenge') return { ...nothing, kind: VerdictKind.goesOn, reply }
  const { account } = finding
  return { kind: VerdictKind.granted, user: account.name, rights: Rights.of(account), reply }
}
