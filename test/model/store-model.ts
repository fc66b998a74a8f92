/** What the store should do, said with a Map; and the operations that are tried on both. */
import * as fc from 'fast-check'
import { Miss, Outcome, type Put, PutMode } from '../../src/store/put.ts'

const ITEM_SIZE_MAX = 1024 * 1024
const INLINE_MAX = 16 * 1024
const U64 = 2n ** 64n

export type Operation =
  | {
      kind: 'put'
      mode: PutMode
      key: string
      size: number
      seed: number
      /** In place of `size` bytes made from the seed. */
      text: string | undefined
      clientFlags: number
      lifetime: number
      rightCas: boolean
    }
  | { kind: 'get'; key: string }
  | { kind: 'remove'; key: string }
  | { kind: 'arithmetic'; key: string; delta: bigint; up: boolean }
  | { kind: 'touch'; key: string; lifetime: number }
  | { kind: 'flush'; delay: number }
  | { kind: 'tick'; seconds: number }
  | { kind: 'reclaim' }
  | { kind: 'limit'; megabytes: number }

/** Of every size that is a border: one byte, words, the longest; and one that looks like another. */
const keyPool = ['a', 'b', 'ab', 'abc', 'abcd', 'k'.repeat(249), 'k'.repeat(250), '\x00\xff\r']
const keys = fc.constantFrom(...keyPool)
const lifetimes = fc.constantFrom(0, 0, 0, -5, 1, 2, 30, 1000)
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(64) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 3, 4, 5, INLINE_MAX - 1, INLINE_MAX) },
  { weight: 2, arbitrary: fc.constantFrom(INLINE_MAX + 1, 32_511, 32_512, 32_740, 32_768, 65_536) },
  { weight: 1, arbitrary: fc.integer({ min: INLINE_MAX + 1, max: 140_000 }) },
)
const numberTexts = ['0', '7', '99', '100', ' 5', '5 x', '007', '+5', '5\0x', '5\n']
const longNumbers = ['999999999999999', '9999999999999999', '18446744073709551615']
const otherTexts = ['', ' ', '-1', '1.0', 'x', '18446744073709551616']
const texts = fc.constantFrom(...numberTexts, ...longNumbers, ...otherTexts)

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      mode: fc.constantFrom(...Object.values(PutMode), PutMode.set, PutMode.append),
      key: keys,
      size: sizes,
      seed: fc.nat(1000),
      text: fc.option(texts, { nil: undefined, freq: 2 }),
      clientFlags: fc.constantFrom(0, 0, 1, 4294967295),
      lifetime: lifetimes,
      rightCas: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), key: keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), key: keys }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('arithmetic' as const),
      key: keys,
      delta: fc.constantFrom(0n, 1n, 10n, 9999n, 2n ** 63n, U64 - 1n),
      up: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('touch' as const), key: keys, lifetime: lifetimes }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('flush' as const),
      delay: fc.constantFrom(0, 0, 1, 5, 100),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('tick' as const),
      seconds: fc.constantFrom(0, 1, 2, 29, 30, 999),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reclaim' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      megabytes: fc.constantFrom(7, 8, 9, 12, 16, 17),
    }),
  },
)

type Entry = {
  value: Buffer
  clientFlags: number
  exptime: number
  cas: bigint
  fetched: boolean
}

export class StoreModel {
  miss: number = Miss.absent
  readonly #entries = new Map<string, Entry>()
  #now: number
  /** The first item that is stored gets 2. */
  #cas = 1n
  #flushPoint = 0n
  #flushAt = 0
  #totalItems = 0
  readonly #hasCas: boolean
  #reclaimed = 0
  #expiredUnfetched = 0

  /** @param hasCas false: as with -C. */
  constructor(now: number, hasCas = true) {
    this.#now = now
    this.#hasCas = hasCas
  }

  keys(): readonly string[] {
    return keyPool
  }

  casOf(key: string): bigint {
    // Without cas all items have the same, and it fits none.
    return this.#hasCas ? (this.#entries.get(key)?.cas ?? 1n) : 0n
  }

