/**
 * Making room, on the thread that needs it, with no lock held on entry.
 *
 * New items are in probation. When memory is full and probation is more than its share, its oldest
 * segment goes: what was read since it was stored moves to the main part, the rest is dropped. Else
 * the main part's oldest segment is sifted: items of enough frequency for their size (Segcache,
 * NSDI 2021) stay, merged with others into a young segment, their frequencies halved. How much is
 * enough follows from how much the segments before have kept: all of the main part is held to one
 * measure, where merging a few segments by themselves would drop some of the best because all are
 * good.
 *
 *   put ──▶ probation ──read since──▶ main ──read enough for its size──▶ main (younger)
 *               └──── not ────▶ gone    └───────────── not ────────────▶ gone
 *
 * Without eviction (-M) nothing live goes: dead segments are freed, sparse ones packed together.
 *
 * Probation is as large as what the main part has not earned: it gives up segments until one in
 * which much was read fills another of the main part, and then the main part is sifted once.
 */
import { evictionDefaults, type EvictionSettings } from './eviction-settings.ts'
import { NO_SLOT } from './hash-index.ts'
import type { KeyHash } from './hash.ts'
import { RESERVE_SEGMENTS } from './layout.ts'
import type { EvictionOptions } from './put.ts'
import { Relocation } from './relocation.ts'
import { SegmentWalk } from './segment-walk.ts'
import { NO_SEGMENT } from './segments.ts'
import type { Store } from './store.ts'
import { Part } from './ttl-buckets.ts'

/** The measure's range: the largest item, read once, to the smallest, read most. */
const MEASURE_MIN = -17
const MEASURE_MAX = 8
/** Segments that one piece of a large value empties in vain, before one goes with all in it. */
const LARGE_PATIENCE = 3

export class Eviction {
  readonly #store: Store
  readonly #hash: KeyHash
  readonly #evict: boolean
  readonly #settings: EvictionSettings
  readonly #walk: SegmentWalk
  readonly #relocation: Relocation
  /** What the main part's items have to be worth: log2 of frequency + 1 over size in words. */
  #measure = MEASURE_MIN
  /** Segments emptied since one was gained. */
  #inVain = 0
  /** Whether the next segment is to come from the main part, however large probation is. */
  #isMainsTurn = false
  /** When nothing could be freed: looked for again once something has changed. */
  #fullAt = ''

  constructor(store: Store, hash: KeyHash, options: EvictionOptions) {
    this.#store = store
    this.#hash = hash
    this.#walk = new SegmentWalk(store, hash)
    this.#relocation = new Relocation(store, hash)
    this.#evict = options.evict
    this.#settings = { ...evictionDefaults, ...options.eviction }
  }

