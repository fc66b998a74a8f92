/**
 * A data thread's side of the login ring: asks in the order in which clients came, as many at once
 * as it has slots; the others wait, not read from, each with one attempt at most. Nobody waits for
 * ever: who has no verdict in time is turned away.
 *
 * Nothing here needs an event loop: `collect` is called when the thread has been woken, `check`
 * about once a second.
 */
import { PASSWORD_MAX, NAME_MAX } from './account.ts'
import type { Attempt, Authenticator, LoginClient, Verdict } from './authenticator.ts'
import { AttemptKind, VerdictKind } from './authenticator.ts'
import { type LoginRing, type Message, PEER_MAX, SLOTS } from './login-ring.ts'
import { Rights } from './rights.ts'

/** Longer than the longest line of waiting attempts that main lets an address have. */
const WAIT_MAX_MS = 30_000
const NOTHING = new Uint8Array(0)

type Waiting = { client: LoginClient | undefined; message: Message; sinceMs: number }
type LoggedIn = { account: number; version: number }

export class RingAuthenticator implements Authenticator {
  readonly #ring: LoginRing
  readonly #thread: number
  readonly #nowMs: () => number
  /** By slot; a slot whose client has gone stays taken until its verdict is here. */
  readonly #asked: (Waiting | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  readonly #queue = new Set<Waiting>()
  readonly #waitingOf = new Map<LoginClient, Waiting>()
  readonly #loggedIn = new Map<LoginClient, LoggedIn>()
  #revocations: number

  constructor(ring: LoginRing, thread: number, nowMs: () => number) {
    this.#ring = ring
    this.#thread = thread
    this.#nowMs = nowMs
    this.#revocations = ring.revocations
  }

  /** On a thread with an event loop: collects whenever there is something; returns what ends it. */
  listen(): () => void {
    return this.#ring.onAnswered(this.#thread, () => this.collect())
  }

  get mechanisms(): number {
    return this.#ring.mechanisms
  }

  login(client: LoginClient, attempt: Attempt): void {
    const peer = Buffer.from(client.peer, 'latin1').subarray(0, PEER_MAX)
    const { kind, mechanism } = attempt
    const parts = [peer, ...fitting(attempt)]
    const message = { kind, mechanism, account: 0, version: 0, parts }
    const waiting = { client, message, sinceMs: this.#nowMs() }
    this.#waitingOf.set(client, waiting)
    this.#queue.add(waiting)
    this.#ask()
  }

  forget(client: LoginClient): void {
    this.#loggedIn.delete(client)
    const waiting = this.#waitingOf.get(client)
    if (waiting === undefined) return
    waiting.client = undefined
    this.#waitingOf.delete(client)
    this.#queue.delete(waiting)
  }

  /** Verdicts that have come, and logins that hold no longer. */
  collect(): void {
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const waiting = this.#asked[slot]
      if (waiting === undefined) continue
      const message = this.#ring.collect(this.#thread, slot)
      if (message === undefined) continue
      this.#asked[slot] = undefined
      if (waiting.client) this.#deliver(waiting.client, message)
    }
    if (this.#queue.size > 0) this.#ask()
    const revocations = this.#ring.revocations
    if (revocations === this.#revocations) return
    this.#revocations = revocations
    for (const [client, { account, version }] of this.#loggedIn) {
      if (this.#ring.version(account) === version) continue
      this.#loggedIn.delete(client)
      client.onRevoked()
    }
  }

  check(): void {
    this.collect()
    const latest = this.#nowMs() - WAIT_MAX_MS
    for (const [client, { sinceMs }] of this.#waitingOf) {
      if (sinceMs > latest) continue
      this.forget(client)
      client.onVerdict(verdictOf(VerdictKind.turnedAway))
    }
  }

  #ask(): void {
    for (const waiting of this.#queue) {
      const slot = this.#asked.indexOf(undefined)
      if (slot < 0) return
      this.#queue.delete(waiting)
      this.#asked[slot] = waiting
      this.#ring.ask(this.#thread, slot, waiting.message)
      // What the client sent is in the slot only, until main wipes it there.
      waiting.message = EMPTY
    }
  }

  #deliver(client: LoginClient, { kind, account, version, parts }: Message): void {
    this.#waitingOf.delete(client)
    const [name = NOTHING, rights = NOTHING, reply = NOTHING] = parts
    const verdict: Verdict = {
      ...verdictOf(kind as VerdictKind),
      user: Buffer.from(name).toString('utf8'),
      rights: Rights.decode(rights),
      reply,
    }
    if (verdict.kind === VerdictKind.granted) {
      // Revoked while the verdict was on its way: as if it had been refused.
      if (this.#ring.version(account) === version) this.#loggedIn.set(client, { account, version })
      else verdict.kind = VerdictKind.refused
    }
    client.onVerdict(verdict)
  }
}

const EMPTY: Message = { kind: 0, mechanism: 0, account: 0, version: 0, parts: [] }

function verdictOf(kind: VerdictKind): Verdict {
  return { kind, user: '', rights: undefined, reply: NOTHING }
}

/** What no account can have is still an attempt, and fails like one: as nothing at all. */
function fitting({ kind, parts }: Attempt): readonly Uint8Array[] {
  if (kind !== AttemptKind.plain) return parts
  const [name = NOTHING, password = NOTHING] = parts
  return name.length > NAME_MAX || password.length > PASSWORD_MAX ? [NOTHING, NOTHING] : parts
}
