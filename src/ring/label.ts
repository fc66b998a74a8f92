/** The name under which a node stands on the ring, as libmemcached and twemproxy spell it. */
const MEMCACHED_PORT = 11211

/**
 * `host` for memcached's own port, `host:port` for any other. The host is taken exactly as it was
 * configured (no DNS, IPv6 without brackets), since every client must hash the same bytes.
 */
export function ringLabel(host: string, port: number): string {
  return port === MEMCACHED_PORT ? host : `${host}:${port}`
}
