/**
 * What memcached counts for an item, and holds against `-I`: header 48, cas 8, key and NUL, client
 * flags if not zero, value and CRLF (items.c item_make_header). Bytes.
 */
export function itemSize(keySize: number, valueSize: number, clientFlags: number): number {
  return 48 + CAS_BYTES + keySize + 1 + (clientFlags === 0 ? 0 : 4) + valueSize + 2
}

/** What `itemSize` counts for the cas, which an item does not have under `-C`. */
export const CAS_BYTES = 8

/**
 * Values up to this many bytes are kept whole while they arrive; larger ones go where they will
 * stay.
 */
export const INLINE_VALUE_MAX = 16 * 1024
