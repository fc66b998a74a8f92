/**
 * What one phase of a load run has counted, over all its connections, and the plain object that
 * is made of it in the end. Complaints are grouped by kind; the number of kinds is bounded, because
 * a server may answer anything.
 */
import { Histogram } from '../base/histogram.ts'
import { Outcome } from './reply-scanner.ts'

const COMPLAINT_KINDS_MAX = 32
const OTHER_KIND = 'other complaints'

export interface LatencyResult {
  readonly meanUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
}

export interface OperationResult {
  readonly count: number
  readonly perSecond: number
  readonly latency: LatencyResult
}

export interface Complaint {
  readonly kind: string
  readonly count: number
  /** The first one of this kind. */
  readonly example: string
}

export interface LoadResult {
  /** From the first request to the last reply, or to the end of the time given if that is later. */
  readonly seconds: number
  /** Requests that were answered, rightly or not. */
  readonly total: OperationResult
  readonly sets: OperationResult
  readonly gets: OperationResult
  readonly hits: number
  readonly misses: number
  readonly stored: number
  /** Requests answered with an error, or with something that was not as it should be. */
  readonly errors: number
  /** Requests sent and never answered: their connection broke or they took too long. */
  readonly lost: number
  /** How often a connection broke, was given up or could not be made again. */
  readonly connectionsLost: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly complaints: readonly Complaint[]
}

export class Tally {
  bytesSent = 0
  bytesReceived = 0
  lost = 0
  connectionsLost = 0
  readonly #outcomes = new Float64Array(Object.keys(Outcome).length)
  readonly #setLatency = new Histogram()
  readonly #getLatency = new Histogram()
  readonly #complaints = new Map<string, { count: number; readonly example: string }>()
  #lastReplyAtMs = 0

  count(outcome: Outcome): number {
    return this.#outcomes[outcome]!
  }

  get lastReplyAtMs(): number {
    return this.#lastReplyAtMs
  }

  addReply(outcome: Outcome, isSet: boolean, sentAtMs: number, nowMs: number): void {
    this.#outcomes[outcome] = this.#outcomes[outcome]! + 1
    const latency = isSet ? this.#setLatency : this.#getLatency
    latency.record((nowMs - sentAtMs) * 1000)
    this.#lastReplyAtMs = nowMs
  }

  addComplaint(kind: string, example: string): void {
    const known = this.#complaints.get(kind)
    if (known !== undefined) {
      known.count += 1
    } else if (this.#complaints.size < COMPLAINT_KINDS_MAX - 1 || kind === OTHER_KIND) {
      this.#complaints.set(kind, { count: 1, example })
    } else {
      this.addComplaint(OTHER_KIND, `${kind}: ${example}`)
    }
  }

  result(seconds: number): LoadResult {
    const latency = new Histogram()
    latency.merge(this.#setLatency)
    latency.merge(this.#getLatency)
    return {
      seconds,
      total: operationResult(latency, seconds),
      sets: operationResult(this.#setLatency, seconds),
      gets: operationResult(this.#getLatency, seconds),
      hits: this.count(Outcome.hit),
      misses: this.count(Outcome.miss),
      stored: this.count(Outcome.stored),
      errors: this.count(Outcome.error),
      lost: this.lost,
      connectionsLost: this.connectionsLost,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      complaints: [...this.#complaints].map(([kind, { count, example }]) => ({
        kind,
        count,
        example,
      })),
    }
  }
}

function operationResult(latency: Histogram, seconds: number): OperationResult {
  return {
    count: latency.count,
    perSecond: seconds > 0 ? latency.count / seconds : 0,
    latency: {
      meanUs: latency.mean,
      p50Us: latency.percentile(50),
      p99Us: latency.percentile(99),
      p999Us: latency.percentile(99.9),
      maxUs: latency.max,
    },
  }
}
