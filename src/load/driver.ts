/**
 * Drives one server with a workload: opens the connections, stores all keys, runs for a time or a
 * number of requests, and says what came back. A closed loop by itself: each of `connections` keeps
 * `depth` requests outstanding, so a slow server is asked less, and latencies do not show what an
 * open arrival of requests would have had to wait. With a rate the loop is open: requests are due
 * at even distances, whether or not earlier ones are answered, and latencies count from there.
 *
 * Nothing that a server does makes it throw once it runs: wrong answers, broken connections and
 * silence are counted in the result. It runs on one event loop; measure in a process of its own.
 */
import { Prng } from '../base/prng.ts'
import { type Greeting, LoadConnection, type Pace } from './connection.ts'
import { RequestBytes } from './request-bytes.ts'
import { type LoadResult, Tally } from './tally.ts'
import {
  checkWhole,
  checkWorkload,
  LimitedSource,
  PreloadSource,
  type RequestSource,
  RequestStream,
  type Workload,
} from './workload.ts'

export interface DriverOptions {
  readonly host: string
  readonly port: number
  /** 1 to 10,000. **Default:** 50. */
  readonly connections?: number
  /** Requests outstanding on each connection: 1 to 1,024. **Default:** 1. */
  readonly depth?: number
  /** A connection or a reply that takes longer is given up: 1 to 600,000. **Default:** 5,000. */
  readonly requestTimeoutMs?: number
  /** Speak TLS, whatever the certificate. **Default:** false. */
  readonly tls?: boolean
  /** A login, say. **Default:** none. */
  readonly greeting?: Greeting
  /** What is not given has the value of `workloadDefaults`. */
  readonly workload?: Partial<Workload>
}

/** How long to run, above 0; `rate`: requests due in a second, all connections together. */
export type RunLimit =
  | { readonly seconds: number; readonly rate?: number }
  | { readonly requests: number }

const CONNECTIONS_MAX = 10_000
const DEPTH_MAX = 1_024
const REQUEST_TIMEOUT_MS_MAX = 600_000
const RATE_MAX = 10_000_000
const SECONDS_MAX = 7 * 24 * 3600
const REQUESTS_MAX = Number.MAX_SAFE_INTEGER
/** All send buffers together; each holds a full pipeline of sets. */
const SEND_BYTES_MAX = 1024 * 1024 * 1024
const RECEIVE_BUFFER_SIZE = 64 * 1024
const TIMEOUT_CHECK_MS = 100

export class LoadDriver {
  readonly #connections: readonly LoadConnection[]
  readonly #workload: Workload
  readonly #streams: readonly RequestStream[]
  #running = false

  private constructor(connections: readonly LoadConnection[], workload: Workload) {
    this.#connections = connections
    this.#workload = workload
    const seeds = new Prng(workload.seed)
    this.#streams = connections.map((_, connection) => {
      const place = { connection, connectionCount: connections.length }
      return new RequestStream(workload, new Prng(seeds.uint32()), place)
    })
  }

  /**
   * Opens all connections.
   * @throws {RangeError} for an option out of range, and the first error of a connection.
   */
  static async open(options: DriverOptions): Promise<LoadDriver> {
    const { host, port, connections = 50, depth = 1, requestTimeoutMs = 5_000 } = options
    const { tls = false, greeting } = options
    checkWhole('port', port, 1, 65_535)
    checkWhole('connections', connections, 1, CONNECTIONS_MAX)
    checkWhole('depth', depth, 1, DEPTH_MAX)
    checkWhole('requestTimeoutMs', requestTimeoutMs, 1, REQUEST_TIMEOUT_MS_MAX)
    const workload = checkWorkload(options.workload ?? {})
    const requests = new RequestBytes(workload)
    const sendBytes = connections * depth * Math.max(requests.setSize, requests.getSize)
    if (sendBytes > SEND_BYTES_MAX) {
      const need = `${connections} connections of depth ${depth} need ${sendBytes} bytes`
      throw new RangeError(`Cannot hold the requests: ${need}, expected ${SEND_BYTES_MAX} at most`)
    }
    const receiveBuffer = Buffer.allocUnsafe(RECEIVE_BUFFER_SIZE)
    const timing = { depth, requestTimeoutMs }
    const shared = { host, port, tls, greeting, ...timing, requests, receiveBuffer }
    const opened = Array.from({ length: connections }, () => new LoadConnection(shared))
    try {
      await Promise.all(opened.map(connection => connection.open()))
    } catch (error) {
      for (const connection of opened) connection.close()
      throw error
    }
    return new LoadDriver(opened, workload)
  }

  /** Stores every key once; compare `stored` with the number of keys. */
  preload(): Promise<LoadResult> {
    const source = new PreloadSource(this.#workload)
    return this.#phase(() => source, Infinity)
  }

  /** Runs the workload; may be called again and goes on where it stopped. */
  run(limit: RunLimit): Promise<LoadResult> {
    if ('requests' in limit) {
      checkWhole('requests', limit.requests, 1, REQUESTS_MAX)
      const budget = { left: limit.requests }
      const limited = this.#streams.map(stream => new LimitedSource(stream, budget))
      return this.#phase(index => limited[index]!, Infinity)
    }
    if (!(limit.seconds > 0 && limit.seconds <= SECONDS_MAX)) {
      const expected = `expected above 0 up to ${SECONDS_MAX}`
      throw new RangeError(`Cannot run for ${limit.seconds} seconds: ${expected}`)
    }
    const { seconds, rate } = limit
    if (rate !== undefined) checkWhole('rate', rate, 1, RATE_MAX)
    return this.#phase(index => this.#streams[index]!, seconds * 1000, rate)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  /** Each connection has its turn, at even distances. */
  #pace(index: number, startedAtMs: number, rate: number | undefined): Pace | null {
    if (rate === undefined) return null
    const count = this.#connections.length
    return { firstDueMs: startedAtMs + (index * 1000) / rate, intervalMs: (count * 1000) / rate }
  }

  async #phase(
    sourceOf: (index: number) => RequestSource,
    durationMs: number,
    rate?: number,
  ): Promise<LoadResult> {
    if (this.#running) throw new Error('Cannot start a run: another one is under way')
    this.#running = true
    const tally = new Tally()
    const startedAtMs = performance.now()
    const stopAtMs = startedAtMs + durationMs
    const timer = setInterval(() => {
      const nowMs = performance.now()
      for (const connection of this.#connections) connection.checkTimeout(nowMs)
    }, TIMEOUT_CHECK_MS)
    const started = this.#connections.map((connection, index) =>
      connection.start(sourceOf(index), tally, stopAtMs, this.#pace(index, startedAtMs, rate)),
    )
    let isPaced = rate !== undefined
    const sendDue = (): void => {
      if (!isPaced) return
      const nowMs = performance.now()
      for (const connection of this.#connections) connection.sendDue(nowMs)
      // A timer's millisecond would bunch what is due.
      setImmediate(sendDue)
    }
    sendDue()
    try {
      await Promise.all(started)
    } finally {
      isPaced = false
      clearInterval(timer)
      this.#running = false
    }
    const plannedMs = Number.isFinite(stopAtMs) ? stopAtMs : startedAtMs
    const endedAtMs = Math.max(tally.lastReplyAtMs, plannedMs)
    return tally.result((endedAtMs - startedAtMs) / 1000)
  }
}
