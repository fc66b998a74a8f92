/**
 * Logins on their way from data threads to main and back: slots in shared memory, each thread its
 * own, so that every slot has one writer at a time.
 *
 *   words   0 asked (counts up, main waits on it)   1 mechanisms   2 revocations (counts up)
 *           a line of 16 for each thread: answered (counts up, the thread waits on it)
 *           versions of accounts, one word each: a login holds while its account's is unchanged
 *   slots   THREADS × SLOTS × 8 KiB: state · kind · mechanism · account · version · parts · sizes …
 *
 *   free ──thread──▶ asked ──main──▶ taken ──main──▶ answered ──thread──▶ free
 *
 * The state is stored last, and read first. What a client sent is wiped when main has taken it.
 */
import { assert } from '../base/assert.ts'
import {
  ACCOUNTS_MAX,
  NAME_MAX,
  PASSWORD_MAX,
  PREFIX_BYTES_MAX,
  PREFIXES_MAX,
  SCRAM_MESSAGE_MAX,
} from './account.ts'

export const SLOTS = 64
const SLOT_BYTES = 8192
const SLOT_WORDS = SLOT_BYTES / 4
const PARTS_MAX = 4
/** In words of a slot. */
const STATE = 0
const KIND = 1
const MECHANISM = 2
const ACCOUNT = 3
const VERSION = 4
const PARTS = 5
const SIZES = 6
const BODY_AT = (SIZES + PARTS_MAX) * 4
const BODY_MAX = SLOT_BYTES - BODY_AT

const ASKED = 0
const MECHANISMS = 1
const REVOCATIONS = 2
const LINE_WORDS = 16

const SlotState = { free: 0, asked: 1, taken: 2, answered: 3 } as const

export type Message = {
  kind: number
  /** Of an attempt. */
  mechanism: number
  /** Of a verdict: the account's word, and what it stood at. */
  account: number
  version: number
  parts: readonly Uint8Array[]
}

export type LoginRingHandle = { buffer: SharedArrayBuffer; threads: number }

export class LoginRing {
  readonly handle: LoginRingHandle
  readonly threads: number
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #versionsAt: number
  readonly #slotsAt: number

  constructor(handle: LoginRingHandle) {
    const { buffer, threads } = handle
    this.handle = handle
    this.threads = threads
    this.#versionsAt = LINE_WORDS * (1 + threads)
    this.#slotsAt = this.#versionsAt + ACCOUNTS_MAX
    this.#words = new Int32Array(buffer)
    this.#bytes = new Uint8Array(buffer)
  }

  static create(threads: number): LoginRing {
    const words = LINE_WORDS * (1 + threads) + ACCOUNTS_MAX + threads * SLOTS * SLOT_WORDS
    return new LoginRing({ buffer: new SharedArrayBuffer(words * 4), threads })
  }

