/** Which language a connection speaks: its first byte says so, once (memcached proto_bin.c). */
import { BinaryProtocol } from './binary-protocol.ts'
import type { Session } from './session.ts'
import { TextProtocol } from './text-protocol.ts'

export interface Protocol {
  /** Carries out what is whole in `[at, end)`, while the session is ready; where it stopped. */
  process(bytes: Uint8Array, at: number, end: number): number
  /** Says that there is no memory for a request, which is not whole; the session closes then. */
  refuseInput(): void
  /** The connection is gone: gives back what an unfinished request held. */
  abandon(): void
}

const BINARY_REQUEST = 0x80
/** `*`, which begins every request of Redis' protocol. */
const REDIS_REQUEST = 0x2a

export function protocolOf(session: Session, firstByte: number): Protocol {
  const { protocols } = session.services
  if (firstByte === REDIS_REQUEST) session.services.onRedisPeer?.(session)
  // A binary session closes by itself at what is no binary request.
  const isBinary = protocols === 'binary' || (protocols === 'both' && firstByte === BINARY_REQUEST)
  return isBinary ? new BinaryProtocol(session) : new TextProtocol(session)
}
