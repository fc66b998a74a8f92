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
 */
const STOP = 0
const CURRENT = 1
const TOTAL = 2
const REJECTED = 3
const RELOADS = 4
const CERTIFICATE_READ = 5
const DENIED = 6

export class Control {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(64)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
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

  /** Counts a connection in; false: the limit is reached, it counts as rejected. */
  admit(limit: number): boolean {
    if (Atomics.add(this.#words, CURRENT, 1) < limit) {
      Atomics.add(this.#words, TOTAL, 1)
      return true
    }
    Atomics.sub(this.#words, CURRENT, 1)
    Atomics.add(this.#words, REJECTED, 1)
    return false
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
