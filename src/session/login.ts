/**
 * Who a connection is: nobody until somebody has logged in, where that is asked for. While a
 * verdict is awaited nothing more of the connection is taken up.
 */
import type { Attempt, Authenticator, LoginClient, Verdict } from '../auth/authenticator.ts'
import { VerdictKind } from '../auth/authenticator.ts'
import type { Rights } from '../auth/rights.ts'
import { Right } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { TextLine } from '../protocol/text-encoder.ts'
import type { Session } from './session.ts'

export class Login implements LoginClient {
  readonly #session: Session
  readonly #authenticator: Authenticator | undefined
  #answer: ((verdict: Verdict) => void) | undefined
  /** The account's name; undefined until a login, and always where nobody has to. */
  user: string | undefined
  /** What the user may do; undefined: everything. */
  rights: Rights | undefined

  constructor(session: Session, authenticator: Authenticator | undefined) {
    this.#session = session
    this.#authenticator = authenticator
  }

  get peer(): string {
    return this.#session.stream.peer
  }

  /** Whether nothing may be done yet. */
  get isMissing(): boolean {
    return this.#authenticator !== undefined && this.user === undefined
  }

  get isAsked(): boolean {
    return this.#authenticator !== undefined
  }

  get mechanisms(): number {
    return this.#authenticator?.mechanisms ?? 0
  }

  /** `answer` says the verdict to the client, at once or later. */
  attempt(attempt: Attempt, answer: (verdict: Verdict) => void): void {
    this.forget()
    this.#answer = answer
    this.#session.suspend()
    this.#authenticator!.login(this, attempt)
  }

  onVerdict(verdict: Verdict): void {
    const session = this.#session
    if (verdict.kind === VerdictKind.granted) {
      this.user = verdict.user
      this.rights = verdict.rights
    }
    if (verdict.kind !== VerdictKind.goesOn) {
      session.services.counters.authAttempt(verdict.kind === VerdictKind.granted, this.peer)
    }
    this.#answer!(verdict)
    if (verdict.kind === VerdictKind.turnedAway) session.close()
    session.proceed()
  }

  /** Why a command may not be carried out, as a line of the text protocol, or undefined. */
  refusalOf(needs: number): Uint8Array | undefined {
    const { rights } = this
    if (rights === undefined || rights.allows(needs)) return undefined
    return TextLine.commandNotAllowed
  }

  /** The same for one that is about the request's key. */
  refusalOfKey(needs: number, request: Request): Uint8Array | undefined {
    const { rights } = this
    if (rights === undefined) return undefined
    if (!rights.allows(needs)) return TextLine.commandNotAllowed
    const { key, keyAt, keySize } = request
    return rights.allowsKey(key, keyAt, keySize) ? undefined : TextLine.keyNotAllowed
  }

  /** Statistics beyond the general ones are for admins. */
  refusalOfStats(argument: string): Uint8Array | undefined {
    return argument === '' ? undefined : this.refusalOf(Right.admin)
  }

  /** Replies that are due still leave; nothing more is taken up. */
  onRevoked(): void {
    this.user = undefined
    this.#session.close()
    this.#session.proceed()
  }

  /** Nobody again. */
  forget(): void {
    this.user = undefined
    this.rights = undefined
    this.#authenticator?.forget(this)
  }
}
