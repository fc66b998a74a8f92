/** What is in a trace, found out before anything is tried on it; bad lines are found here too. */
import { KeyHash } from '../store/hash.ts'
import { KeyTable, NONE } from './key-table.ts'
import { readTrace, type TraceSource } from './trace-source.ts'
import { isFilling, isRead, OP_NAMES, type TraceRequest } from './trace-request.ts'

export type Survey = {
  requests: number
  gets: number
  /** Requests that store, by themselves. */
  fills: number
  /** By op, in the order of OP_NAMES. */
  ops: readonly number[]
  badLines: number
  /** Seconds from the first request to the last. */
  seconds: number
  /** Keys, and bytes of all of them with their largest values; 0 when not asked for. */
  keys: number
  keyBytes: number
  valueBytes: number
}

class Surveyor {
  readonly ops = new Float64Array(OP_NAMES.length)
  readonly #table: KeyTable | undefined
  readonly #hash = new KeyHash(0x6d656d72, 0x696e6721, 0x73757276, 0x65796564)
  #first = -1
  #last = -1
  #keyBytes = 0
  #valueBytes = 0

  constructor(countKeys: boolean) {
    if (countKeys) this.#table = new KeyTable()
  }

  see(request: TraceRequest): void {
    if (this.#first < 0) this.#first = request.time
    if (request.time > this.#last) this.#last = request.time
    this.ops[request.op] = this.ops[request.op]! + 1
    if (this.#table) this.#seeKey(this.#table, request)
  }

  result(badLines: number): Survey {
    const ops = [...this.ops]
    const total = (isCounted: (op: never) => boolean): number =>
      ops.reduce((sum, n, op) => (isCounted(op as never) ? sum + n : sum), 0)
    return {
      requests: total(() => true),
      gets: total(isRead),
      fills: total(isFilling),
      ops,
      badLines,
      seconds: this.#last - this.#first,
      keys: this.#table?.count ?? 0,
      keyBytes: this.#keyBytes,
      valueBytes: this.#valueBytes,
    }
  }

  #seeKey(table: KeyTable, { key, keyAt, keySize, valueSize }: TraceRequest): void {
    this.#hash.of(key, keyAt, keySize)
    const { bucket, tag } = this.#hash
    let entry = table.find(bucket, tag)
    if (entry === NONE) {
      entry = table.add(bucket, tag)
      table.set(entry, 0, 0)
      this.#keyBytes += keySize
    }
    const before = table.bytesOf(entry)
    if (valueSize <= before) return
    this.#valueBytes += valueSize - before
    table.set(entry, valueSize, 0)
  }
}

/** @param countKeys costs 24 to 48 bytes of memory a key: tables double. */
export async function survey(source: TraceSource, countKeys: boolean): Promise<Survey> {
  const surveyor = new Surveyor(countKeys)
  const badLines = await readTrace(source, request => surveyor.see(request))
  return surveyor.result(badLines)
}