  /** Opens a segment of a chain with room for `size` words; false when memory is and stays full. */
  open(size: number, chain: number): boolean {
    for (;;) {
      if (this.#store.segments.openNext(size, chain, RESERVE_SEGMENTS)) return true
      if (!this.#makeRoom()) return false
    }
  }

  /**
   * With every put: empties one segment when few are free, so that the put that needs the next
   * one finds it. What one put has to wait for is one segment's work, not that of all it takes
   * to gain one. `more`: segments that will be needed at once.
   */
  workAhead(more = 0): void {
    const { freeCount, supply } = this.#store.segments
    const wanted = RESERVE_SEGMENTS + this.#settings.aheadSegments + more
    if (freeCount >= wanted || !this.#evict) return
    if (supply.inHand >= supply.wanted) this.#evictSome()
  }

  /**
   * The next segment of a private value (LargeSegments.take), or NO_SEGMENT. After some segments
   * emptied in vain whole ones go: what it takes is bounded, for such values need many.
   */
  large(last: number): number {
    return this.#byForce(() => this.#store.largeSegments.take(last), NO_SEGMENT)
  }

  /** Room for an item in a chain's run, as `Runs.reserve`, or 0. */
  roomInRun(size: number, chain: number): number {
    return this.#byForce(() => this.#store.runs.reserve(size, chain, RESERVE_SEGMENTS), 0)
  }

  #byForce(take: () => number, nothing: number): number {
    for (let vain = 0; ; vain += 1) {
      const taken = take()
      if (taken !== nothing) return taken
      if (vain >= LARGE_PATIENCE) {
        this.#isMainsTurn = true
        this.#inVain = Math.max(this.#inVain, this.#settings.patience)
      }
      if (!this.#makeRoom()) return nothing
    }
  }

  /** A segment for the index, or NO_SEGMENT. */
  indexSegment(): number {
    for (;;) {
      const segment = this.#store.segments.takeForIndex()
      if (segment !== NO_SEGMENT) return segment
      if (!this.#makeRoom()) return NO_SEGMENT
    }
  }

  /** Empties a segment for nobody here, which may not free one yet. False: none can go. */
  release(): boolean {
    return this.#makeRoom()
  }

  /** Moves a key's item to the segments of its lifetime, if it is not there. No lock is held. */
  moveToLifetime(key: Uint8Array, keyAt: number, keySize: number): void {
    const { items, segments, ttlBuckets } = this.#store
    const item = this.#store.find(key, keyAt, keySize)
    const isInline = item !== 0 && !items.isLarge(item)
    const size = isInline ? items.sizeWords(item) : 0
    const current = isInline ? segments.lists.chainOf(segments.segmentOf(item)) : -1
    const bucket = isInline ? ttlBuckets.bucketOf(items.exptime(item), this.#store.now) : -1
    this.#store.unlock()
    if (current < 0 || current % ttlBuckets.count === bucket) return
    const target = this.#roomFor(size, current - (current % ttlBuckets.count) + bucket)
    if (target === 0) return
    this.#hash.of(key, keyAt, keySize)
    const at = this.#store.index.lockFor(this.#hash)
    const slot = this.#store.index.find(at, this.#hash)
    const isSame = slot !== NO_SLOT && this.#store.index.location(slot) === item
    const isMovable = isSame && items.sizeWords(item) === size && !items.isLarge(item)
    // Flushed meanwhile, it would come back to life in a segment that was not.
    if (isMovable && !this.#store.isDead(item)) {
      this.#relocation.moveLocked(slot, item, target, size)
    } else {
      items.writeDead(target, size)
    }
    this.#store.index.unlock(at)
    segments.leave(target)
  }

  /** Room as for a put: the reserve is not touched. */
  #roomFor(size: number, chain: number): number {
    for (;;) {
      const target = this.#store.segments.reserve(size, chain)
      if (target !== 0) return target
      if (!this.open(size, chain)) return 0
    }
  }

  #makeRoom(): boolean {
    if (this.#evict) return this.#makeSomeRoom()
    // Every refused put would look through all of memory otherwise.
    if (this.#fullAt !== '' && this.#fullAt === this.#situation()) return false
    if (this.#makeSomeRoom()) return true
    this.#fullAt = this.#situation()
    return false
  }

  /** Changes whenever there may be something to free that was not there before. */
  #situation(): string {
    const { now, segments, tally } = this.#store
    return `${now} ${tally.unlinks} ${tally.linkedItems} ${segments.lists.flushedUpTo}`
  }

  #makeSomeRoom(): boolean {
    if (this.#evict ? this.#evictSome() : this.#freeSome()) return true
    // All that is left may stand in open segments: those that are dead go as they are sealed.
    const { layout, segments } = this.#store
    const free = segments.freeCount
    for (let chain = 0; chain < layout.chainCount; chain += 1) {
      segments.sealOpen(chain, !this.#evict)
    }
    if (segments.freeCount > free) return true
    return this.#evict ? this.#evictSome() : this.#freeSome()
  }

  /** Empties one segment; false when there is none that can be. */
  #evictSome(): boolean {
    const { layout, segments } = this.#store
    const { patience, probationShare } = this.#settings
    const probation = this.#count(0, layout.ttlBucketCount)
    const main = this.#count(layout.ttlBucketCount, layout.chainCount)
    const free = segments.freeCount
    const all = this.#inVain >= patience
    const isOver = probation > (probation + main) * probationShare
    const fromMain = this.#isMainsTurn || !isOver
    const isEmptied = fromMain
      ? this.#emptyMain(all) || this.#emptyProbation()
      : this.#emptyProbation() || this.#emptyMain(all)
    const isGained = segments.freeCount > free
    this.#inVain = isGained ? 0 : this.#inVain + 1
    // What probation gives to the main part, the main part has to make room for.
    this.#isMainsTurn = !isGained && !fromMain
    return isEmptied
  }

  #count(from: number, to: number): number {
    let count = 0
    for (let chain = from; chain < to; chain += 1) {
      count += this.#store.segments.lists.count(chain)
    }
    return count
  }

  #emptyProbation(): boolean {
    const { items, layout, segments } = this.#store
    const segment = segments.takeOldest(0, layout.ttlBucketCount)
    if (segment === NO_SEGMENT) return false
    if (segments.isLarge(segment)) {
      this.#settleLarge(segment)
      return true
    }
    const chain = segments.lists.chainOf(segment)
    const isSparse = this.#isSparseRun(segment)
    this.#handOver(segment, item => {
      const isFetched = items.isFetched(item)
      const isWanted = (isFetched || isSparse) && this.#isAlive(item)
      const target = isFetched ? this.#mainChain(item) : chain
      if (!isWanted || !this.#relocation.move(item, target)) this.#drop(item)
    })
    return true
  }

  #mainChain(item: number): number {
    const { items, ttlBuckets } = this.#store
    return ttlBuckets.chainOf(Part.main, items.exptime(item), this.#store.now)
  }

  /**
   * A run that is mostly holes, because what was in it has been replaced or deleted, makes room
   * without anything being dropped: one value that stays would keep all of it. Not without end: a
   * run may be so short that its copy takes as much.
   */
  #isSparseRun(segment: number): boolean {
    const { runs } = this.#store
    if (!runs.isRun(segment) || this.#inVain >= LARGE_PATIENCE) return false
    return 2 * runs.liveWords(segment) <= runs.usedWords(segment)
  }

  /** @param all keeps nothing. */
  #emptyMain(all: boolean): boolean {
    const { layout, segments } = this.#store
    const { ttlBucketCount } = layout
    const segment = segments.takeOldest(ttlBucketCount, 2 * ttlBucketCount)
    if (segment === NO_SEGMENT) return false
    if (all) this.#empty(segment)
    else if (segments.isLarge(segment)) this.#settleLarge(segment)
    else this.#sift(segment)
    return true
  }

  /** Moves what is worth it to the young end of the segment's chain, drops the rest. */
  #sift(segment: number): void {
    const { items, layout, runs, segments } = this.#store
    const chain = segments.lists.chainOf(segment)
    const all = layout.segmentWords * runs.segmentCount(segment)
    const least = this.#isSparseRun(segment) ? -Infinity : this.#measure
    let kept = 0
    this.#handOver(segment, item => {
      if (!this.#isWorthIt(item, least)) return
      if (this.#relocation.move(item, chain)) kept += items.allWords(item)
      else this.#drop(item)
    })
    const { keptShare, measureStep } = this.#settings
    const measure = this.#measure + measureStep * (kept / all - keptShare)
    this.#measure = Math.min(MEASURE_MAX, Math.max(MEASURE_MIN, measure))
  }

