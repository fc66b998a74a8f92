/** Which transport serves: chosen once on the main thread, opened by every data thread. */
import { EpollTransport, INPUT_BYTES } from './epoll-transport.ts'
import type { IoMemory } from './io-memory.ts'
import { loadLibc } from './libc.ts'
import { NodeTransport, READ_BYTES } from './node-transport.ts'
import type { TlsDoors } from './tls-door.ts'
import type { TlsDialler } from './tls-outbound.ts'
import type { NativeTransport, PortableTransport } from './transport.ts'
import { uringRefusal } from './uring/probe.ts'
import { uringSizes } from './uring/sizes.ts'
import type { MovableOutput } from './uring/sender.ts'
import { UringTransport } from './uring/uring-transport.ts'

export type Io = 'uring' | 'epoll' | 'net'

export const ioChoices = ['auto', 'uring', 'epoll', 'net'] as const
/** `auto`: the fastest that this machine has. */
export type IoChoice = (typeof ioChoices)[number]

/** What was asked for by name is not there. */
export class IoError extends Error {
  override name = 'IoError'
}

/** `ioReason`: why `auto` did not come to the fastest; empty when it did, or was not asked. */
export type ChosenIo = { io: Io; ioReason: string }

/**
 * @param refusal why there is no io_uring here, undefined where there is.
 * @throws IoError
 */
export function chooseIo(
  choice: IoChoice,
  refusal: () => string | undefined = uringRefusal,
): ChosenIo {
  if (choice === 'net') return { io: 'net', ioReason: '' }
  const hasCalls = loadLibc() !== undefined
  if (!hasCalls && choice === 'auto') return { io: 'net', ioReason: NO_KOFFI }
  if (!hasCalls) throw new IoError(`Cannot use --io ${choice}: expected Linux with ${NO_KOFFI}`)
  if (choice === 'epoll') return { io: 'epoll', ioReason: '' }
  const reason = refusal()
  if (reason === undefined) return { io: 'uring', ioReason: '' }
  if (choice === 'auto') return { io: 'epoll', ioReason: reason }
  throw new IoError(`Cannot use --io uring: ${reason}`)
}

const NO_KOFFI = 'koffi, which does not load here'

/** What a thread reads into, for all its connections. */
export function inputBuffers(io: Io): { count: number; bytes: number } {
  if (io !== 'uring') return { count: 1, bytes: io === 'epoll' ? INPUT_BYTES : READ_BYTES }
  const { bufferCount, bufferBytes } = uringSizes
  return { count: bufferCount, bytes: bufferCount * bufferBytes }
}

export type TransportOptions = {
  memory: IoMemory
  /** The thread's, at the beginning of the memory. */
  output: MovableOutput
  /** How long a client may say nothing; 0: for ever. */
  idleSeconds: number
  /** For secure listeners, which only the portable transport serves. */
  tls?: TlsDoors | undefined
  /** Outbound connections by TLS: on the portable transport as well. */
  dialler?: TlsDialler | undefined
}

export function openTransport(
  io: Io,
  { memory, output, idleSeconds, tls, dialler }: TransportOptions,
): PortableTransport | NativeTransport {
  switch (io) {
    case 'uring':
      return new UringTransport(memory, output, { idleSeconds })
    case 'epoll':
      return new EpollTransport(memory, idleSeconds)
    case 'net':
      return new NodeTransport({ idleSeconds, tls, dialler })
  }
}
