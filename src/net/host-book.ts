/**
 * Addresses of the hosts that data threads connect to: a native data thread cannot ask DNS, so main
 * looks names up, at the start and again when a thread says that a connection has failed.
 *
 * A slot a host, 64 bytes; main alone writes, but for the word `wanted`:
 *
 *   word 0 sequence, odd while the slot is written · word 1 wanted · word 2 length ·
 *   bytes 12 … 57 the address as text (IPv6 at its longest: 45)
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

const SLOT_BYTES = 64
const SLOT_WORDS = SLOT_BYTES / 4
const WANTED_WORD = 1
const LENGTH_WORD = 2
const TEXT_BYTE = 12
const TEXT_BYTES_MAX = 46
/** How often main looks whether a name is wanted. */
const CHECK_MS = 250
/** What a start waits for a slow name server; connections to that host fail until it answers. */
const START_MS = 2000

export type HostBookHandle = { names: readonly string[]; buffer: SharedArrayBuffer }

export class HostBook {
  #handle: HostBookHandle
  #slots: ReadonlyMap<string, number>
  #words: Int32Array
  #bytes: Uint8Array

  constructor(handle: HostBookHandle) {
    this.#handle = handle
    this.#words = new Int32Array(handle.buffer)
    this.#bytes = new Uint8Array(handle.buffer)
    this.#slots = new Map(handle.names.map((name, slot) => [name, slot]))
  }

  /** @param hosts names, addresses or paths; only names take a slot. */
  static create(hosts: readonly string[]): HostBook {
    const names = [...new Set(hosts.filter(host => isIP(host) === 0 && !host.startsWith('/')))]
    return new HostBook({ names, buffer: new SharedArrayBuffer(names.length * SLOT_BYTES) })
  }

  get handle(): HostBookHandle {
    return this.#handle
  }

  /** Goes by another book of main's from now on. */
  exchange(handle: HostBookHandle): void {
    this.#handle = handle
    this.#words = new Int32Array(handle.buffer)
    this.#bytes = new Uint8Array(handle.buffer)
    this.#slots = new Map(handle.names.map((name, slot) => [name, slot]))
  }

  /** Whether it is one of the names. */
  knows(host: string): boolean {
    return this.#slots.has(host)
  }

  /** The host itself if it is an address or a path; undefined: the name is not known (yet). */
  addressOf(host: string): string | undefined {
    const slot = this.#slots.get(host)
    return slot === undefined ? host : this.#read(slot)
  }

  /** Main looks the name up again soon. */
  want(host: string): void {
    const slot = this.#slots.get(host)
    if (slot !== undefined) Atomics.store(this.#words, slot * SLOT_WORDS + WANTED_WORD, 1)
  }

  /** Main only. */
  set(host: string, address: string): void {
    const slot = this.#slots.get(host)
    if (slot === undefined || address.length > TEXT_BYTES_MAX) return
    const word = slot * SLOT_WORDS
    Atomics.add(this.#words, word, 1)
    for (let i = 0; i < address.length; i += 1) {
      Atomics.store(this.#bytes, slot * SLOT_BYTES + TEXT_BYTE + i, address.charCodeAt(i))
    }
    Atomics.store(this.#words, word + LENGTH_WORD, address.length)
    Atomics.add(this.#words, word, 1)
  }

  /** Main only: looks all names up, then those that are wanted; returns what stops it. */
  async keep(resolve: (host: string) => Promise<string> = lookupFirst): Promise<() => void> {
    const { names } = this.handle
    if (names.length === 0) return () => {}
    const busy = new Set<string>()
    const find = async (host: string): Promise<void> => {
      if (busy.has(host)) return
      busy.add(host)
      try {
        this.set(host, await resolve(host))
      } catch {
        // Unknown now: what was known stays, and whoever fails to connect asks again.
      }
      busy.delete(host)
    }
    const started = Promise.all(names.map(find))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise(done => {
      timer = setTimeout(done, START_MS)
    })
    await Promise.race([started, late])
    clearTimeout(timer)
    const checks = setInterval(() => {
      for (const [slot, host] of names.entries()) if (this.#takeWanted(slot)) void find(host)
    }, CHECK_MS)
    return () => clearInterval(checks)
  }

  #takeWanted(slot: number): boolean {
    return Atomics.exchange(this.#words, slot * SLOT_WORDS + WANTED_WORD, 0) !== 0
  }

  #read(slot: number): string | undefined {
    const word = slot * SLOT_WORDS
    for (;;) {
      const sequence = Atomics.load(this.#words, word)
      const length = Atomics.load(this.#words, word + LENGTH_WORD)
      let text = ''
      for (let i = 0; i < length; i += 1) {
        text += String.fromCharCode(Atomics.load(this.#bytes, slot * SLOT_BYTES + TEXT_BYTE + i))
      }
      const isWhole = sequence % 2 === 0 && Atomics.load(this.#words, word) === sequence
      if (isWhole) return text === '' ? undefined : text
    }
  }
}

async function lookupFirst(host: string): Promise<string> {
  return (await lookup(host)).address
}
