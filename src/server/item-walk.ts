/**
 * Answers that go over all items: lru_crawler metadump and mgdump, stats cachedump and sizes. Each
 * takes a few buckets of the index at a time, so that nobody else is kept waiting, and meets every
 * item that lives all the while exactly once.
 */
import { encodeBase64 } from '../base/base64.ts'
import { latin1, toLatin1 } from '../base/bytes.ts'
import { slabClass } from '../base/slab-class.ts'
import type { Output } from '../protocol/output.ts'
import { endsToken } from '../protocol/text-line.ts'
import type { ReplyProducer, StatRow } from '../session/executor.ts'
import { IndexWalk } from '../store/index-walk.ts'
import { ItemState } from '../store/items.ts'
import type { Store } from '../store/store.ts'

/** What is known of an item behind its bucket's lock. */
type Facts = {
  key: string
  /** Has bytes that text keys cannot have, or was stored by its base64 form. */
  isBinary: boolean
  exptime: number
  lastAccess: number
  cas: bigint
  isRead: boolean
  size: number
  valueSize: number
  clientFlags: number
}

const BUCKETS_PER_PIECE = 32
/** A URI-encoded key of 250 bytes and what is said of it. */
const LINE_BYTES_MAX = 1024
const PIECE_BYTES_MAX = 4 * 1024
/** memcached stops a cachedump at this size. */
const CACHEDUMP_BYTES_MAX = 2 * 1024 * 1024
const SIZE_UNIT = 32
/** Items that are only counted, before others get their turn. */
const SEEN_PER_PIECE = 32

/** Living items, some buckets at a time: undefined where others should get their turn. */
class ItemWalk {
  readonly #store: Store
  readonly #walk: IndexWalk
  #found: Facts[] = []

  constructor(store: Store) {
    this.#store = store
    this.#walk = new IndexWalk(store.index, store.newHash())
  }

  get isOver(): boolean {
    return this.#found.length === 0 && this.#walk.isOver
  }

  /** The next item; undefined: none in the buckets looked at. */
  next(): Facts | undefined {
    for (let i = 0; i < BUCKETS_PER_PIECE; i += 1) {
      const facts = this.#found.pop()
      if (facts !== undefined || this.#walk.isOver) return facts
      // Told from copies: nothing is written while a bucket is locked.
      this.#walk.step(item => {
        if (!this.#store.isDead(item)) this.#found.push(this.#factsOf(item))
      })
    }
    return this.#found.pop()
  }

  #factsOf(item: number): Facts {
    const { bytes, items } = this.#store
    const keyAt = items.keyAt(item)
    const keySize = items.keySize(item)
    return {
      key: toLatin1(bytes, keyAt, keySize),
      isBinary: items.isMarked(item, ItemState.binaryKey) || endsToken(bytes, keyAt, keySize),
      exptime: items.exptime(item),
      lastAccess: items.lastAccess(item),
      cas: (BigInt(items.casHigh(item)) << 32n) | BigInt(items.casLow(item)),
      isRead: items.isMarked(item, ItemState.read),
      size: items.memcachedBytes(item),
      valueSize: items.valueSize(item),
      clientFlags: items.clientFlags(item),
    }
  }
}

/** One line of a dump, or nothing for what it leaves out. */
type Line = (facts: Facts) => string

export class ItemDump implements ReplyProducer {
  readonly #walk: ItemWalk
  readonly #line: Line
  readonly #end: string
  /** Classes asked for; undefined: all. */
  readonly #classes: ReadonlySet<number> | undefined
  #started = false

  constructor(store: Store, kind: 'metadump' | 'mgdump', classes: ReadonlySet<number> | undefined) {
    this.#walk = new ItemWalk(store)
    this.#line = kind === 'metadump' ? metadumpLine : mgdumpLine
    this.#end = kind === 'metadump' ? 'END\r\n' : 'EN\r\n'
    this.#classes = classes
  }

