// What the conformance tests run against: our node on one thread and on four, and Debian's
// memcached, which proves that a transcript tells the truth.

import { memcachedVersion, type ServerProcess, startMemcached, startNode } from './processes.ts'

export interface Target {
  readonly name: string
  readonly kind: 'node' | 'memcached'
  /** Transcripts also run cut in two at every byte: once is enough for a parser. */
  readonly cutEverywhere: boolean
  /** What `version` answers; read late, because it may ask the installed program. */
  version(): string
  start(flags?: readonly string[]): Promise<ServerProcess>
}

function nodeTarget(threads: number): Target {
  return {
    name: threads === 1 ? 'node, 1 thread' : `node, ${threads} threads`,
    kind: 'node',
    cutEverywhere: threads === 1,
    version: () => '1.6.45',
    start: (flags = []) => {
      // Transcripts with wrong passwords are played over and over from one address.
      const patience = flags.includes('-Y') ? ['--login-wait', '0'] : []
      return startNode(['-t', String(threads), ...patience, ...flags])
    },
  }
}

export const nodeOneThread: Target = nodeTarget(1)

export const memcached: Target = {
  name: 'memcached',
  kind: 'memcached',
  cutEverywhere: false,
  version: memcachedVersion,
  start: (flags = []) => startMemcached(flags),
}

/**
 * One thread and no background threads. Whoever holds an item for a moment makes memcached leave
 * out the padding of an incr and count a new item, and its crawler takes expired items away.
 */
export const steadyMemcached: Target = {
  ...memcached,
  start: (flags = []) =>
    startMemcached(['-t', '1', '-o', 'no_lru_crawler,no_lru_maintainer', ...flags]),
}

const nodes = [nodeOneThread, nodeTarget(4)]

/** What memcached answers does not depend on our transport: it is asked on the default one only. */
export const targets: readonly Target[] =
  process.env['MEMRING_IO'] === undefined ? [...nodes, memcached] : nodes
