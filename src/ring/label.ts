/** The name under which a node without a name of its own stands on the ring. */
const MEMCACHED_PORT = 11211

/**
 * As libmemcached and twemproxy spell it: `host` for memcached's own port, `host:port` for any
 * other. The host is taken exactly as it was configured (no DNS, IPv6 without brackets), since
 * every client must hash the same bytes.
 */
export function ringLabel(host: string, port: number): string {
  return port === MEMCACHED_PORT ? host : fullLabel(host, port)
}

/** As spymemcached, dalli and pymemcache spell it, whatever the port. */
export function fullLabel(host: string, port: number): string {
  return `${host}:${port}`
}
