/** What one thread tells watchers, of all threads: who asks first whether anybody watches. */
import { itemSize } from '../base/item-size.ts'
import { slabClass } from '../base/slab-class.ts'
import { Counter } from '../observe/counters.ts'
import { Command } from '../protocol/command.ts'
import type { Request } from '../protocol/request.ts'
import { Miss, Outcome, PutMode } from '../store/put.ts'
import type { Store } from '../store/store.ts'
import {
  CLOSE_REASON,
  DELETE_COMMAND,
  GET_STATUS,
  STORE_COMMAND,
  STORE_STATUS,
} from './watch-lines.ts'
import { emptyEntry, LogKind, Topic, type WatchLog } from './watch-log.ts'

const GetStatus = placesOf(GET_STATUS)
const StoreStatus = placesOf(STORE_STATUS)
const StoreCommand = placesOf(STORE_COMMAND)
const DeleteCommand = placesOf(DELETE_COMMAND)
const CloseReason = placesOf(CLOSE_REASON)

const STATUS_OF_MISS: Readonly<Record<number, number>> = {
  [Miss.absent]: GetStatus.not_found,
  [Miss.expired]: GetStatus.expired,
  [Miss.flushed]: GetStatus.flushed,
}

const STATUS_OF_OUTCOME: Readonly<Record<number, number>> = {
  [Outcome.stored]: StoreStatus.stored,
  [Outcome.notStored]: StoreStatus.not_stored,
  [Outcome.exists]: StoreStatus.exists,
  [Outcome.notFound]: StoreStatus.not_found,
  [Outcome.noMemory]: StoreStatus.no_memory,
}

const COMMAND_OF_MODE: Readonly<Record<number, number>> = {
  [PutMode.set]: StoreCommand.set,
  [PutMode.add]: StoreCommand.add,
  [PutMode.replace]: StoreCommand.replace,
  [PutMode.append]: StoreCommand.append,
  [PutMode.appendOrSet]: StoreCommand.append,
  [PutMode.prepend]: StoreCommand.prepend,
  [PutMode.prependOrSet]: StoreCommand.prepend,
  [PutMode.cas]: StoreCommand.cas,
  [PutMode.casOrOlder]: StoreCommand.cas,
}

export type Written = { mode: number; outcome: number; exptime: number; valueSize: number }

export class WatchWriter {
  readonly #log: WatchLog
  readonly #thread: number
  readonly #nowMs: () => number
  readonly #counts: Float64Array
  readonly #entry = emptyEntry()

  constructor(
    log: WatchLog,
    { thread, counts, nowMs }: { thread: number; counts: Float64Array; nowMs: () => number },
  ) {
    this.#log = log
    this.#thread = thread
    this.#nowMs = nowMs
    this.#counts = counts
  }

  get isWatched(): boolean {
    return this.#log.isWatched
  }

  wants(topic: Topic): boolean {
    return this.#log.wants(topic)
  }

  /** A key was looked up and found. */
  found(fd: number, request: Request, valueSize: number, clientFlags: number): void {
    const slab = slabClass(itemSize(request.keySize, valueSize, clientFlags))
    this.#got(fd, request, { status: GetStatus.found, size: valueSize, slab })
  }

  /** @param miss one of Miss. */
  missed(fd: number, request: Request, miss: number): void {
    this.#got(fd, request, { status: STATUS_OF_MISS[miss]!, size: 0, slab: 0 })
  }

  stored(fd: number, request: Request, written: Written, now: number): void {
    const { mode, outcome, exptime, valueSize } = written
    this.#store(fd, request, {
      status: STATUS_OF_OUTCOME[outcome]!,
      command: COMMAND_OF_MODE[mode]!,
      size: valueSize,
      ttl: exptime === 0 ? 0 : exptime - now,
    })
  }

  /** Never tried: too large, or no memory to receive it. */
  refused(fd: number, request: Request, isTooLarge: boolean): void {
    const status = isTooLarge ? StoreStatus.too_large : StoreStatus.no_memory
    const name = Object.entries(Command).find(([, command]) => command === request.command)?.[0]
    const command = STORE_COMMAND.findIndex(known => known === name)
    const known = command < 0 ? StoreCommand.set : command
    this.#store(fd, request, { status, command: known, size: 0, ttl: 0 })
  }

  deleted(request: Request, valueSize: number, clientFlags: number): void {
    const entry = this.#entry
    entry.kind = LogKind.deleted
    const isMeta = request.command === Command.metaDelete
    entry.command = isMeta ? DeleteCommand.md : DeleteCommand.delete
    entry.size = valueSize
    entry.slab = slabClass(itemSize(request.keySize, valueSize, clientFlags))
    this.#write(request.key, request.keyAt, request.keySize)
  }

  /** `item` can still be read. */
  evicted({ items, bytes, now }: Store, item: number): void {
    if (!this.wants(Topic.evictions)) return
    const entry = this.#entry
    const exptime = items.exptime(item)
    entry.kind = LogKind.eviction
    entry.isFetched = items.isFetched(item)
    entry.ttl = exptime === 0 ? -1 : exptime - now
    entry.idleSeconds = Math.max(0, now - items.lastAccess(item))
    entry.size = items.valueSize(item)
    entry.slab = slabClass(items.memcachedBytes(item))
    this.#write(bytes, items.keyAt(item), items.keySize(item))
  }

  opened(fd: number, peer: string): void {
    this.#connection(LogKind.open, { fd, peer, status: 0 })
  }

  closed(fd: number, peer: string, reason: (typeof CLOSE_REASON)[number]): void {
    this.#connection(LogKind.close, { fd, peer, status: CloseReason[reason] })
  }

  #got(fd: number, request: Request, how: { status: number; size: number; slab: number }): void {
    const entry = this.#entry
    entry.kind = LogKind.get
    entry.fd = fd
    entry.status = how.status
    entry.size = how.size
    entry.slab = how.slab
    this.#write(request.key, request.keyAt, request.keySize)
  }

  #store(
    fd: number,
    request: Request,
    how: { status: number; command: number; size: number; ttl: number },
  ): void {
    const entry = this.#entry
    entry.kind = LogKind.store
    entry.fd = fd
    entry.status = how.status
    entry.command = how.command
    entry.size = how.size
    entry.ttl = how.ttl
    entry.slab = slabClass(itemSize(request.keySize, request.valueSize, request.clientFlags))
    this.#write(request.key, request.keyAt, request.keySize)
  }

  #connection(kind: LogKind, { fd, peer, status }: { fd: number; peer: string; status: number }) {
    const entry = this.#entry
    entry.kind = kind
    entry.fd = fd
    entry.status = status
    const text = Buffer.from(peer, 'latin1')
    this.#write(text, 0, text.length)
  }

  #write(key: Uint8Array, keyAt: number, keySize: number): void {
    const entry = this.#entry
    entry.key = key
    entry.keyAt = keyAt
    entry.keySize = keySize
    this.#log.write(this.#thread, entry, this.#nowMs())
    this.#counts[Counter.logWorkerWritten] = this.#counts[Counter.logWorkerWritten]! + 1
  }
}

function placesOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, place) => [name, place])) as Record<Name, number>
}
