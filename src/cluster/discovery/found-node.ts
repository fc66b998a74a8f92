/** A node as discovery finds it, and what went wrong when it found none. */
export type FoundNode = {
  /** What is hashed, and what people and logs call it; it stays when the address changes. */
  readonly label: string
  /** An address, or a name that the system looks up. */
  readonly host: string
  readonly port: number
}

/** Somewhere to ask which nodes there are. */
export interface NodeSource {
  /** What it asks, for the log: `SRV _memcached._tcp.cache.example`. */
  readonly description: string
  /** @throws DiscoveryError; a set of nodes is never empty. */
  find(): Promise<readonly FoundNode[]>
}

/** The nodes cannot be told now; those known before stay. */
export class DiscoveryError extends Error {
  override name = 'DiscoveryError'
}

/** As many as a cluster file may have. */
export const FOUND_NODES_MAX = 500

/**
 * In the order of their labels, so that every router numbers them alike.
 * @throws DiscoveryError when there are none, too many, or two of one label.
 */
export function checkedNodes(nodes: readonly FoundNode[], source: string): readonly FoundNode[] {
  if (nodes.length === 0) throw new DiscoveryError(`${source} has no nodes`)
  if (nodes.length > FOUND_NODES_MAX) {
    const found = `${nodes.length} nodes, expected at most ${FOUND_NODES_MAX}`
    throw new DiscoveryError(`${source} has ${found}`)
  }
  const sorted = nodes.toSorted((one, other) => (one.label < other.label ? -1 : 1))
  const twice = sorted.find(({ label }, at) => sorted[at + 1]?.label === label)
  if (twice !== undefined) {
    const places = sorted.filter(({ label }) => label === twice.label)
    const list = places.map(({ host, port }) => `${host}:${port}`).join(' and ')
    throw new DiscoveryError(`${source} has ${list}, both by the name of ${twice.label}`)
  }
  return sorted
}
