/**
 * Assertion mode (StoreOptions.checked), for tests: every lock knows its owner, and every function
 * that wants one held is asked for it before it runs. Methods of this one Store's parts are wrapped
 * when it is made, so a store without checks runs the code that it would run anyway.
 *
 *   locks      owner's number in the word instead of 1; order of locks.ts; never twice, never
 *              given back by another thread
 *   items      changed by who holds the lock of the bucket of their key
 *   index      slots and chains: by who holds a bucket lock, `bucket` by who holds that one
 *   segments   lists and states: under the segment lock, and only along the arrows of `mayFollow`
 *   room       reserved, opened, taken, given back: with no bucket locked
 */
import { threadId } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { seededHash } from './hash.ts'
import { SuperWord } from './layout.ts'
import { SegmentState } from './segment-lists.ts'
import type { Store } from './store.ts'

const { free, open, queued, evicting, abandoned, large, body, index, reclaiming, away } =
  SegmentState

/** By state: the ones that may come before it. */
const mayFollow: Readonly<Record<number, readonly number[]>> = {
  [free]: [free, queued, evicting, abandoned, large, body, away],
  [open]: [free],
  [queued]: [open, evicting, reclaiming, large],
  [evicting]: [queued],
  [abandoned]: [evicting, reclaiming, queued, body],
  [large]: [free, evicting],
  [body]: [free],
  [index]: [free],
  [reclaiming]: [queued],
  [away]: [free],
}

/** Lock ranks: each may be taken while only lower ones are held. */
const Rank = { grow: 0, bucket: 1, leaf: 2 } as const
const OWNERS_PER_THREAD = 65_536

let made = 0

/** Wraps the parts of a store that has just been made. */
export function watch(store: Store, words: Uint32Array): void {
  made += 1
  const holds = watchLocks(store, words, threadId * OWNERS_PER_THREAD + (made % 65_000) + 2)
  watchItems(store, words, holds)
  watchIndex(store, holds)
  watchSegments(store, holds)
}

type Numbers = (...numbers: number[]) => void

/** Calls `check` with a method's arguments before each of its calls. */
function before<T extends object>(target: T, names: readonly (keyof T & string)[], check: Numbers) {
  for (const name of names) {
    const method = target[name] as (...args: number[]) => unknown
    const checked = (...args: number[]): unknown => {
      check(...args)
      return method.apply(target, args)
    }
    Object.defineProperty(target, name, { value: checked, writable: true })
  }
}

/** What this thread holds: lock words. */
type Held = Set<number>

function rankOf(word: number): number {
  if (word === SuperWord.growLock) return Rank.grow
  const isLeaf = word === SuperWord.segmentLock || word === SuperWord.overflowLock
  return isLeaf ? Rank.leaf : Rank.bucket
}

function watchLocks({ locks }: Store, words: Uint32Array, owner: number): Held {
  const held: Held = new Set()
  const mayTake = (word: number): void => {
    for (const one of held) {
      assert(rankOf(one) < rankOf(word), `lock ${word} is taken while lock ${one} is held`)
    }
  }
  const taken = (word: number): void => {
    held.add(word)
    Atomics.store(words, word, owner)
  }
  const lock = locks.lock.bind(locks)
  const tryLock = locks.tryLock.bind(locks)
  const unlock = locks.unlock.bind(locks)
  locks.lock = word => {
    mayTake(word)
    lock(word)
    taken(word)
  }
  locks.tryLock = word => {
    mayTake(word)
    const isFree = tryLock(word)
    if (isFree) taken(word)
    return isFree
  }
  locks.unlock = word => {
    const isOwn = held.delete(word) && Atomics.load(words, word) === owner
    // A bucket that is being added is locked before anybody can come upon it.
    const isNew = held.has(SuperWord.growLock) && Atomics.load(words, word) === 1
    assert(isOwn || isNew, `lock ${word} is given back by who does not hold it`)
    unlock(word)
  }
  return held
}

function watchItems(store: Store, words: Uint32Array, held: Held): void {
  const { index: hashIndex, items, largeSegments, runs, segments } = store
  const hash = seededHash(words)
  const holdsKey = (item: number): void => {
    hash.of(store.bytes, items.keyAt(item), items.keySize(item))
    const word = hashIndex.lockWord(hashIndex.bucketOf(hash))
    assert(held.has(word), `item ${item} is changed by who does not hold its bucket`)
  }
  before(items, ['setCas', 'setExptime', 'markRead', 'markUsed', 'clearFetched'], holdsKey)
  before(items, ['mark', 'unmark'], holdsKey)
  before(segments, ['addLive', 'removeLive'], holdsKey)
  before(largeSegments, ['queue'], head => holdsKey(segments.firstWord(head!)))
  before(largeSegments, ['pin', 'unlink'], holdsKey)
  before(runs, ['addLive'], holdsKey)
}

function watchIndex({ index: hashIndex }: Store, held: Held): void {
  before(hashIndex, ['find', 'findItem', 'emptySlot', 'trim'], bucket => {
    // One that is being added is nobody else's yet.
    const isHeld = held.has(hashIndex.lockWord(bucket)) || held.has(SuperWord.growLock)
    assert(isHeld, `bucket ${bucket} is looked at by who does not hold it`)
  })
  before(hashIndex, ['set', 'setFrequency', 'move', 'clear'], slot => {
    const isHeld = [...held].some(word => rankOf(word) === Rank.bucket)
    assert(isHeld, `slot ${slot} is changed by who holds no bucket`)
  })
}

function watchSegments(store: Store, held: Held): void {
  const { largeSegments, runs, segments } = store
  const { lists, supply } = segments
  const holdsSegments = (segment: number): void => {
    const isHeld = held.has(SuperWord.segmentLock)
    assert(isHeld, `segment ${segment} is changed by who does not hold the segment lock`)
  }
  before(lists, ['assign', 'enqueue', 'unqueue', 'pushFree', 'popFree', 'sealRun'], holdsSegments)
  before(supply, ['growLocked'], holdsSegments)
  before(lists, ['setState'], (segment, state) => {
    holdsSegments(segment)
    const old = segments.state(segment)
    const isLegal = mayFollow[state!]!.includes(old)
    assert(isLegal, `segment ${segment} goes from state ${old} to ${state}`)
  })
  before(lists, ['pushFree'], segment => {
    const state = segments.state(segment)
    // One that was never taken has no sequence.
    const isNew = state === free && lists.sequence(segment) === 0
    assert(state !== free || isNew, `segment ${segment} is freed twice`)
    assert(segments.writers(segment) === 0, `segment ${segment} is freed under a writer`)
    const isEmpty = segments.isLarge(segment) || segments.liveItems(segment) === 0
    assert(isNew || isEmpty, `segment ${segment} is freed with live items`)
  })
  const holdsNoBucket = (): void => {
    const isFree = [...held].every(word => rankOf(word) === Rank.grow)
    assert(isFree, 'room is made or reserved by who holds a bucket')
  }
  before(segments, ['reserve', 'openNext', 'takeOldest', 'takeMore', 'takeForIndex'], holdsNoBucket)
  before(segments, ['startReclaiming', 'freeDead', 'sealOpen', 'putBack'], holdsNoBucket)
  before(largeSegments, ['promise', 'take'], holdsNoBucket)
  before(runs, ['reserve'], holdsNoBucket)
  before(supply, ['takeAway'], holdsNoBucket)
}
