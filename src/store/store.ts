/**
 * The store: what can be done with items, in terms of bytes at an offset. It knows no protocol and
 * no clock: its owner sets `now` each turn. One object a thread, all on one region.
 *
 * A retrieval: `find` (leaves the bucket locked) → read the item through `items` → `unlock`.
 * A storage:   reserve → fill → lock the bucket → link → unlock → leave, never reserving under a
 * lock.
 */
import { Copier } from '../base/bytes.ts'
import { INLINE_VALUE_MAX } from '../base/item-size.ts'
import { CasCounter } from './cas-counter.ts'
import { watch } from './checks.ts'
import { ClassCounter } from './class-tally.ts'
import { Eviction } from './eviction.ts'
import { type KeyHash, seededHash } from './hash.ts'
import { FREQUENCY_MAX, HashIndex, NO_SLOT } from './hash-index.ts'
import { growIndex, wantsGrowth } from './index-growth.ts'
import { Items } from './items.ts'
import { inherit, judge } from './judge.ts'
import { LargeSegments } from './large-segments.ts'
import { LargeValues } from './large-values.ts'
import { type Layout, SuperWord } from './layout.ts'
import { Locks } from './locks.ts'
import type { Region } from './region.ts'
import { Runs } from './runs.ts'
import { Segments } from './segments.ts'
import { Tally } from './tally.ts'
import { Part, TtlBuckets } from './ttl-buckets.ts'
import { isAppend, Miss, Outcome, type Put, PutMode, REWRITE, type StoreOptions } from './put.ts'
import { addTo, concat, isUnchanged, type Original } from './read-modify-write.ts'
import { Uploads } from './uploads.ts'

/** Reads that are counted one by one. */
const FREQUENCY_EXACT = 16

export class Store {
  /** Unix seconds; the owner sets it each turn. */
  now = 0
  readonly items: Items
  readonly large: LargeValues
  readonly uploads: Uploads
  readonly segments: Segments
  readonly runs: Runs
  readonly largeSegments: LargeSegments
  readonly ttlBuckets: TtlBuckets
  readonly index: HashIndex
  readonly locks: Locks
  readonly layout: Layout
  readonly bytes: Uint8Array
  /** After `find` returned 0: why (Miss). */
  miss: number = Miss.absent
  /** After a put that stored, an arithmetic or a touch: the cas; after a touch the flags, too. */
  casLow = 0
  casHigh = 0
  clientFlags = 0
  /** After an arithmetic: the new value, and the item's exptime (unix seconds or 0). */
  number = 0n
  exptime = 0
  /** After an append or a prepend that stored: the size of the whole value. */
  joinedSize = 0

  readonly #words: Uint32Array
  readonly #hash: KeyHash
  readonly #growHash: KeyHash
  readonly #eviction: Eviction
  readonly tally: Tally
  readonly #itemSizeMax: number
  readonly #evict: boolean
  readonly #random: () => number
  readonly #cas: CasCounter
  readonly #copier: Copier
  #original: Original | undefined
  #bucket = 0
  #slot = NO_SLOT

