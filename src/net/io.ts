/** Which transport serves: chosen once on the main thread, opened by every data thread. */
import { EpollTransport } from './epoll-transport.ts'
import type { IoMemory } from './io-memory.ts'
import { loadLibc } from './libc.ts'
import { NodeTransport } from './node-transport.ts'
import type { NativeTransport, PortableTransport } from './transport.ts'

export type Io = 'epoll' | 'net'

export const ioChoices = ['auto', 'epoll', 'net'] as const
/** `auto`: the fastest that this machine has. */
export type IoChoice = (typeof ioChoices)[number]

/** What was asked for by name is not there. */
export class IoError extends Error {
  override name = 'IoError'
}

/** @throws IoError */
export function chooseIo(choice: IoChoice): Io {
  if (choice === 'net') return 'net'
  if (loadLibc() !== undefined) return 'epoll'
  if (choice === 'auto') return 'net'
  throw new IoError(
    `Cannot use --io ${choice}: expected Linux with koffi, which does not load here`,
  )
}

/** @param idleSeconds how long a client may say nothing; 0: for ever. */
export function openTransport(
  io: Io,
  memory: IoMemory,
  idleSeconds: number,
): PortableTransport | NativeTransport {
  return io === 'epoll' ? new EpollTransport(memory, idleSeconds) : new NodeTransport(idleSeconds)
}
