/** Synthetic traces: the workloads as requests, shown to a visitor or written to a file. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { putUint } from '../base/bytes.ts'
import { newRequest, Op, type TraceRequest, type Visit } from './trace-request.ts'
import { type CacheRequest, type CacheStream, cacheWorkloads } from './workloads.ts'

export type Generated = {
  kind: 'generated'
  workload: string
  requests: number
  seed: number
  /** Requests in a second of the trace. */
  rate: number
  /** Of the number of keys: 1 is a million. */
  scale: number
}

const KEY_LETTER = 0x6b
const LINES_PER_PIECE = 4096

/** Writes the requests of a workload one after the other into one object. */
class Requests {
  readonly request: TraceRequest = newRequest()
  readonly #drawn: CacheRequest = { key: 0, valueSize: 0, lifetime: 0 }
  readonly #stream: CacheStream
  readonly #rate: number
  #count = 0

  /** @throws RangeError when there is no such workload. */
  constructor({ workload, seed, scale, rate }: Generated) {
    const found = cacheWorkloads.find(({ name }) => name === workload)
    if (found === undefined) throw new RangeError(`Cannot generate "${workload}": no such workload`)
    this.#stream = found.open(seed, scale)
    this.#rate = rate
    this.request.op = Op.get
  }

  next(): TraceRequest {
    const { request } = this
    const drawn = this.#drawn
    this.#stream.next(drawn)
    request.time = Math.floor(this.#count / this.#rate)
    request.key[0] = KEY_LETTER
    request.keySize = putUint(request.key, 1, drawn.key)
    request.valueSize = drawn.valueSize
    request.lifetime = drawn.lifetime
    this.#count += 1
    return request
  }
}

export function generate(source: Generated, visit: Visit): void {
  const requests = new Requests(source)
  for (let i = 0; i < source.requests; i += 1) visit(requests.next())
}

/** As plain text, packed if the file's name says so. */
export async function writeTrace(source: Generated, path: string): Promise<void> {
  const text = Readable.from(pieces(source), { objectMode: false })
  const file = createWriteStream(path)
  if (path.endsWith('.gz')) await pipeline(text, createGzip(), file)
  else await pipeline(text, file)
}

function* pieces(source: Generated): Generator<Buffer> {
  const requests = new Requests(source)
  for (let written = 0; written < source.requests; ) {
    const lines: string[] = []
    for (; lines.length < LINES_PER_PIECE && written < source.requests; written += 1) {
      const { time, key, keySize, valueSize, lifetime } = requests.next()
      const name = Buffer.from(key.buffer, 0, keySize).toString('latin1')
      lines.push(`${time},${name},${valueSize},get,${lifetime}\n`)
    }
    yield Buffer.from(lines.join(''), 'latin1')
  }
}
