/** Which language a connection speaks: its first byte says so, once (memcached proto_bin.c). */
import { BinaryProtocol } from './binary-protocol.ts'
import type { Session } from './session.ts'
import { TextProtocol } from './text-protocol.ts'

export interface Protocol {
  /** Carries out what is whole in `[at, end)`, while the session is ready; where it stopped. */
  process(bytes: Uint8Array, at: number, end: number): number
  /** The connection is gone: gives back what an unfinished request held. */
  abandon(): void
}

const BINARY_REQUEST = 0x80

export function protocolOf(session: Session, firstByte: number): Protocol {
  const { protocols } = session.services
  // A binary session closes by itself at what is no binary request.
  const isBinary = protocols === 'binary' || (protocols === 'both' && firstByte === BINARY_REQUEST)
  return isBinary ? new BinaryProtocol(session) : new TextProtocol(session)
}
