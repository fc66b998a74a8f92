/**
 * The accounts of a process, on its main thread: tells whether a login is right. Keys are derived
 * one at a time; a name that nobody has costs as much as one that somebody has.
 *
 * What was right is remembered for a while, so that a thousand clients that come back at once cost
 * one derivation: as a keyed hash under a key that never leaves this object, for as long as these
 * accounts are in force. A wrong password is never remembered.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { toLatin1 } from '../base/bytes.ts'
import { type Account, NAME_MAX, PASSWORD_MAX } from './account.ts'
import { type Attempt, AttemptKind, Mechanism } from './authenticator.ts'
import { Derivations } from './derivations.ts'
import {
  ITERATIONS_MIN,
  makeScramSecret,
  parseClientFirst,
  type ScramHash,
  type ScramSecret,
  serverFirst,
  verifyProof,
} from './scram.ts'
import { checkPassword, parseVerifier, type Verifier } from './verifier.ts'

export type Finding =
  | { kind: 'right'; account: Account; reply: string }
  | { kind: 'wrong' }
  /** Not looked at: too many key derivations are waiting. */
  | { kind: 'busy' }
  /** SCRAM's challenge. */
  | { kind: 'challenge'; reply: string }

type Entry = {
  account: Account
  /** More than one for a name that a file has more than once, as memcached's may. */
  passwords: { bytes: Buffer; digest: Buffer }[]
  verifiers: readonly Verifier[]
  /** Derived from a password when somebody first wants it. */
  derived: Map<ScramHash, Promise<ScramSecret>>
}

const WRONG: Finding = { kind: 'wrong' }
const BUSY: Finding = { kind: 'busy' }
const REMEMBERED_MAX = 1024
const REMEMBERED_MS = 600_000
const NONCE_BYTES = 18
const SALT_BYTES = 16

export class AccountList {
  /** What every account can use: a client that picks one of these has picked well. */
  readonly mechanisms: number
  readonly #entries = new Map<string, Entry>()
  readonly #key = randomBytes(32)
  readonly #nobody = randomBytes(32)
  readonly #derivations: Derivations
  readonly #now: () => number
  /** Hash of name and password → until when it is known to be right; oldest first. */
  readonly #remembered = new Map<string, number>()
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #decoy: Verifier | undefined
  readonly #iterations: number

