// Drives caches as an application does that reads through them: a batch of gets, then sets of what
// was not there (noreply) ahead of the next batch. All servers get the same batch at the same time,
// and the next one once all have answered, so that a value lives for as many requests everywhere.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CacheRequest, type CacheStream, VALUE_SIZE_MAX } from '../../src/sim/workloads.ts'

export interface CacheAsideOptions {
  readonly requests: number
  /** Requests before counting begins. */
  readonly warmup: number
  /** Requests a second; 0: as fast as the slowest server answers. */
  readonly rate: number
}

export interface CacheAsideResult {
  /** Of each server, in the order given: the share of requests that found nothing. */
  readonly missRatios: readonly number[]
  readonly requestsPerSecond: number
}

const BATCH = 256
const CONNECT_TIMEOUT_MS = 5_000
const REPLY_TIMEOUT_MS = 60_000
const CR = 0x0d
const LF = 0x0a
const LETTER = { E: 0x45, V: 0x56 } as const
const FILLER = Buffer.alloc(VALUE_SIZE_MAX, 'v').toString('latin1')

export class CacheClient {
  /** Requests of the last batch that found nothing. */
  readonly missed = new Uint8Array(BATCH)
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #batch: readonly CacheRequest[] = []
  #answered = 0
  #valueSeen = false
  #resolve: (() => void) | null = null
  #reject: ((error: Error) => void) | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => this.#receive(piece))
    socket.on('error', error => this.#fail(error.message))
    socket.on('end', () => this.#fail('the server has closed the connection'))
    socket.setTimeout(REPLY_TIMEOUT_MS, () => this.#fail('no reply came in time'))
  }

  static open(port: number): Promise<CacheClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, timeout: CONNECT_TIMEOUT_MS })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new CacheClient(socket))
      })
    })
  }

  close(): void {
    this.#socket.removeAllListeners('end')
    this.#socket.destroy()
  }

  /** Reads a batch of keys; sets what the batch before did not find first. */
  read(batch: readonly CacheRequest[]): Promise<void> {
    const pieces = this.#batch.flatMap((request, at) => (this.missed[at] ? setText(request) : []))
    for (const { key } of batch) pieces.push(`get k${key}\r\n`)
    // Copies: the stream writes into the same objects again.
    this.#batch = batch.map(request => ({ ...request }))
    this.#answered = 0
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(pieces.join(''), 'latin1')
    })
  }

  #fail(reason: string): void {
    this.#reject?.(new Error(`Cannot read from a cache: ${reason}`))
    this.#reject = null
    this.#resolve = null
  }

  #receive(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    let at = 0
    while (at < bytes.length) {
      const next = this.#step(bytes, at)
      if (next === at) break
      at = next
    }
    this.#rest = bytes.subarray(at)
    if (this.#answered < this.#batch.length) return
    this.#resolve?.()
    this.#resolve = null
    this.#reject = null
  }

  /** Takes one line, with the value behind it; `at` again when it is not there as a whole. */
  #step(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at)
    if (end < 0) return at
    const isEnd = bytes[at] === LETTER.E && end - at === 4 && bytes[end - 1] === CR
    if (isEnd && this.#answered < this.#batch.length) {
      this.missed[this.#answered] = this.#valueSeen ? 0 : 1
      this.#answered += 1
      this.#valueSeen = false
      return end + 1
    }
    const request = this.#batch[this.#answered]
    const line = bytes.toString('latin1', at, Math.min(end - 1, at + 80))
    const expected = `VALUE k${request?.key} 0 ${request?.valueSize}`
    if (bytes[at] !== LETTER.V || line !== expected || this.#valueSeen) {
      this.#fail(`got "${line}", expected "${expected}" or "END"`)
      return at
    }
    const next = end + 1 + request!.valueSize + 2
    if (next > bytes.length) return at
    this.#valueSeen = true
    return next
  }
}

function setText({ key, valueSize, lifetime }: CacheRequest): string {
  const value = FILLER.slice(0, valueSize)
  return `set k${key} 0 ${lifetime} ${valueSize} noreply\r\n${value}\r\n`
}

/** @throws when a server answers anything but what it was given, or nothing. */
export async function runCacheAside(
  ports: readonly number[],
  stream: CacheStream,
  options: CacheAsideOptions,
): Promise<CacheAsideResult> {
  const clients = await Promise.all(ports.map(port => CacheClient.open(port)))
  const misses = ports.map(() => 0)
  const batch = Array.from({ length: BATCH }, () => ({ key: 0, valueSize: 0, lifetime: 0 }))
  const start = performance.now()
  let counted = 0
  try {
    for (let done = 0; done < options.requests; done += BATCH) {
      if (options.rate > 0) await pace(start, done, options.rate)
      for (const request of batch) stream.next(request)
      await Promise.all(clients.map(client => client.read(batch)))
      if (done < options.warmup) continue
      counted += BATCH
      for (const [at, { missed }] of clients.entries()) {
        misses[at] = missed.reduce((sum, flag) => sum + flag, misses[at] ?? 0)
      }
    }
  } finally {
    for (const client of clients) client.close()
  }
  if (counted === 0) throw new RangeError('Cannot count misses: the warm-up was all there was')
  const seconds = (performance.now() - start) / 1000
  return {
    missRatios: misses.map(count => count / counted),
    requestsPerSecond: options.requests / seconds,
  }
}

async function pace(start: number, done: number, rate: number): Promise<void> {
  const early = start + (done / rate) * 1000 - performance.now()
  if (early > 1) await sleep(early)
}
