/**
 * The thread that accepts connections and deals them out round-robin, as memcached does: a router
 * holds few, long-lived connections, and each data thread must get its share of them.
 *
 *   listening sockets ─┐
 *   eventfd (stop) ────┴─▶ poll ─▶ accept4 ─▶ over the limit? refuse : deal to the next data thread
 *
 * Where connections over the limit are not to be refused, nothing is accepted while it is reached:
 * they wait in the kernel. So they do while the process is out of descriptors.
 *
 * It blocks inside poll on purpose; main ends it with the stop word and the eventfd.
 */
import { AllowList } from './allow-list.ts'
import { Control } from './control.ts'
import type { Dealt, Lane } from './data-thread.ts'
import { DescriptorQueue } from './descriptor-queue.ts'
import { Errno } from './errno.ts'
import { type Kernel, loadKernel } from './kernel.ts'
import type { Secure } from './transport.ts'

export type AcceptorTask = {
  control: SharedArrayBuffer
  listeners: readonly Listener[]
  eventfd: number
  connectionLimit: number
  /** Over the limit: refuse at once, or let them wait until there is room. */
  refusesOverLimit: boolean
  /** Networks that connections may come from; undefined: any. */
  allow: readonly string[] | undefined
  /** Sent to a connection over the limit, before it is closed. */
  refusal: Uint8Array
  /** One for each data thread, by groups of threads. */
  lanes: readonly (readonly Lane[])[]
}

export type Listener = { fd: number; secure: Secure | undefined; group: number }

/** Accepted in one go before other listeners get their turn. */
const ACCEPT_BATCH = 64
/** Out of descriptors: closing connections must get a chance before the next try. */
const EXHAUSTED_PAUSE_MS = 50
/** At the limit: how soon a connection that closes is noticed. */
const FULL_HOUSE_PAUSE_MS = 10
/** All data threads have more than they can take up: they get a moment. */
const FULL_PAUSE_MS = 1

export default function runAcceptor(task: AcceptorTask): void {
  const kernel = loadKernel()!
  const control = new Control(task.control)
  const allowed = task.allow && new AllowList(task.allow)
  const waiting = [task.eventfd, ...task.listeners.map(({ fd }) => fd)]
  const ready: boolean[] = []
  const groups = task.lanes.map(lanes => new DealerGroup(lanes.map(lane => dealerOf(lane, kernel))))
  const gate = new Gate(control)
  let pauseMs = 0

  const isFull = (): boolean => {
    return !task.refusesOverLimit && control.connections >= task.connectionLimit
  }

  const acceptFrom = (listener: Listener): void => {
    const group = groups[listener.group]!
    for (let i = 0; i < ACCEPT_BATCH; i += 1) {
      if (isFull()) {
        gate.shut()
        pauseMs = FULL_HOUSE_PAUSE_MS
        return
      }
      const fd = kernel.accept(listener.fd)
      if (fd === -Errno.EMFILE || fd === -Errno.ENFILE) {
        gate.shut()
        pauseMs = EXHAUSTED_PAUSE_MS
        return
      }
      gate.open()
      // Anything else (EAGAIN, a peer that has gone already) is over with this try.
      if (fd < 0) return
      if (allowed && !allowed.allows(kernel.peerOf(fd))) {
        // Before anything is read of it, and without a word.
        kernel.close(fd)
        control.deny()
        continue
      }
      if (!control.admit(task.connectionLimit)) {
        kernel.sendAndClose(fd, task.refusal)
        continue
      }
      let dealer = group.choose()
      while (dealer === undefined && !control.isStopping) {
        kernel.poll([task.eventfd], FULL_PAUSE_MS, ready)
        dealer = group.choose()
      }
      if (dealer === undefined) {
        kernel.close(fd)
        control.leave()
        return
      }
      dealer.deal(fd, listener.secure)
    }
  }

  while (!control.isStopping) {
    if (pauseMs > 0) {
      kernel.poll([task.eventfd], pauseMs, ready)
      if (isFull()) continue
      pauseMs = 0
      gate.openIfFewer()
      continue
    }
    kernel.poll(waiting, -1, ready)
    task.listeners.forEach((listener, i) => {
      if (ready[i + 1]) acceptFrom(listener)
    })
  }
  for (const group of groups) group.end()
}

/** Whether connections are accepted, as statistics tell it. */
class Gate {
  readonly #control: Control
  /** -1: it is open. */
  #shutAtMs = -1
  #connections = 0

  constructor(control: Control) {
    this.#control = control
  }

  shut(): void {
    if (this.#shutAtMs >= 0) return
    this.#shutAtMs = performance.now()
    this.#connections = this.#control.connections
    this.#control.holdOff()
  }

  open(): void {
    if (this.#shutAtMs < 0) return
    this.#control.acceptAgain((performance.now() - this.#shutAtMs) * 1000)
    this.#shutAtMs = -1
  }

  /** One that closes makes room, whether or not somebody waits for it. */
  openIfFewer(): void {
    if (this.#control.connections < this.#connections) this.open()
  }
}

class DealerGroup {
  readonly #dealers: readonly Dealer[]
  #next = 0

  constructor(dealers: readonly Dealer[]) {
    this.#dealers = dealers
  }

  /** The data thread whose turn it is, or the next one that has room. */
  choose(): Dealer | undefined {
    for (let tries = 0; tries < this.#dealers.length; tries += 1) {
      const dealer = this.#dealers[this.#next]!
      this.#next = (this.#next + 1) % this.#dealers.length
      if (!dealer.isFull()) return dealer
    }
    return undefined
  }

  end(): void {
    for (const dealer of this.#dealers) dealer.end()
  }
}

type Dealer = {
  isFull(): boolean
  deal(fd: number, secure: Secure | undefined): void
  end(): void
}

function dealerOf(lane: Lane, kernel: Kernel): Dealer {
  if ('postMessage' in lane) {
    return {
      isFull: () => false,
      deal: (fd, secure) => lane.postMessage({ fd, secure } satisfies Dealt),
      end: () => lane.close(),
    }
  }
  const queue = new DescriptorQueue(lane.queue)
  return {
    isFull: () => queue.isFull,
    deal: fd => {
      queue.put(fd)
      kernel.signal(lane.eventfd)
    },
    end: () => {},
  }
}