  produce(output: Output): boolean {
    if (!this.#started) output.put(latin1('OK\r\n'))
    this.#started = true
    const until = output.at + PIECE_BYTES_MAX - LINE_BYTES_MAX
    let text = ''
    while (output.at + text.length < until && !this.#walk.isOver) {
      const facts = this.#walk.next()
      if (facts === undefined) break
      const isWanted = this.#classes === undefined || this.#classes.has(slabClass(facts.size))
      if (isWanted) text += this.#line(facts)
    }
    output.put(latin1(text))
    if (!this.#walk.isOver) return true
    output.put(latin1(this.#end))
    return false
  }
}

function metadumpLine(facts: Facts): string {
  const { exptime, lastAccess, cas, isRead, size, clientFlags } = facts
  const times = `exp=${exptime === 0 ? -1 : exptime} la=${lastAccess}`
  const state = `cas=${cas} fetch=${isRead ? 'yes' : 'no'} cls=${slabClass(size)}`
  return `key=${uriEncoded(facts.key)} ${times} ${state} size=${size} flags=${clientFlags} \n`
}

function mgdumpLine({ key, isBinary }: Facts): string {
  return isBinary ? `mg ${base64Of(key)} b\r\n` : `mg ${key}\r\n`
}

function base64Of(key: string): string {
  const bytes = latin1(key)
  const encoded = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  const end = encodeBase64(encoded, 0, bytes, 0, bytes.length)
  return toLatin1(encoded, 0, end)
}

/** As memcached's uriencode: everything but letters, digits and `-._~` as %XX (util.c). */
export function uriEncoded(key: string): string {
  return key.replace(/[^A-Za-z0-9\-._~]/g, character => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** `ITEM key [n b; s s]`: `limit` items of a class, 0 for all that fit into 2 MB. */
export function* cachedumpRows(store: Store, slab: number, limit: number): Generator<StatRow> {
  const walk = new ItemWalk(store)
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  let bytes = 0
  while (!walk.isOver && left > 0) {
    const facts = walk.next()
    // A key that would break the line it stands in is left out, as in memcached.
    if (facts === undefined || facts.isBinary || slabClass(facts.size) !== slab) {
      yield undefined
      continue
    }
    const what = `[${facts.valueSize} b; ${facts.exptime} s]`
    left -= 1
    bytes += facts.key.length + what.length + 'ITEM  \r\n'.length
    if (bytes > CACHEDUMP_BYTES_MAX) return
    yield [facts.key, what]
  }
}

/** How many items there are of each size, in steps of 32 bytes. */
export function* sizeRows(store: Store): Generator<StatRow> {
  const walk = new ItemWalk(store)
  const counts = new Map<number, number>()
  let seen = 0
  while (!walk.isOver) {
    const facts = walk.next()
    if (facts === undefined) {
      yield undefined
      continue
    }
    const size = Math.ceil(facts.size / SIZE_UNIT) * SIZE_UNIT
    counts.set(size, (counts.get(size) ?? 0) + 1)
    seen += 1
    if (seen % SEEN_PER_PIECE === 0) yield undefined
  }
  const sizes = [...counts.keys()].sort((left, right) => left - right)
  for (const size of sizes) yield [size.toString(), counts.get(size)!]
}

/** The classes of `all`, `hash` or a list such as `1,2,5`; an error as memcached says it. */
export function parseClasses(text: string): ReadonlySet<number> | 'all' | 'bad' {
  if (text === 'all' || text === 'hash') return 'all'
  const classes = new Set<number>()
  for (const part of text.split(',')) {
    const slab = /^\d{1,9}$/.test(part) ? Number(part) : 0
    if (slab < 1 || slab > MEMCACHED_CLASS_MAX) return 'bad'
    classes.add(slab)
  }
  return classes
}

/** memcached has room for this many classes (memcached.h MAX_NUMBER_OF_SLAB_CLASSES - 1). */
export const MEMCACHED_CLASS_MAX = 63
