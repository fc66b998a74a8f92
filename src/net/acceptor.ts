/**
 * The thread that accepts connections and deals them out round-robin, as memcached does: a router
 * holds few, long-lived connections, and each data thread must get its share of them.
 *
 *   listening sockets ─┐
 *   eventfd (stop) ────┴─▶ poll ─▶ accept4 ─▶ over the limit? refuse : post to the next data thread
 *
 * It blocks inside poll on purpose; main ends it with the stop word and the eventfd.
 */
import type { MessagePort } from 'node:worker_threads'
import { Control } from './control.ts'
import { Errno, loadKernel } from './kernel.ts'

export type AcceptorTask = {
  control: SharedArrayBuffer
  listeners: readonly number[]
  eventfd: number
  connectionLimit: number
  /** Sent to a connection over the limit, before it is closed. */
  refusal: Uint8Array
  /** One for each data thread: a posted number is an accepted descriptor. */
  ports: readonly MessagePort[]
}

/** Accepted in one go before other listeners get their turn. */
const ACCEPT_BATCH = 64
/** Out of descriptors: closing connections must get a chance before the next try. */
const EXHAUSTED_PAUSE_MS = 50

export function runAcceptor(task: AcceptorTask): void {
  const kernel = loadKernel()!
  const control = new Control(task.control)
  const waiting = [task.eventfd, ...task.listeners]
  const ready: boolean[] = []
  let turn = 0
  let exhausted = false

  const acceptFrom = (listener: number): void => {
    for (let i = 0; i < ACCEPT_BATCH; i += 1) {
      const fd = kernel.accept(listener)
      if (fd === -Errno.EMFILE || fd === -Errno.ENFILE) exhausted = true
      // Anything else (EAGAIN, a peer that has gone already) is over with this try.
      if (fd < 0) return
      if (!control.admit(task.connectionLimit)) {
        kernel.sendAndClose(fd, task.refusal)
        continue
      }
      task.ports[turn]!.postMessage(fd)
      turn = (turn + 1) % task.ports.length
    }
  }

  while (!control.isStopping) {
    if (exhausted) {
      exhausted = false
      kernel.poll([task.eventfd], EXHAUSTED_PAUSE_MS, ready)
      continue
    }
    kernel.poll(waiting, -1, ready)
    for (let i = 1; i < waiting.length; i += 1) if (ready[i]) acceptFrom(waiting[i]!)
  }
  for (const port of task.ports) port.close()
}
