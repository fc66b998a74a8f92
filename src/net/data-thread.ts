/**
 * A data-plane thread's frame: takes connections from the acceptor (or accepts by itself where
 * there is no koffi), and returns when it is told to stop. What connections mean is the caller's
 * business.
 */
import type { MessagePort } from 'node:worker_threads'
import { Control } from './control.ts'
import type { ListenAddress, Stream, StreamHandler, Transport } from './transport.ts'

export type DataTask = {
  index: number
  control: SharedArrayBuffer
  /** To main: `{ type: 'ready', ports }`; from main: 'stop'. */
  port: MessagePort
  /** From the acceptor: descriptors. Undefined: this thread listens itself. */
  accepted: MessagePort | undefined
  listen: readonly ListenAddress[]
  connectionLimit: number
  refusal: Uint8Array
}

export type ReadyMessage = { type: 'ready'; ports: number[] }

/**
 * Resolves when the thread has been told to stop and its connections are closed.
 * @param drain finishes what is under way, before anything is closed; bounded in time.
 */
export async function runDataThread(
  task: DataTask,
  transport: Transport,
  accept: (stream: Stream) => StreamHandler,
  drain: () => Promise<void> = async () => {},
): Promise<void> {
  const control = new Control(task.control)
  const counted = (stream: Stream): StreamHandler => countedOut(accept(stream), control)
  const ports: number[] = []
  if (task.accepted) {
    task.accepted.on('message', (fd: number) => transport.adopt(fd, counted))
  } else {
    for (const address of task.listen) {
      ports.push(await transport.listen(address, stream => admit(task, control, stream, counted)))
    }
  }
  const stopped = new Promise<void>(resolve => {
    task.port.on('message', message => {
      if (message === 'stop') resolve()
    })
  })
  task.port.postMessage({ type: 'ready', ports } satisfies ReadyMessage)
  await stopped
  await drain()
  await transport.close()
  task.accepted?.close()
  task.port.close()
}

function admit(
  task: DataTask,
  control: Control,
  stream: Stream,
  counted: (stream: Stream) => StreamHandler,
): StreamHandler {
  if (control.admit(task.connectionLimit)) return counted(stream)
  stream.write(task.refusal, 0, task.refusal.length)
  stream.end()
  return { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => {} }
}

function countedOut(handler: StreamHandler, control: Control): StreamHandler {
  const onClose = handler.onClose.bind(handler)
  handler.onClose = error => {
    control.leave()
    onClose(error)
  }
  return handler
}
