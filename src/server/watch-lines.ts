/** How `watch` says what happened (memcached logger.c, the `_logger_parse` functions). */
import { toLatin1 } from '../base/bytes.ts'
import { LogKind, type LogRecord } from './watch-log.ts'

export const GET_STATUS = ['not_found', 'found', 'flushed', 'expired'] as const
export const STORE_STATUS = [
  'not_stored',
  'stored',
  'exists',
  'not_found',
  'too_large',
  'no_memory',
] as const
export const STORE_COMMAND = ['add', 'set', 'replace', 'append', 'prepend', 'cas'] as const
export const DELETE_COMMAND = ['delete', 'md'] as const
export const CLOSE_REASON = ['error', 'normal', 'idle_timeout', 'shutdown'] as const

export function logLine(record: LogRecord): string {
  const { gid, seconds, microseconds } = record
  return `ts=${seconds}.${microseconds} gid=${gid} ${facts(record)}\n`
}

function facts(record: LogRecord): string {
  const { kind, status, command, fd, size, slab, ttl } = record
  switch (kind) {
    case LogKind.get: {
      const what = `key=${keyOf(record)} status=${GET_STATUS[status]}`
      return `type=item_get ${what} clsid=${slab} cfd=${fd} size=${size}`
    }
    case LogKind.store: {
      const what = `key=${keyOf(record)} status=${STORE_STATUS[status]}`
      const how = `cmd=${STORE_COMMAND[command]} ttl=${ttl >>> 0}`
      return `type=item_store ${what} ${how} clsid=${slab} cfd=${fd} size=${size}`
    }
    case LogKind.eviction: {
      const fetch = record.isFetched ? 'yes' : 'no'
      const what = `key=${keyOf(record)} fetch=${fetch}`
      return `type=eviction ${what} ttl=${ttl} la=${record.idleSeconds} clsid=${slab} size=${size}`
    }
    case LogKind.deleted: {
      const what = `key=${keyOf(record)} cmd=${DELETE_COMMAND[command]}`
      return `type=deleted ${what} clsid=${slab} size=${size}`
    }
    case LogKind.open:
      return `type=conn_new ${peerOf(record)} cfd=${fd}`
    default:
      return `type=conn_close ${peerOf(record)} reason=${CLOSE_REASON[status]} cfd=${fd}`
  }
}

function keyOf({ key, keySize }: LogRecord): string {
  let encoded = ''
  for (let i = 0; i < keySize; i += 1) encoded += ENCODED[key[i]!]
  return encoded
}

/** `address:port`, or a word that stands for what has neither. */
function peerOf({ key, keySize }: LogRecord): string {
  const peer = toLatin1(key, 0, keySize)
  const colon = peer.lastIndexOf(':')
  if (colon < 0) return `rip=${peer} rport=0 transport=local`
  return `rip=${peer.slice(0, colon)} rport=${peer.slice(colon + 1)} transport=tcp`
}

/** memcached's uriencode: what RFC 3986 calls unreserved stays as it is. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[A-Za-z0-9\-._~]/.test(character)) return character
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})
