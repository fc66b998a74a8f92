/** What is tried: a cache of some size that answers requests of a trace. */
import type { Op, TraceRequest } from './trace-request.ts'

/** Requests hold what the answers are about; `now` is the trace's time, moved on by the owner. */
export interface SimCache {
  /** Seconds; it stands still or goes on. */
  setTime(seconds: number): void
  /** Whether the key is there. */
  get(request: TraceRequest): boolean
  /** By the request's op, or as `op` says. */
  put(request: TraceRequest, op: Op): void
  remove(request: TraceRequest): void
  touch(request: TraceRequest): void
  count(request: TraceRequest, up: boolean): void
  /** Items now there, those that nobody has seen expire included. */
  readonly items: number
  /** Items dropped to make room. */
  readonly evictions: number
  /** Gives its memory back. */
  close(): void
}
