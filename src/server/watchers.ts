/**
 * The watchers of one thread: reads the rings of all threads, from time to time while somebody
 * watches, and says to each what it wants to hear. A watcher that does not take it gets at most a
 * buffer's worth kept; what does not fit is left out, and counted to it as `skipped=`.
 */
import { latin1 } from '../base/bytes.ts'
import { Counter } from '../observe/counters.ts'
import { REPLY_ROOM } from '../protocol/output.ts'
import type { Session } from '../session/session.ts'
import { logLine } from './watch-lines.ts'
import { emptyRecord, type Topic, topicOf, type WatchLog, type WatchReader } from './watch-log.ts'

/** Between two looks: soon after something was found, later and later after nothing was. */
const POLL_MIN_MS = 1
const POLL_MAX_MS = 64
/** Looked at in one go; then others have their turn. */
const RECORDS_PER_POLL = 1000
/** Room that memcached keeps free behind a line. */
const SPARE_BYTES = 128

type Watcher = {
  session: Session
  topics: ReadonlySet<Topic>
  lines: string[]
  bytes: number
  skipped: number
}

export type WatchersOptions = {
  log: WatchLog
  /** This thread's counters. */
  counts: Float64Array
  /** What is kept for a watcher that is behind. */
  bufferBytes: number
  after: (ms: number, call: () => void) => void
}

export class Watchers {
  readonly #options: WatchersOptions
  readonly #watchers = new Map<Session, Watcher>()
  readonly #record = emptyRecord()
  #readers: WatchReader[] = []
  #pauseMs = POLL_MIN_MS
  #isWaiting = false

  constructor(options: WatchersOptions) {
    this.#options = options
  }

  /** False: there are too many already. */
  add(session: Session, topics: ReadonlySet<Topic>): boolean {
    const { log } = this.#options
    if (!log.join(topics)) return false
    if (this.#watchers.size === 0) {
      this.#readers = Array.from({ length: log.threads }, (_, thread) => log.reader(thread))
    } else {
      // What happened before is not for the new one.
      this.#read(Number.POSITIVE_INFINITY)
    }
    this.#watchers.set(session, { session, topics, lines: [], bytes: 0, skipped: 0 })
    this.#pauseMs = POLL_MIN_MS
    this.#wait()
    return true
  }

  /** The connection of a session, watcher or not, is gone. */
  closed(session: Session): void {
    const watcher = this.#watchers.get(session)
    if (watcher === undefined) return
    this.#watchers.delete(session)
    this.#options.log.leave(watcher.topics)
  }

  #wait(): void {
    if (this.#isWaiting || this.#watchers.size === 0) return
    this.#isWaiting = true
    this.#options.after(this.#pauseMs, () => {
      this.#isWaiting = false
      const found = this.#read(RECORDS_PER_POLL)
      for (const watcher of this.#watchers.values()) this.#tell(watcher)
      this.#pauseMs = found ? POLL_MIN_MS : Math.min(this.#pauseMs * 2, POLL_MAX_MS)
      this.#wait()
    })
  }

  #read(limit: number): boolean {
    let left = limit
    for (const reader of this.#readers) {
      while (left > 0 && reader.next(this.#record)) {
        left -= 1
        this.#keep()
      }
      if (reader.lost > 0) this.#noteLost(reader)
    }
    return left < limit
  }

  #keep(): void {
    const topic = topicOf(this.#record.kind)
    let line: string | undefined
    for (const watcher of this.#watchers.values()) {
      if (!watcher.topics.has(topic)) continue
      line ??= logLine(this.#record)
      if (watcher.bytes + line.length + SPARE_BYTES > this.#options.bufferBytes) {
        // Perhaps it takes something now.
        this.#tell(watcher)
      }
      if (watcher.bytes + line.length + SPARE_BYTES > this.#options.bufferBytes) {
        this.#skip(watcher, 1)
        continue
      }
      this.#sayWhatWasSkipped(watcher)
      this.#push(watcher, line)
      this.#count(Counter.logWatcherSent, 1)
    }
  }

  #sayWhatWasSkipped(watcher: Watcher): void {
    if (watcher.skipped === 0) return
    this.#push(watcher, `skipped=${watcher.skipped}\n`)
    watcher.skipped = 0
  }

  #noteLost(reader: WatchReader): void {
    this.#count(Counter.logWorkerDropped, reader.lost)
    for (const watcher of this.#watchers.values()) this.#skip(watcher, reader.lost)
    reader.lost = 0
  }

  #push(watcher: Watcher, line: string): void {
    watcher.lines.push(line)
    watcher.bytes += line.length
  }

  #skip(watcher: Watcher, records: number): void {
    watcher.skipped += records
    this.#count(Counter.logWatcherSkipped, records)
  }

  /** As much as the peer takes. */
  #tell(watcher: Watcher): void {
    const { session, lines } = watcher
    const { output } = session
    let said = 0
    while (said < lines.length && session.canHear) {
      while (said < lines.length && output.room >= REPLY_ROOM) {
        const line = lines[said]!
        output.put(latin1(line))
        watcher.bytes -= line.length
        said += 1
      }
      session.say()
    }
    if (said > 0) lines.splice(0, said)
  }

  #count(counter: Counter, n: number): void {
    const { counts } = this.#options
    counts[counter] = counts[counter]! + n
  }
}