  get mechanisms(): number {
    return Atomics.load(this.#words, MECHANISMS)
  }

  set mechanisms(mask: number) {
    Atomics.store(this.#words, MECHANISMS, mask)
  }

  get revocations(): number {
    return Atomics.load(this.#words, REVOCATIONS)
  }

  version(account: number): number {
    return Atomics.load(this.#words, this.#versionsAt + account)
  }

  /** Main: whoever logged in as this account is to go; `announce` makes them. */
  revoke(account: number): void {
    Atomics.add(this.#words, this.#versionsAt + account, 1)
  }

  /** Main: after revocations. */
  announceRevocations(): void {
    Atomics.add(this.#words, REVOCATIONS, 1)
    for (let thread = 0; thread < this.threads; thread += 1) this.#wakeThread(thread)
  }

  /** A thread: asks in one of its free slots. False: the parts do not fit. */
  ask(thread: number, slot: number, message: Message): boolean {
    if (!this.#write(thread, slot, message)) return false
    Atomics.store(this.#words, this.#slot(thread, slot) + STATE, SlotState.asked)
    Atomics.add(this.#words, ASKED, 1)
    Atomics.notify(this.#words, ASKED)
    return true
  }

  /** Main: what was asked in this slot, or undefined. */
  take(thread: number, slot: number): Message | undefined {
    const at = this.#slot(thread, slot)
    if (Atomics.load(this.#words, at + STATE) !== SlotState.asked) return undefined
    const message = this.#read(thread, slot)
    this.#wipe(thread, slot)
    Atomics.store(this.#words, at + STATE, SlotState.taken)
    return message
  }

  /** Main: the verdict on what it took. */
  answer(thread: number, slot: number, message: Message): void {
    const fits = this.#write(thread, slot, message)
    assert(fits, 'a verdict fits a slot')
    Atomics.store(this.#words, this.#slot(thread, slot) + STATE, SlotState.answered)
    this.#wakeThread(thread)
  }

  /** A thread: the verdict in this slot, which is free from then on; or undefined. */
  collect(thread: number, slot: number): Message | undefined {
    const at = this.#slot(thread, slot)
    if (Atomics.load(this.#words, at + STATE) !== SlotState.answered) return undefined
    const message = this.#read(thread, slot)
    Atomics.store(this.#words, at + STATE, SlotState.free)
    return message
  }

  /** Calls back on main's event loop after every `ask`; returns what ends it. */
  onAsked(callback: () => void): () => void {
    return whenever(this.#words, ASKED, callback)
  }

  /** Calls back on a thread's event loop after verdicts and revocations; returns what ends it. */
  onAnswered(thread: number, callback: () => void): () => void {
    return whenever(this.#words, LINE_WORDS * (1 + thread), callback)
  }

  #wakeThread(thread: number): void {
    const word = LINE_WORDS * (1 + thread)
    Atomics.add(this.#words, word, 1)
    Atomics.notify(this.#words, word)
  }

  #slot(thread: number, slot: number): number {
    return this.#slotsAt + (thread * SLOTS + slot) * SLOT_WORDS
  }

  #write(thread: number, slot: number, message: Message): boolean {
    const size = message.parts.reduce((sum, part) => sum + part.length, 0)
    if (message.parts.length > PARTS_MAX || size > BODY_MAX) return false
    const at = this.#slot(thread, slot)
    const words = this.#words
    words[at + KIND] = message.kind
    words[at + MECHANISM] = message.mechanism
    words[at + ACCOUNT] = message.account
    words[at + VERSION] = message.version
    words[at + PARTS] = message.parts.length
    let to = at * 4 + BODY_AT
    for (const [i, part] of message.parts.entries()) {
      words[at + SIZES + i] = part.length
      this.#bytes.set(part, to)
      to += part.length
    }
    return true
  }

  #read(thread: number, slot: number): Message {
    const at = this.#slot(thread, slot)
    const words = this.#words
    const parts: Uint8Array[] = []
    let from = at * 4 + BODY_AT
    for (let i = 0; i < words[at + PARTS]!; i += 1) {
      const size = words[at + SIZES + i]!
      // A copy: the slot is used again.
      parts.push(new Uint8Array(this.#bytes.subarray(from, from + size)))
      from += size
    }
    return {
      kind: words[at + KIND]!,
      mechanism: words[at + MECHANISM]!,
      account: words[at + ACCOUNT]!,
      version: words[at + VERSION]!,
      parts,
    }
  }

  #wipe(thread: number, slot: number): void {
    const from = this.#slot(thread, slot) * 4 + BODY_AT
    this.#bytes.fill(0, from, from + BODY_MAX)
  }
}

/** Calls back whenever a word has changed, and misses nothing that changed before it waited. */
function whenever(words: Int32Array, index: number, callback: () => void): () => void {
  let ended = false
  let seen = Atomics.load(words, index)
  const wait = (): void => {
    const { async, value } = Atomics.waitAsync(words, index, seen)
    if (async) void value.then(woken)
    else setImmediate(woken)
  }
  const woken = (): void => {
    if (ended) return
    seen = Atomics.load(words, index)
    callback()
    wait()
  }
  wait()
  return () => {
    ended = true
    Atomics.notify(words, index)
  }
}

// Invariants
const ATTEMPT_MAX = Math.max(NAME_MAX + PASSWORD_MAX, 3 * SCRAM_MESSAGE_MAX)
/** The longest `address:port`. */
export const PEER_MAX = 64
assert(PEER_MAX + ATTEMPT_MAX <= BODY_MAX, 'an attempt fits a slot')
const RIGHTS_MAX = 2 + PREFIXES_MAX + PREFIX_BYTES_MAX
assert(NAME_MAX + RIGHTS_MAX + SCRAM_MESSAGE_MAX <= BODY_MAX, 'a verdict fits a slot')
assert(SLOT_BYTES % 4 === 0, 'slots are whole words')