  constructor(region: Region, layout: Layout, options: StoreOptions) {
    const { words } = region
    this.#words = words
    this.#cas = new CasCounter(words)
    this.bytes = region.bytes
    this.#copier = new Copier(region.bytes)
    this.layout = layout
    this.tally = new Tally(options.counters, words, options.classes)
    this.#itemSizeMax = options.itemSizeMax
    this.#evict = options.evict
    this.#random = options.random ?? Math.random
    this.locks = new Locks(words, region.yieldCpu)
    this.items = new Items(words, layout.hasCas)
    this.segments = new Segments(words, this.locks, layout)
    this.index = new HashIndex(region, this.items, this.locks, layout)
    this.runs = new Runs(words, this.locks, this.segments, this.items, layout)
    this.largeSegments = new LargeSegments(words, this.locks, this, layout)
    this.large = new LargeValues(this.bytes, this, layout)
    this.ttlBuckets = new TtlBuckets(layout.ttlBucketCount)
    this.#hash = seededHash(words)
    this.#growHash = seededHash(words)
    this.#eviction = new Eviction(this, seededHash(words), options)
    this.uploads = new Uploads(this, this.#eviction, options.evict)
    if (options.checked) watch(this, words)
  }

  /**
   * Prepares fresh memory; once, before any other thread opens it. `seed`: four random 32-bit
   * words.
   */
  static format(region: Region, layout: Layout, seed: Uint32Array): void {
    region.words.set(seed.subarray(0, 4), SuperWord.seed)
    CasCounter.format(region.words, 1)
    const locks = new Locks(region.words, region.yieldCpu)
    const segments = new Segments(region.words, locks, layout)
    segments.supply.format()
    const index = new HashIndex(region, new Items(region.words, layout.hasCas), locks, layout)
    index.format(segments.takeForIndex())
    index.overflow.addSegment(segments.takeForIndex())
  }

  /**
   * Finds a live item and leaves its bucket locked, found or not: the caller unlocks, always.
   * Returns the item, or 0 with `miss` saying why. An item found dead is unlinked on the way.
   */
  find(key: Uint8Array, keyAt: number, keySize: number): number {
    this.#hash.of(key, keyAt, keySize)
    const item = this.#findHashed()
    // What is most likely asked of it next lies in other lines than its header: all come at once.
    if (item !== 0) this.index.touchBehind(item)
    return item
  }

  /** A hash with this store's seed, for one more user. */
  newHash(): KeyHash {
    return seededHash(this.#words)
  }

  unlock(): void {
    this.index.unlock(this.#bucket)
  }

  /** The item that `find` just returned has been read. Caller still holds the bucket lock. */
  noteRead(item: number): void {
    this.items.markRead(item, this.now)
    const frequency = this.index.frequency(this.#slot)
    // Segcache's counter: exact up to 16, then ever less likely to go on, so that 8 bits last.
    const counts = frequency < FREQUENCY_EXACT || this.#random() * frequency < 1
    if (counts && frequency < FREQUENCY_MAX) this.index.setFrequency(this.#slot, frequency + 1)
  }

  /** Gives a key another exptime; false when it is not there. */
  touch(key: Uint8Array, keyAt: number, keySize: number, exptime: number): boolean {
    const item = this.find(key, keyAt, keySize)
    if (item !== 0) {
      this.setExptime(item, exptime)
      this.noteRead(item)
      this.tally.classes.countItem(this.items, item, ClassCounter.touchHits)
      this.clientFlags = this.items.clientFlags(item)
      this.casLow = this.items.casLow(item)
      this.casHigh = this.items.casHigh(item)
    }
    this.unlock()
    if (item !== 0) this.settle(key, keyAt, keySize)
    return item !== 0
  }

  /** In place. Caller holds the item's bucket lock. */
  setExptime(item: number, exptime: number): void {
    this.items.setExptime(item, exptime)
    this.largeSegments.noteExptime(item, exptime)
  }

  /** After a `setExptime` and an `unlock`: moves the item if its lifetime is another one now. */
  settle(key: Uint8Array, keyAt: number, keySize: number): void {
    this.#eviction.moveToLifetime(key, keyAt, keySize)
  }

  /** Unlinks the item that `find` just returned. */
  removeFound(): void {
    this.#unlink(this.#bucket, this.#slot)
  }

  /** Stores a value that is whole in memory, of any size. */
  put(put: Put): Outcome {
    if (isAppend(put.mode)) {
      return concat(this, put, this.#itemSizeMax)
    }
    this.#hash.of(put.key, put.keyAt, put.keySize)
    if (put.mode !== PutMode.set) {
      const verdict = this.#wouldStore(put)
      if (verdict !== Outcome.stored) return verdict
    }
    if (put.valueSize > INLINE_VALUE_MAX) {
      const outcome = this.uploads.put(put)
      return outcome === Outcome.noMemory ? this.#outOfMemory(put) : outcome
    }
    if (wantsGrowth(this.index)) growIndex(this.index, this.#eviction, this.#growHash)
    this.#eviction.workAhead()
    const size = this.items.inlineWords(put.keySize, put.valueSize, put.clientFlags)
    const item = this.#reserve(size, this.probation(put.exptime))
    if (item === 0) return this.#outOfMemory(put)
    this.#writeHashed(item, put)
    this.#copier.copy(this.items.valueAt(item), put.value, put.valueAt, put.valueSize)
    const outcome = this.#linkHashed(put, item, size)
    this.segments.leave(item)
    return outcome
  }

  /**
   * Gives an item a cas (0: the next one), left in `casLow` and `casHigh` too. Caller holds its
   * bucket lock.
   */
  stampCas(item: number, low: number, high: number): void {
    if (!this.items.hasCas) return
    const isNext = low === 0 && high === 0
    if (isNext) this.#cas.take()
    this.casLow = isNext ? this.#cas.low : low
    this.casHigh = isNext ? this.#cas.high : high
    this.items.setCas(item, this.casLow, this.casHigh)
  }

  /** What a failed `set` leaves behind is nothing: the old value must not outlive it. */
  remove(key: Uint8Array, keyAt: number, keySize: number): boolean {
    const item = this.find(key, keyAt, keySize)
    if (item !== 0) this.removeFound()
    this.unlock()
    return item !== 0
  }

  /** Puts a value in the place of exactly what was seen before; `exists`: it has changed. */
  rewrite(put: Put, original: Original): Outcome {
    this.#original = original
    const outcome = this.put({ ...put, mode: REWRITE })
    this.#original = undefined
    return outcome
  }

  /** Adds to or takes from a value that is a number; leaves the result in `number`. */
  arithmetic(put: Put, delta: bigint, up: boolean): Outcome {
    return addTo(this, put, delta, up)
  }

  /**
   * Makes everything stored until now invisible (`at` 0), or does so once `at` (unix seconds)
   * comes.
   */
  flush(at: number): void {
    Atomics.store(this.#words, SuperWord.flushAt, at)
    if (at === 0) this.segments.flush()
  }

  /** Once a turn: carries out a flush that has come due. */
  tick(now: number): void {
    this.now = now
    const at = this.#words[SuperWord.flushAt]!
    if (at === 0 || now < at) return
    if (Atomics.compareExchange(this.#words, SuperWord.flushAt, at, 0) === at) this.segments.flush()
  }

  /** Whether an item is past its time or flushed. Caller holds its bucket lock. */
  isDead(item: number): boolean {
    const exptime = this.items.exptime(item)
    if (exptime !== 0 && exptime <= this.now) {
      this.miss = Miss.expired
      return true
    }
    if (!this.segments.isFlushed(item)) return false
    this.miss = Miss.flushed
    return true
  }

  /** `find` for the key hashed last. */
  #findHashed(): number {
    this.#bucket = this.index.lockFor(this.#hash)
    this.miss = Miss.absent
    const slot = this.index.find(this.#bucket, this.#hash)
    this.#slot = slot
    if (slot === NO_SLOT) return 0
    const item = this.index.location(slot)
    if (!this.isDead(item)) return item
    this.tally.reclaimed(this.items.isRead(item))
    this.#unlink(this.#bucket, slot)
    this.#slot = NO_SLOT
    return 0
  }

  #judge(put: Put, item: number): Outcome {
    if (put.mode !== REWRITE || item === 0) return judge(this.items, put, item, this.now)
    return isUnchanged(this, item, this.#original!) ? Outcome.stored : Outcome.exists
  }

  /** Saves the room of a put that could not succeed anyway; judged again when it is linked. */
  #wouldStore(put: Put): Outcome {
    const item = this.#findHashed()
    const verdict = this.#judge(put, item)
    this.unlock()
    return verdict
  }

  #reserve(size: number, chain: number): number {
    for (;;) {
      const item = this.segments.reserve(size, chain)
      if (item !== 0) return item
      if (!this.#eviction.open(size, chain)) return 0
    }
  }

  /** @internal Everything new begins in probation. */
  probation(exptime: number): number {
    return this.ttlBuckets.chainOf(Part.probation, exptime, this.now)
  }

  /** @internal All of a new item but its value and what it gets when it is linked. */
  writeItem(item: number, put: Put): void {
    this.#hash.of(put.key, put.keyAt, put.keySize)
    this.#writeHashed(item, put)
  }

  #writeHashed(item: number, put: Put): void {
    this.items.write(item, put, put.exptime, this.now)
    this.items.writeKey(item, this.#hash)
  }

  /** @internal `size`: words of an inline item, 0 for a large one. */
  link(put: Put, item: number, size: number): Outcome {
    this.#hash.of(put.key, put.keyAt, put.keySize)
    return this.#linkHashed(put, item, size)
  }

  #linkHashed(put: Put, item: number, size: number): Outcome {
    const found = this.#findHashed()
    let verdict = this.#judge(put, found)
    if (verdict === Outcome.stored) {
      if (put.mode > PutMode.cas) inherit(this.items, put, item, found)
      if (!this.#linkLocked(put, item, size)) verdict = Outcome.noMemory
    }
    this.unlock()
    return verdict
  }

  /**
   * Links over the slot that was found, or an empty one; false when there is none and nothing may
   * be evicted for it. Caller holds the bucket lock.
   */
  #linkLocked(put: Put, item: number, size: number): boolean {
    const replaced = this.#slot === NO_SLOT ? 0 : this.index.location(this.#slot)
    if (replaced === 0) this.#slot = this.#slotFor(this.#bucket)
    if (this.#slot === NO_SLOT) return false
    this.stampCas(item, put.newCasLow, put.newCasHigh)
    this.index.set(this.#slot, this.#hash, item)
    const exptime = this.items.exptime(item)
    if (size > 0) this.segments.addLive(item, size)
    else this.uploads.queue(item, this.probation(exptime))
    if (size > 0) this.segments.noteExptime(item, exptime)
    if (replaced === 0) {
      this.tally.linked(this.items, item)
      return true
    }
    this.tally.replaced(this.items, replaced, item)
    // Last: from here on its segment may be somebody else's.
    this.#leave(replaced)
    return true
  }

  #slotFor(bucket: number): number {
    const slot = this.index.emptySlot(bucket)
    if (slot !== NO_SLOT || !this.#evict) return slot
    const victim = this.index.location(bucket)
    this.tally.evicted(this.items.isRead(victim))
    this.#unlinkItem(victim)
    return bucket
  }

  #unlink(bucket: number, slot: number): void {
    this.#unlinkItem(this.index.location(slot))
    this.index.clear(slot)
    this.index.trim(bucket)
  }

  #unlinkItem(item: number): void {
    this.tally.unlinked(this.items, item, this.now)
    this.#leave(item)
  }

  /** Takes an item out of its segment's count. */
  #leave(item: number): void {
    if (this.items.isLarge(item)) this.largeSegments.unlink(item)
    else this.segments.removeLive(item, this.items.sizeWords(item))
  }

  /** Unlinks an item to make room, or because its time is over. Caller holds the bucket lock. */
  drop(bucket: number, slot: number): void {
    const item = this.index.location(slot)
    const isRead = this.items.isRead(item)
    if (this.isDead(item)) this.tally.reclaimed(isRead)
    else this.tally.evicted(isRead)
    this.#unlink(bucket, slot)
  }

  #outOfMemory(put: Put): Outcome {
    if (put.mode === PutMode.set) this.remove(put.key, put.keyAt, put.keySize)
    return Outcome.noMemory
  }
}
