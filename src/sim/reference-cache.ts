/**
 * What the store is compared with: the textbook's caches, exact to the byte.
 *
 *   lru        the item least recently read or stored goes first
 *   fifo       the item stored longest ago goes first
 *   infinite   none goes
 *
 * An item takes its key, its value and a fixed overhead; there is no rounding, no index and no
 * other cost. Expired items take room until they are asked for or evicted. Whatever is stored is
 * stored anew, at the young end. A value larger than the cache, or than the largest item, is not
 * kept, and what it was to replace goes.
 */
import { itemSize } from '../base/item-size.ts'
import { KeyHash } from '../store/hash.ts'
import { grown, KeyTable, NONE } from './key-table.ts'
import type { SimCache } from './sim-cache.ts'
import { Op, type TraceRequest } from './trace-request.ts'

export type ReferencePolicy = 'lru' | 'fifo' | 'infinite'

export type ReferenceOptions = {
  policy: ReferencePolicy
  memoryBytes: number
  /** Bytes of an item beyond its key and value. */
  overhead: number
  itemSizeMax: number
}

/** Bytes of one item are counted in 32 bits. */
const ITEM_BYTES_MAX = 2 ** 32 - 1

export class ReferenceCache implements SimCache {
  evictions = 0
  readonly #table = new KeyTable()
  readonly #hash = new KeyHash(0x6d656d72, 0x696e6721, 0x73696d75, 0x6c617465)
  readonly #memoryBytes: number
  readonly #overhead: number
  readonly #itemSizeMax: number
  readonly #movesOnRead: boolean
  readonly #isBounded: boolean
  /** The list from old to young: entry + 1, 0 at its ends. */
  #older: Uint32Array
  #younger: Uint32Array
  #oldest = NONE
  #youngest = NONE
  #bytes = 0
  #now = 0

  constructor({ policy, memoryBytes, overhead, itemSizeMax }: ReferenceOptions) {
    this.#memoryBytes = policy === 'infinite' ? Number.POSITIVE_INFINITY : memoryBytes
    this.#overhead = overhead
    this.#itemSizeMax = itemSizeMax
    this.#movesOnRead = policy === 'lru'
    this.#isBounded = policy !== 'infinite'
    const length = this.#isBounded ? this.#table.capacity : 0
    this.#older = new Uint32Array(length)
    this.#younger = new Uint32Array(length)
  }

  get items(): number {
    return this.#table.count
  }

  setTime(seconds: number): void {
    this.#now = seconds
  }

  get(request: TraceRequest): boolean {
    const entry = this.#find(request)
    if (entry === NONE) return false
    if (this.#movesOnRead) this.#renew(entry)
    return true
  }

  put(request: TraceRequest, op: Op): void {
    const entry = this.#find(request)
    const isThere = entry !== NONE
    if (op === Op.add && isThere) {
      if (this.#movesOnRead) this.#renew(entry)
      return
    }
    if (op > Op.add && !isThere) return
    const { keySize, lifetime } = request
    let { valueSize } = request
    let exptime = lifetime === 0 ? 0 : this.#now + lifetime
    const isJoined = op === Op.append || op === Op.prepend
    if (isJoined) {
      valueSize += this.#table.bytesOf(entry) - keySize - this.#overhead
      exptime = this.#table.exptimeOf(entry)
    }
    const bytes = keySize + valueSize + this.#overhead
    const isTooLarge = itemSize(keySize, valueSize, 0) > this.#itemSizeMax
    if (isTooLarge || bytes > this.#memoryBytes || bytes > ITEM_BYTES_MAX) {
      if (isThere && op === Op.set) this.#drop(entry)
      return
    }
    // The old one makes room first: a key is never evicted for itself.
    if (isThere) this.#drop(entry)
    this.#store(bytes, exptime)
  }

  remove(request: TraceRequest): void {
    const entry = this.#find(request)
    if (entry !== NONE) this.#drop(entry)
  }

  touch(request: TraceRequest): void {
    const entry = this.#find(request)
    if (entry === NONE) return
    const { lifetime } = request
    this.#table.setExptime(entry, lifetime === 0 ? 0 : this.#now + lifetime)
    if (this.#movesOnRead) this.#renew(entry)
  }

  /** In place, and no reading: nothing changes, but what is found expired goes. */
  count(request: TraceRequest): void {
    this.#find(request)
  }

  close(): void {}

  /** Leaves the key's hash for `#store`. */
  #find(request: TraceRequest): number {
    this.#hash.of(request.key, request.keyAt, request.keySize)
    const entry = this.#table.find(this.#hash.bucket, this.#hash.tag)
    if (entry === NONE) return NONE
    const exptime = this.#table.exptimeOf(entry)
    if (exptime === 0 || exptime > this.#now) return entry
    this.#drop(entry)
    return NONE
  }

  #store(bytes: number, exptime: number): void {
    if (this.#isBounded) this.#makeRoom(bytes)
    const entry = this.#table.add(this.#hash.bucket, this.#hash.tag)
    this.#table.set(entry, bytes, exptime)
    this.#bytes += bytes
    if (!this.#isBounded) return
    if (entry >= this.#older.length) {
      this.#older = grown(this.#older)
      this.#younger = grown(this.#younger)
    }
    this.#append(entry)
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.#memoryBytes) {
      this.evictions += 1
      this.#drop(this.#oldest)
    }
  }

  #drop(entry: number): void {
    this.#bytes -= this.#table.bytesOf(entry)
    if (this.#isBounded) this.#unlink(entry)
    this.#table.remove(entry)
  }

  #renew(entry: number): void {
    if (entry === this.#youngest) return
    this.#unlink(entry)
    this.#append(entry)
  }

  #append(entry: number): void {
    this.#older[entry] = this.#youngest + 1
    this.#younger[entry] = 0
    if (this.#youngest === NONE) this.#oldest = entry
    else this.#younger[this.#youngest] = entry + 1
    this.#youngest = entry
  }

  #unlink(entry: number): void {
    const older = this.#older[entry]! - 1
    const younger = this.#younger[entry]! - 1
    if (older === NONE) this.#oldest = younger
    else this.#younger[older] = younger + 1
    if (younger === NONE) this.#youngest = older
    else this.#older[younger] = older + 1
  }
}
