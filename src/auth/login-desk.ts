/**
 * Logins on the main thread: takes what data threads ask from the ring, lets those wait who have
 * failed often, and answers. The accounts can be exchanged while all of this runs; connections of
 * an account that is not exactly what it was (gone, other password, other rights) are ended.
 */
import { type Account, ACCOUNTS_MAX, checkAccount } from './account.ts'
import { AccountList, type Finding } from './account-list.ts'
import { type Attempt, type AttemptKind, VerdictKind } from './authenticator.ts'
import { Derivations } from './derivations.ts'
import { LoginRing, type Message, SLOTS } from './login-ring.ts'
import { Rights } from './rights.ts'
import { SlowDown, sourceOf } from './slow-down.ts'

export type LoginDeskOptions = {
  threads: number
  accounts: readonly Account[]
  /** The longest wait between two attempts from one address; 0: nobody is slowed down. */
  waitMaxMs: number
  now: () => number
  /** There is something in the ring for this thread; one on an event loop notices by itself. */
  wake: (thread: number) => void
  /** An attempt that derived keys wrongly for reasons of our own. */
  onError: (error: unknown) => void
}

/** An account's place among the words of the ring. */
type Place = { index: number; text: string }

export class LoginDesk {
  readonly ring: LoginRing
  readonly #now: () => number
  readonly #onError: (error: unknown) => void
  readonly #wake: (thread: number) => void
  readonly #slowDown: SlowDown
  readonly #derivations = new Derivations()
  readonly #places = new Map<string, Place>()
  readonly #stopListening: () => void
  readonly #timers = new Set<NodeJS.Timeout>()
  #accounts: AccountList

  constructor({ threads, accounts, waitMaxMs, now, wake, onError }: LoginDeskOptions) {
    this.ring = LoginRing.create(threads)
    this.#now = now
    this.#onError = onError
    this.#wake = wake
    this.#slowDown = new SlowDown(waitMaxMs)
    this.#accounts = this.#install(accounts)
    this.#stopListening = this.ring.onAsked(() => this.#takeAll())
  }

  /** From now on these may log in. @throws RangeError, and leaves everything as it was. */
  replace(accounts: readonly Account[]): void {
    this.#accounts = this.#install(accounts)
    this.ring.announceRevocations()
    for (let thread = 0; thread < this.ring.threads; thread += 1) this.#wake(thread)
  }

  stop(): void {
    this.#stopListening()
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #install(accounts: readonly Account[]): AccountList {
    if (accounts.length > ACCOUNTS_MAX) {
      throw new RangeError(
        `Cannot use ${accounts.length} accounts: expected at most ${ACCOUNTS_MAX}`,
      )
    }
    for (const account of accounts) checkAccount(account)
    const list = new AccountList(accounts, this.#derivations, this.#now)
    const texts = new Map<string, string>()
    for (const account of accounts) {
      texts.set(account.name, (texts.get(account.name) ?? '') + textOf(account))
    }
    const free: number[] = []
    for (const [name, place] of this.#places) {
      if (texts.get(name) === place.text) continue
      this.ring.revoke(place.index)
      this.#places.delete(name)
    }
    const used = new Set([...this.#places.values()].map(({ index }) => index))
    for (let index = 0; index < ACCOUNTS_MAX; index += 1) if (!used.has(index)) free.push(index)
    for (const [name, text] of texts) {
      if (!this.#places.has(name)) this.#places.set(name, { index: free.shift()!, text })
    }
    this.ring.mechanisms = list.mechanisms
    return list
  }

  #takeAll(): void {
    for (let thread = 0; thread < this.ring.threads; thread += 1) {
      for (let slot = 0; slot < SLOTS; slot += 1) {
        const message = this.ring.take(thread, slot)
        if (message === undefined) continue
        this.#begin(message, verdict => {
          this.ring.answer(thread, slot, verdict)
          this.#wake(thread)
        })
      }
    }
  }

  #begin({ kind, mechanism, parts }: Message, answer: (verdict: Message) => void): void {
    const [peer = new Uint8Array(0), ...rest] = parts
    const source = sourceOf(Buffer.from(peer).toString('latin1'))
    const attempt: Attempt = { kind: kind as AttemptKind, mechanism, parts: rest }
    const waitMs = this.#slowDown.begin(source, this.#now())
    if (waitMs < 0) {
      answer(verdictOf(VerdictKind.turnedAway))
      return
    }
    if (waitMs === 0) {
      this.#judge(source, attempt, answer)
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#slowDown.waited(source)
      this.#judge(source, attempt, answer)
    }, waitMs)
    this.#timers.add(timer)
  }

  #judge(source: string, attempt: Attempt, answer: (verdict: Message) => void): void {
    const list = this.#accounts
    const finish = (finding: Finding): void => {
      // The list it was found in may have been exchanged meanwhile.
      const isCurrent = list === this.#accounts || finding.kind !== 'right'
      const verdict = isCurrent ? this.#verdictOn(finding) : verdictOf(VerdictKind.refused)
      if (finding.kind === 'wrong') this.#slowDown.failed(source, this.#now())
      answer(verdict)
    }
    const finding = list.check(attempt, source)
    if (!(finding instanceof Promise)) {
      finish(finding)
      return
    }
    finding.then(finish, (error: unknown) => {
      this.#onError(error)
      answer(verdictOf(VerdictKind.turnedAway))
    })
  }

  #verdictOn(finding: Finding): Message {
    if (finding.kind === 'wrong') return verdictOf(VerdictKind.refused)
    if (finding.kind === 'busy') return verdictOf(VerdictKind.turnedAway)
    const nothing = new Uint8Array(0)
    const reply = Buffer.from(finding.reply, 'latin1')
    if (finding.kind === 'challenge') {
      return { ...verdictOf(VerdictKind.goesOn), parts: [nothing, nothing, reply] }
    }
    const { account } = finding
    const index = this.#places.get(account.name)!.index
    return {
      kind: VerdictKind.granted,
      mechanism: 0,
      account: index,
      version: this.ring.version(index),
      parts: [Buffer.from(account.name), Rights.encode(Rights.of(account)), reply],
    }
  }
}

function verdictOf(kind: VerdictKind): Message {
  return { kind, mechanism: 0, account: 0, version: 0, parts: [] }
}

/** All that an account is: what is the same text is the same account. */
function textOf({ name, password, verifiers, rights, prefixes }: Account): string {
  return JSON.stringify([name, password, verifiers, rights, prefixes])
}
