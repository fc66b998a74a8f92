/**
 * A data-plane thread's frame: takes connections from the acceptor (or accepts by itself where
 * there is no koffi), and returns when it is told to stop. What connections mean is the caller's
 * business.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { AllowList } from './allow-list.ts'
import { Control } from './control.ts'
import { DescriptorQueue } from './descriptor-queue.ts'
import type {
  Accept,
  Drain,
  ListenAddress,
  NativeTransport,
  PortableTransport,
  Secure,
  Stream,
  StreamHandler,
} from './transport.ts'
import { isPath } from './unix-listener.ts'

/** How the acceptor reaches a thread that blocks in the kernel. */
export type NativeLane = { queue: SharedArrayBuffer; eventfd: number }
/** … and one on its event loop, by messages. */
export type Lane = MessagePort | NativeLane
/** An accepted descriptor; of a secure listener, with what it demands. */
export type Dealt = { fd: number; secure: Secure | undefined }

export type DataTask = {
  index: number
  /** Whether it lives on its event loop: what a secure listener needs. */
  isPortable: boolean
  control: SharedArrayBuffer
  /**
   * To main: `{ type: 'ready', ports }`; from main: 'stop' (on portable transports only), and what
   * `onMessage` is for.
   */
  port: MessagePort
  /** Accepted descriptors. Undefined: this thread listens itself. */
  accepted: Lane | undefined
  listen: readonly ListenAddress[]
  connectionLimit: number
  refusal: Uint8Array
  /** Networks that connections may come from, if this thread listens itself; undefined: any. */
  allow: readonly string[] | undefined
}

export type DataThreadHooks = {
  /** The handler counts its connection out when that is closed (`Control.leave`). */
  accept: Accept
  /** Finishes what is under way, before anything is closed; bounded in time. */
  drain?: Drain
  /** Somebody has woken the thread (`ThreadHost.wake`); on native transports only. */
  onWoken?: () => void
  /**
   * What main says while the thread serves (`ThreadHost.tell`); on native transports when it has
   * been woken, before `onWoken`.
   */
  onMessage?: (message: unknown) => void
}

export type ReadyMessage = { type: 'ready'; ports: number[] }

/**
 * Serves until the thread is told to stop and its connections are closed. A native transport has
 * blocked the thread for all that time when this returns; a portable one gives a promise of it.
 */
export function runDataThread(
  task: DataTask,
  transport: PortableTransport | NativeTransport,
  { accept, drain = done => done(), onWoken = () => {}, onMessage = () => {} }: DataThreadHooks,
): Promise<void> | undefined {
  const control = new Control(task.control)
  if (!('serve' in transport)) return runPortable(task, transport, accept, { drain, onMessage })
  task.port.postMessage({ type: 'ready', ports: [] } satisfies ReadyMessage)
  const { queue, eventfd } = task.accepted as NativeLane
  transport.serve({
    dealt: new DescriptorQueue(queue),
    eventfd,
    isStopping: () => control.isStopping,
    accept,
    forget: () => control.leave(),
    drain,
    onWoken: () => {
      hearAll(task.port, onMessage)
      onWoken()
    },
  })
  task.port.close()
  return undefined
}

/** A thread that blocks in the kernel has no event loop to hear by. */
function hearAll(port: MessagePort, onMessage: (message: unknown) => void): void {
  for (let heard = receiveMessageOnPort(port); heard; heard = receiveMessageOnPort(port)) {
    if (heard.message !== 'stop') onMessage(heard.message)
  }
}

async function runPortable(
  task: DataTask,
  transport: PortableTransport,
  accept: Accept,
  { drain, onMessage }: { drain: Drain; onMessage: (message: unknown) => void },
): Promise<void> {
  const control = new Control(task.control)
  const accepted = task.accepted as MessagePort | undefined
  const ports: number[] = []
  if (accepted) {
    const door = { accept, forget: () => control.leave() }
    accepted.on('message', ({ fd, secure }: Dealt) => transport.adopt(fd, door, secure))
  } else {
    const allowed = task.allow && new AllowList(task.allow)
    const admitted = (stream: Stream) => {
      if (allowed === undefined || allowed.allows(stream.peer)) {
        return admit(task, control, stream, accept)
      }
      control.deny()
      stream.destroy()
      return NOBODY
    }
    // Counted in with its stream: a handshake that fails before was never counted.
    const door = { accept: admitted, forget: () => {} }
    for (const address of task.listen) {
      // A path cannot be shared as a port can: the first thread has it alone.
      if (task.index > 0 && isPath(address.host)) continue
      ports.push(await transport.listen(address, door))
    }
  }
  const stopped = new Promise<void>(resolve => {
    task.port.on('message', message => {
      if (message === 'stop') resolve()
      else onMessage(message)
    })
  })
  task.port.postMessage({ type: 'ready', ports } satisfies ReadyMessage)
  await stopped
  await new Promise<void>(resolve => drain(resolve))
  await transport.close()
  accepted?.close()
  task.port.close()
}

function admit(task: DataTask, control: Control, stream: Stream, accept: Accept): StreamHandler {
  if (control.admit(task.connectionLimit)) return accept(stream)
  stream.write(task.refusal, 0, task.refusal.length)
  stream.end()
  return NOBODY
}

const NOBODY: StreamHandler = {
  onData: () => {},
  onDrain: () => {},
  onEnd: () => {},
  onClose: () => {},
}