  /** Whether an item may stay; else it is dropped, if it is linked at all. */
  #isWorthIt(item: number, least: number): boolean {
    const { index, items } = this.#store
    const bucket = this.#lock(item)
    const slot = index.findItem(bucket, item)
    let isWorthIt = false
    if (slot !== NO_SLOT) {
      const worth = Math.log2((index.frequency(slot) + 1) / items.allWords(item))
      isWorthIt = worth >= least
      if (!isWorthIt) this.#store.drop(bucket, slot)
    }
    index.unlock(bucket)
    return isWorthIt
  }

  /** A large value at the old end of its chain: one that was read gets another round. */
  #settleLarge(head: number): void {
    const { index, items, largeSegments, segments } = this.#store
    const item = segments.firstWord(head)
    const bucket = this.#lock(item)
    const slot = index.findItem(bucket, item)
    const lives = slot !== NO_SLOT && items.isFetched(item) && !this.#store.isDead(item)
    if (lives) {
      items.clearFetched(item)
      index.setFrequency(slot, index.frequency(slot) >>> 1)
    } else if (slot !== NO_SLOT) {
      this.#store.drop(bucket, slot)
    }
    index.unlock(bucket)
    if (lives) largeSegments.requeue(head, this.#mainChain(item))
    else largeSegments.finishEvicting(head)
  }

  /** Without eviction: what serves nobody may go, what serves somebody may be packed. */
  #freeSome(): boolean {
    const { layout, segments } = this.#store
    const isFlushed = (segment: number) => segments.isFlushed(segments.firstWord(segment))
    if (segments.freeDead()) return true
    const segment = segments.takeOldest(0, layout.chainCount, isFlushed)
    if (segment !== NO_SEGMENT) {
      this.#empty(segment)
      return true
    }
    return this.#pack()
  }

  #empty(segment: number): void {
    const { largeSegments, segments } = this.#store
    if (segments.isLarge(segment)) {
      this.#drop(segments.firstWord(segment))
      largeSegments.finishEvicting(segment)
      return
    }
    this.#handOver(segment, item => this.#drop(item))
  }

  /** Frees a segment, or a run, whose items `visit` moves or drops. */
  #handOver(segment: number, visit: (item: number) => void): void {
    const { runs, segments } = this.#store
    if (runs.isRun(segment)) {
      runs.empty(segment, visit)
      return
    }
    this.#walk.eachItem(segment, visit)
    segments.finishEvicting(segment)
  }

  /** Copies two or more segments with holes into one, if there are such in some chain. */
  #pack(): boolean {
    const { layout, segments } = this.#store
    const sparse = (segment: number) =>
      !segments.isLarge(segment) && segments.liveWords(segment) <= layout.segmentWords / 2
    for (let chain = 0; chain < layout.chainCount; chain += 1) {
      // One alone would only be copied to where it takes as much.
      const run = segments.takeMore(chain, 2, 2, sparse)
      let freed = 0
      for (const segment of run) if (this.#packOne(segment, chain)) freed += 1
      if (freed > 0) return true
    }
    return false
  }

  /** False: others who pack hold what room there was, so what it still has stays where it is. */
  #packOne(segment: number, chain: number): boolean {
    const { segments } = this.#store
    let isStuck = false
    this.#walk.eachItem(segment, item => {
      if (!this.#isAlive(item)) this.#drop(item)
      else if (!isStuck) isStuck = !this.#relocation.move(item, chain)
    })
    if (isStuck) segments.putBack(segment)
    else segments.finishEvicting(segment)
    return !isStuck
  }

  #lock(item: number): number {
    const { bytes, index, items } = this.#store
    this.#hash.of(bytes, items.keyAt(item), items.keySize(item))
    return index.lockFor(this.#hash)
  }

  /** Whether an item serves anybody: no room is reserved for a copy of one that does not. */
  #isAlive(item: number): boolean {
    const { index } = this.#store
    const bucket = this.#lock(item)
    const isAlive = index.findItem(bucket, item) !== NO_SLOT && !this.#store.isDead(item)
    index.unlock(bucket)
    return isAlive
  }

  #drop(item: number): void {
    const { index } = this.#store
    const bucket = this.#lock(item)
    const slot = index.findItem(bucket, item)
    if (slot !== NO_SLOT) this.#store.drop(bucket, slot)
    index.unlock(bucket)
  }
}
