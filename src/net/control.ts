/**
 * Words that the threads of one process share, beside their data: who may run on, and how many
 * connections there are. A SharedArrayBuffer, so that it serves with and without koffi.
 *
 *   0 stop: 0 run, 1 finish and return        main writes, all read after every wait
 *   1 current connections                     acceptor adds, data threads subtract, atomically
 *   2 total  3 rejected                       acceptor adds
 *   4 reloads asked for                       data threads add, main reads
 *   5 certificate read, seconds               main writes
 *   6 denied: not on the allow list           acceptor adds
 *   7 accepting: 0 yes, 1 not now  8 how often not       acceptor writes
 *   9 another limit of connections, 0: as at the start   main writes
 *   10–11 how long not, in microseconds (float64)        acceptor writes
 *   12–21 what 2, 3, 6, 8 and 10 were at the last reset (float64)     data threads write
 */
const STOP = 0
const CURRENT = 1
const TOTAL = 2
const REJECTED = 3
const RELOADS = 4
const CERTIFICATE_READ = 5
const DENIED = 6
const HELD_OFF = 7
const HELD_OFF_COUNT = 8
const LIMIT = 9
/** Of float64s. */
const HELD_OFF_MICROSECONDS = 5
const BASELINE = 6
const CONTROL_BYTES = 192

type Counted = [number, number, number, number, number]

/** What connections came to since the last `stats reset`. */
export type ConnectionStatistics = {
  total: number
  rejected: number
  denied: number
  /** How often nothing was accepted for a while, and for how long in all, once that was over. */
  heldOff: number
  heldOffMicroseconds: number
}

export class Control {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #floats: Float64Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BYTES)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer)
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1)
  }

  get isStopping(): boolean {
    return Atomics.load(this.#words, STOP) !== 0
  }

  get connections(): number {
    return Atomics.load(this.#words, CURRENT)
  }

  get totalConnections(): number {
    return Atomics.load(this.#words, TOTAL)
  }

  get rejectedConnections(): number {
    return Atomics.load(this.#words, REJECTED)
  }

  /** Connections from where none are allowed. */
  get deniedConnections(): number {
    return Atomics.load(this.#words, DENIED)
  }

  deny(): void {
    Atomics.add(this.#words, DENIED, 1)
  }

  /** From now on, instead of what threads were started with. */
  set connectionLimit(limit: number) {
    Atomics.store(this.#words, LIMIT, limit)
  }

  /**
   * Counts a connection in; false: the limit is reached, it counts as rejected.
   * @param limit what goes if no other was set meanwhile.
   */
  admit(limit: number): boolean {
    const now = Atomics.load(this.#words, LIMIT) || limit
    if (Atomics.add(this.#words, CURRENT, 1) < now) {
      Atomics.add(this.#words, TOTAL, 1)
      return true
    }
    Atomics.sub(this.#words, CURRENT, 1)
    Atomics.add(this.#words, REJECTED, 1)
    return false
  }

  /** Whether connections are accepted, or wait in the kernel because there are too many. */
  get isAccepting(): boolean {
    return Atomics.load(this.#words, HELD_OFF) === 0
  }

  get statistics(): ConnectionStatistics {
    const [total, rejected, denied, heldOff, microseconds] = this.#counted().map(
      (count, i) => count - this.#floats[BASELINE + i]!,
    ) as Counted
    const heldOffMicroseconds = Math.round(microseconds)
    return { total, rejected, denied, heldOff, heldOffMicroseconds }
  }

  resetStatistics(): void {
    this.#floats.set(this.#counted(), BASELINE)
  }

  holdOff(): void {
    Atomics.store(this.#words, HELD_OFF, 1)
    Atomics.add(this.#words, HELD_OFF_COUNT, 1)
  }

  acceptAgain(afterMicroseconds: number): void {
    this.#floats[HELD_OFF_MICROSECONDS] = this.#floats[HELD_OFF_MICROSECONDS]! + afterMicroseconds
    Atomics.store(this.#words, HELD_OFF, 0)
  }

  #counted(): Counted {
    return [
      this.totalConnections,
      this.rejectedConnections,
      this.deniedConnections,
      Atomics.load(this.#words, HELD_OFF_COUNT),
      this.#floats[HELD_OFF_MICROSECONDS]!,
    ]
  }

  /** Has main read its files again, as SIGHUP does. */
  askReload(): void {
    Atomics.add(this.#words, RELOADS, 1)
  }

  get reloadsAsked(): number {
    return Atomics.load(this.#words, RELOADS)
  }

  /** When the certificate was read, in seconds of the process's clock. */
  get certificateReadAt(): number {
    return Atomics.load(this.#words, CERTIFICATE_READ)
  }

  set certificateReadAt(seconds: number) {
    Atomics.store(this.#words, CERTIFICATE_READ, seconds)
  }

  leave(): void {
    Atomics.sub(this.#words, CURRENT, 1)
  }
}
