/**
 * How long an address has to wait before its next attempt to log in is looked at. A few failures
 * are free; each one after that doubles the wait. Attempts of one address wait one behind another,
 * however many connections they come over. A success shortens nothing: whoever has an account could
 * buy guesses with it. Failures are forgotten one by one as time goes by.
 *
 * Bounded: the address that has been quiet longest makes room for a new one.
 */
/** The longest wait, if nobody says otherwise. */
export const LOGIN_WAIT_MS = 3200
const FREE_FAILURES = 5
const FIRST_WAIT_MS = 100
const FORGET_MS = 20_000
const ADDRESSES_MAX = 4096
/** Of one address, waiting at once; what comes on top is turned away. */
const WAITING_MAX = 8

type Record = { failures: number; failedAtMs: number; nextAtMs: number; waiting: number }

export class SlowDown {
  readonly #waitMaxMs: number
  readonly #records = new Map<string, Record>()

  /** @param waitMaxMs the longest wait between two attempts; 0 switches all of this off. */
  constructor(waitMaxMs: number) {
    this.#waitMaxMs = waitMaxMs
  }

  get size(): number {
    return this.#records.size
  }

  /** Milliseconds to wait before the attempt is looked at; -1: it is not going to be. */
  begin(address: string, nowMs: number): number {
    const record = this.#records.get(address)
    if (record === undefined) return 0
    this.#forget(record, nowMs)
    const step = this.#stepMs(record.failures)
    if (step === 0 && record.waiting === 0) return 0
    if (record.waiting >= WAITING_MAX) return -1
    record.nextAtMs = Math.max(nowMs, record.nextAtMs) + step
    record.waiting += 1
    return record.nextAtMs - nowMs
  }

  /** The wait that `begin` asked for is over. */
  waited(address: string): void {
    const record = this.#records.get(address)
    if (record) record.waiting = Math.max(0, record.waiting - 1)
  }

  failed(address: string, nowMs: number): void {
    if (this.#waitMaxMs === 0) return
    const record = this.#records.get(address) ?? {
      failures: 0,
      failedAtMs: nowMs,
      nextAtMs: 0,
      waiting: 0,
    }
    this.#forget(record, nowMs)
    record.failures += 1
    record.failedAtMs = nowMs
    this.#records.delete(address)
    this.#records.set(address, record)
    if (this.#records.size > ADDRESSES_MAX) this.#evict()
  }

  #stepMs(failures: number): number {
    if (failures < FREE_FAILURES) return 0
    return Math.min(this.#waitMaxMs, FIRST_WAIT_MS * 2 ** Math.min(20, failures - FREE_FAILURES))
  }

  #forget(record: Record, nowMs: number): void {
    const periods = Math.floor((nowMs - record.failedAtMs) / FORGET_MS)
    if (periods <= 0) return
    record.failures = Math.max(0, record.failures - periods)
    record.failedAtMs += periods * FORGET_MS
  }

  #evict(): void {
    for (const [address, { waiting }] of this.#records) {
      if (waiting > 0) continue
      this.#records.delete(address)
      return
    }
  }
}

/**
 * Who a peer is for this purpose: its address without the port, IPv4 out of its IPv6 wrapping, and
 * of IPv6 the network: one customer has 2^64 addresses.
 */
export function sourceOf(peer: string): string {
  const colon = peer.lastIndexOf(':')
  const address = (colon < 0 ? peer : peer.slice(0, colon)).replace(/^\[|\]$/g, '').toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  if (mapped) return mapped[1]!
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const front = head.split(':').filter(group => group !== '')
  const back = (tail ?? '').split(':').filter(group => group !== '')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return `${groups.slice(0, 4).join(':')}::/64`
}
