import { describe, expect, test } from 'vitest'
import { itemSize } from '../../../src/base/item-size.ts'
import { Prng } from '../../../src/base/prng.ts'
import { ReferenceCache, type ReferencePolicy } from '../../../src/sim/reference-cache.ts'
import { Op, type TraceRequest } from '../../../src/sim/trace-request.ts'
import { randomRequest, requestOf } from './support.ts'

const ITEM_SIZE_MAX = 50_000

function cacheOf(policy: ReferencePolicy, memoryBytes: number, overhead = 0): ReferenceCache {
  return new ReferenceCache({ policy, memoryBytes, overhead, itemSizeMax: ITEM_SIZE_MAX })
}

/** Cache-aside by hand: which of the keys are found. */
function hits(cache: ReferenceCache, keys: string, size: number): string {
  cache.setTime(1)
  return Array.from(keys, key => {
    const request = requestOf(key, { size })
    if (cache.get(request)) return 'h'
    cache.put(request, Op.set)
    return '.'
  }).join('')
}

type Item = { bytes: number; exptime: number }

/** The same, said with a Map in the order of age and no care for speed. */
class ModelCache {
  readonly items = new Map<string, Item>()
  evictions = 0
  readonly #policy: ReferencePolicy
  readonly #memory: number
  readonly #overhead: number

  constructor(policy: ReferencePolicy, memory: number, overhead: number) {
    this.#policy = policy
    this.#memory = policy === 'infinite' ? Number.POSITIVE_INFINITY : memory
    this.#overhead = overhead
  }

  /** Whether the key was there. */
  apply(request: TraceRequest, now: number): boolean {
    const key = Buffer.from(request.key.slice(0, request.keySize)).toString()
    const old = this.items.get(key)
    const isExpired = old !== undefined && old.exptime !== 0 && old.exptime <= now
    if (isExpired) this.items.delete(key)
    const item = isExpired ? undefined : old
    const { op, valueSize, keySize, lifetime } = request
    const exptime = lifetime === 0 ? 0 : now + lifetime
    const isMiss = item === undefined
    if (op === Op.get || op === Op.gets) this.#renew(key, item)
    else if (op === Op.delete) this.items.delete(key)
    else if (op === Op.touch && item) {
      item.exptime = exptime
      this.#renew(key, item)
    } else if (op === Op.add && item) this.#renew(key, item)
    else if (op === Op.set || (op === Op.add && isMiss)) this.#store(key, valueSize, exptime, op)
    else if ((op === Op.replace || op === Op.cas) && item) {
      this.#store(key, valueSize, exptime, op)
    } else if ((op === Op.append || op === Op.prepend) && item) {
      const before = item.bytes - keySize - this.#overhead
      this.#store(key, before + valueSize, item.exptime, op)
    }
    return !isMiss
  }

  #renew(key: string, item: Item | undefined): void {
    if (item === undefined || this.#policy !== 'lru') return
    this.items.delete(key)
    this.items.set(key, item)
  }

  #store(key: string, valueSize: number, exptime: number, op: Op): void {
    const bytes = key.length + valueSize + this.#overhead
    if (itemSize(key.length, valueSize, 0) > ITEM_SIZE_MAX || bytes > this.#memory) {
      if (op === Op.set) this.items.delete(key)
      return
    }
    this.items.delete(key)
    let used = [...this.items.values()].reduce((sum, item) => sum + item.bytes, 0)
    for (const [oldest, item] of this.items) {
      if (used + bytes <= this.#memory) break
      used -= item.bytes
      this.items.delete(oldest)
      this.evictions += 1
    }
    this.items.set(key, { bytes, exptime })
  }
}

describe('ReferenceCache', () => {
  test('LRU and FIFO of three items, by hand', () => {
    expect(hits(cacheOf('lru', 33), 'ABCADABCD', 10)).toBe('...h.h...')
    expect(hits(cacheOf('fifo', 33), 'ABCADABCD', 10)).toBe('...h.....')
    expect(hits(cacheOf('infinite', 0), 'ABCADABCD', 10)).toBe('...h.hhhh')
  })

  test('room is counted to the byte', () => {
    const cache = cacheOf('lru', 33)
    expect(hits(cache, 'ABCABC', 10)).toBe('...hhh')
    expect(hits(cacheOf('lru', 32), 'ABCABC', 10)).toBe('......')
    expect(hits(cacheOf('lru', 35), 'ABCDABCD', 10)).toBe('........')
    expect(hits(cacheOf('lru', 36, 1), 'ABCABC', 10)).toBe('...hhh')
    expect(hits(cacheOf('lru', 35, 1), 'ABCABC', 10)).toBe('......')
    expect([cache.items, cache.evictions]).toEqual([3, 0])
  })

  test('what is larger than the cache or the largest item is not kept, and replaces nothing', () => {
    const small = cacheOf('lru', 100)
    small.put(requestOf('a', { size: 99 }), Op.set)
    expect(small.items).toBe(1)
    small.put(requestOf('a', { size: 100 }), Op.set)
    expect([small.items, small.evictions]).toEqual([0, 0])
    const large = cacheOf('infinite', 0)
    const fits = ITEM_SIZE_MAX - itemSize(1, 0, 0)
    large.put(requestOf('a', { size: fits }), Op.set)
    large.put(requestOf('b', { size: fits + 1 }), Op.set)
    expect([large.get(requestOf('a')), large.get(requestOf('b'))]).toEqual([true, false])
  })

  test('an item is there until its exptime, and not at it', () => {
    const cache = cacheOf('lru', 1000)
    cache.setTime(10)
    cache.put(requestOf('a', { lifetime: 5 }), Op.set)
    cache.setTime(14)
    expect(cache.get(requestOf('a'))).toBe(true)
    cache.setTime(15)
    expect(cache.items).toBe(1)
    expect(cache.get(requestOf('a'))).toBe(false)
    expect([cache.items, cache.evictions]).toEqual([0, 0])
  })

  test.each(['lru', 'fifo', 'infinite'] as const)(
    '%s does what a Map does, for all ops',
    policy => {
      const prng = new Prng(5)
      const cache = cacheOf(policy, 200_000, 7)
      const model = new ModelCache(policy, 200_000, 7)
      for (let i = 0; i < 20_000; i += 1) {
        const now = 1_000_000 + Math.floor(i / 20)
        const request = randomRequest(prng, now, 60)
        const { op } = request
        cache.setTime(now)
        const was = model.apply(request, now)
        if (op === Op.get || op === Op.gets) expect(cache.get(request)).toBe(was)
        else if (op === Op.delete) cache.remove(request)
        else if (op === Op.touch) cache.touch(request)
        else if (op === Op.incr || op === Op.decr) cache.count(request)
        else cache.put(request, op)
        expect(cache.items).toBe(model.items.size)
        expect(cache.evictions).toBe(model.evictions)
      }
      expect(cache.evictions > 100).toBe(policy !== 'infinite')
    },
  )
})