  /** @throws RangeError for a verifier that is none. */
  constructor(accounts: readonly Account[], derivations: Derivations, now: () => number) {
    this.#derivations = derivations
    this.#now = now
    for (const account of accounts) {
      const { name, password } = account
      const key = keyOf(Buffer.from(name))
      const passwords = password === undefined ? [] : [known(Buffer.from(password))]
      const before = this.#entries.get(key)
      if (before) before.passwords.push(...passwords)
      else {
        const verifiers = (account.verifiers ?? []).map(parseVerifier)
        this.#entries.set(key, { account, passwords, verifiers, derived: new Map() })
      }
    }
    const entries = [...this.#entries.values()]
    const everybody = (hash: ScramHash) => entries.every(entry => hasScram(entry, hash))
    this.mechanisms =
      Mechanism.plain |
      (everybody('sha256') ? Mechanism.scramSha256 : 0) |
      (everybody('sha512') ? Mechanism.scramSha512 : 0)
    this.#decoy = entries.find(entry => entry.verifiers.length > 0)?.verifiers[0]
    this.#iterations = entries.flatMap(scramSecrets).find(() => true)?.iterations ?? ITERATIONS_MIN
  }

  /** At once where nothing has to be derived. `source` is where it comes from. */
  check({ kind, mechanism, parts }: Attempt, source: string): Finding | Promise<Finding> {
    const [one, two, three] = parts
    const hash = mechanism === Mechanism.scramSha512 ? 'sha512' : 'sha256'
    if (kind === AttemptKind.plain) return one && two ? this.#plain(one, two, source) : WRONG
    if (kind === AttemptKind.scramFirst) return one ? this.#challenge(hash, one) : WRONG
    if (!one || !two || !three) return WRONG
    return this.#proof(hash, { clientFirst: one, serverFirst: two, clientFinal: three })
  }

  #plain(name: Uint8Array, password: Uint8Array, source: string): Finding | Promise<Finding> {
    if (name.length > NAME_MAX || password.length > PASSWORD_MAX) return WRONG
    const entry = this.#entries.get(keyOf(name))
    const verifier = entry === undefined ? this.#decoy : entry.verifiers[0]
    if (verifier === undefined) {
      const digest = digestOf(password)
      const expected = entry?.passwords.map(one => one.digest) ?? [this.#nobody]
      const matches = expected.map(one => timingSafeEqual(digest, one))
      return entry && matches.includes(true) ? right(entry, '') : WRONG
    }
    const found = (isRight: boolean) => (entry && isRight ? right(entry, '') : WRONG)
    const token = createHmac('sha256', this.#key)
      .update(Buffer.of(name.length))
      .update(name)
      .update(password)
      .digest('base64')
    if (this.#isRemembered(token)) return found(true)
    let checking = this.#underWay.get(token)
    if (checking === undefined) {
      const copy = Buffer.from(password)
      checking = this.#derivations.run(source, () => checkPassword(verifier, copy))
      if (checking === undefined) return BUSY
      this.#underWay.set(token, checking)
      const settled = () => this.#underWay.delete(token)
      checking.then(settled, settled)
    }
    return checking.then(isRight => {
      if (entry && isRight) this.#remember(token)
      return found(isRight)
    })
  }

  #isRemembered(token: string): boolean {
    const until = this.#remembered.get(token)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#remembered.delete(token)
    return false
  }

  #remember(token: string): void {
    this.#remembered.delete(token)
    this.#remembered.set(token, this.#now() + REMEMBERED_MS)
    if (this.#remembered.size <= REMEMBERED_MAX) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      return
    }
  }

  #challenge(hash: ScramHash, clientFirst: Uint8Array): Finding {
    const first = parseClientFirst(clientFirst)
    if (first === undefined) return WRONG
    if (first.authzid !== '' && first.authzid !== first.name) return WRONG
    const entry = this.#entries.get(first.name)
    const secret = entry && scramSecrets(entry).find(known => known.hash === hash)
    // Whoever is nobody has a salt too, the same one each time.
    const salt = secret?.salt ?? this.#saltOf(first.name, hash)
    const iterations = secret?.iterations ?? (entry ? ITERATIONS_MIN : this.#iterations)
    const nonce = first.nonce + randomBytes(NONCE_BYTES).toString('base64')
    return { kind: 'challenge', reply: serverFirst(nonce, salt, iterations) }
  }

  #proof(
    hash: ScramHash,
    exchange: { clientFirst: Uint8Array; serverFirst: Uint8Array; clientFinal: Uint8Array },
  ): Finding | Promise<Finding> {
    const name = parseClientFirst(exchange.clientFirst)?.name
    const entry = name === undefined ? undefined : this.#entries.get(name)
    if (entry === undefined) return WRONG
    const judge = (secret: ScramSecret): Finding => {
      const signature = verifyProof(secret, exchange)
      return signature === undefined ? WRONG : right(entry, signature)
    }
    const stored = scramSecrets(entry).find(known => known.hash === hash)
    if (stored) return judge(stored)
    const [password] = entry.passwords
    if (password === undefined) return WRONG
    let derived = entry.derived.get(hash)
    if (derived === undefined) {
      const salt = this.#saltOf(keyOf(Buffer.from(entry.account.name)), hash)
      derived = makeScramSecret(hash, password.bytes, salt, ITERATIONS_MIN)
      entry.derived.set(hash, derived)
    }
    return derived.then(judge)
  }

  #saltOf(name: string, hash: ScramHash): Buffer {
    return createHmac('sha256', this.#key)
      .update(`salt ${hash} ${name}`)
      .digest()
      .subarray(0, SALT_BYTES)
  }
}

function known(bytes: Buffer): { bytes: Buffer; digest: Buffer } {
  return { bytes, digest: digestOf(bytes) }
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function right({ account }: Entry, reply: string): Finding {
  return { kind: 'right', account, reply }
}

/** Names are compared byte by byte. */
function keyOf(name: Uint8Array): string {
  return toLatin1(name, 0, name.length)
}

function scramSecrets({ verifiers }: Entry): ScramSecret[] {
  return verifiers.flatMap(verifier => (verifier.kind === 'scram' ? [verifier.secret] : []))
}

function hasScram(entry: Entry, hash: ScramHash): boolean {
  if (entry.passwords.length > 0) return true
  return scramSecrets(entry).some(secret => secret.hash === hash)
}