  read(key: string): Entry | undefined {
    const entry = this.#find(key)
    if (entry) entry.fetched = true
    return entry && { ...entry, cas: this.#hasCas ? entry.cas : 0n }
  }

  put(put: Put): Outcome {
    const key = Buffer.from(put.key).toString('latin1')
    const given = Buffer.from(put.value)
    const found = this.#find(key)
    const fresh = { value: given, clientFlags: put.clientFlags, exptime: put.exptime }
    switch (put.mode) {
      case PutMode.set:
        return this.#link(key, fresh)
      case PutMode.add:
        return found ? Outcome.notStored : this.#link(key, fresh)
      case PutMode.replace:
        return found ? this.#link(key, fresh) : Outcome.notStored
      case PutMode.cas: {
        if (!found) return Outcome.notFound
        const same = found.cas === casOf(put)
        return same && this.#hasCas ? this.#link(key, fresh) : Outcome.exists
      }
      case PutMode.casOrOlder: {
        if (!found) return Outcome.notFound
        const cas = casOf(put)
        if (!this.#hasCas || cas > found.cas || cas === 0n) return Outcome.exists
        return this.#link(key, cas === found.cas ? fresh : { ...fresh, exptime: found.exptime })
      }
      default: {
        const isAppend = put.mode === PutMode.append || put.mode === PutMode.appendOrSet
        const orSet = put.mode === PutMode.appendOrSet || put.mode === PutMode.prependOrSet
        if (!found) return orSet ? this.#link(key, fresh) : Outcome.notStored
        const parts = isAppend ? [found.value, given] : [given, found.value]
        const value = Buffer.concat(parts)
        const counted = 48 + 8 + key.length + 1 + (found.clientFlags ? 4 : 0) + value.length + 2
        if (counted > ITEM_SIZE_MAX) return Outcome.notStored
        return this.#link(key, { ...found, value })
      }
    }
  }

  remove(key: string): boolean {
    return this.#find(key) !== undefined && this.#entries.delete(key)
  }

  arithmetic(key: string, delta: bigint, up: boolean): { outcome: Outcome; number?: bigint } {
    const found = this.#find(key)
    if (!found) return { outcome: Outcome.notFound }
    const text = found.value.toString('latin1')
    const digits = /^[ \t-\r]*\+?(\d+)(?:[ \t-\r\0]|$)/s.exec(text)?.[1]
    const isNumber = digits !== undefined && found.value.length <= INLINE_MAX
    if (!isNumber || BigInt(digits) >= U64) return { outcome: Outcome.nonNumeric }
    const old = BigInt(digits)
    const number = up ? (old + delta) % U64 : old > delta ? old - delta : 0n
    const shown = number.toString().padEnd(found.value.length, ' ')
    if (shown.length === found.value.length) {
      this.#cas += 1n
      found.cas = this.#cas
      found.value = Buffer.from(shown)
    } else {
      this.#link(key, { ...found, value: Buffer.from(shown) })
    }
    return { outcome: Outcome.stored, number }
  }

  touch(key: string, exptime: number): boolean {
    const found = this.#find(key)
    if (!found) return false
    found.exptime = exptime
    found.fetched = true
    // An item that is past its time is looked up once more, to be moved, and is gone by then.
    this.#find(key)
    return true
  }

  flush(at: number): void {
    this.#flushAt = at
    if (at === 0) this.#flushPoint = this.#cas
  }

  tick(seconds: number): void {
    this.#now += seconds
    if (this.#flushAt !== 0 && this.#now >= this.#flushAt) this.flush(0)
  }

  /** The reclaimer has been round: nothing that is due or flushed is left. */
  reclaim(): void {
    for (const key of this.#entries.keys()) this.#find(key)
  }

  counters(): Record<string, number> {
    let bytes = 0
    const header = this.#hasCas ? 20 : 12
    for (const [key, entry] of this.#entries) bytes += bytesOf(header, key.length, entry)
    return {
      currItems: this.#entries.size,
      totalItems: this.#totalItems,
      bytes,
      expiredUnfetched: this.#expiredUnfetched,
      reclaimed: this.#reclaimed,
    }
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    this.miss = Miss.absent
    if (!entry) return undefined
    const expired = entry.exptime !== 0 && entry.exptime <= this.#now
    const flushed = this.#flushPoint !== 0n && entry.cas <= this.#flushPoint
    if (!expired && !flushed) return entry
    this.miss = expired ? Miss.expired : Miss.flushed
    this.#reclaimed += 1
    if (!entry.fetched) this.#expiredUnfetched += 1
    this.#entries.delete(key)
    return undefined
  }

  #link(key: string, entry: Pick<Entry, 'value' | 'clientFlags' | 'exptime'>): Outcome {
    this.#cas += 1n
    this.#totalItems += 1
    this.#entries.set(key, { ...entry, cas: this.#cas, fetched: false })
    return Outcome.stored
  }
}

function casOf(put: Put): bigint {
  return BigInt(put.casHigh) * 2n ** 32n + BigInt(put.casLow)
}

function bytesOf(fixed: number, keySize: number, { value, clientFlags }: Entry): number {
  const header = fixed + (clientFlags === 0 ? 0 : 4)
  if (value.length > INLINE_MAX) return header + 4 + keySize + value.length
  return header + 4 * Math.ceil((keySize + value.length) / 4)
}
