// What the conformance tests run against: our node on one thread and on four, and Debian's
// memcached, which proves that a transcript tells the truth. MEMCACHED_BIN names one more, of
// 1.6.45 or newer: the release that a node follows, so hardly anything may differ there.

import {
  memcachedVersion,
  type ServerProcess,
  startMemcached,
  startNode,
  startRouter,
} from './processes.ts'

/** Whom a row or a transcript may name as answering otherwise. */
export type Kind = 'node' | 'older' | 'newer'

export interface Target {
  readonly name: string
  /** What is behind a router is a matter of its name. */
  readonly kind: Kind | 'router'
  /** Debian's memcached may be the one that answers, and then as an older version does. */
  readonly mayBeOlder?: boolean
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

const FOLLOWED = [1, 6, 45] as const

function memcachedTarget(program: string, kind: 'older' | 'newer'): Target {
  const version = (): string => memcachedVersion(program)
  return {
    name: kind === 'older' ? 'memcached' : 'memcached, MEMCACHED_BIN',
    kind,
    cutEverywhere: false,
    version,
    start: (flags = []) => {
      if (kind === 'newer') checkFollowed(version())
      return startMemcached(flags, { program })
    },
  }
}

function checkFollowed(version: string): void {
  const numbers = version.split('.').map(Number)
  for (const [at, wanted] of FOLLOWED.entries()) {
    const number = numbers[at] ?? 0
    if (number > wanted) return
    if (number === wanted) continue
    throw new Error(`Cannot compare with MEMCACHED_BIN ${version}: expected 1.6.45 or newer`)
  }
}

const given = process.env['MEMCACHED_BIN']
export const memcacheds: readonly Target[] = [
  memcachedTarget('memcached', 'older'),
  ...(given ? [memcachedTarget(given, 'newer')] : []),
]

/**
 * One thread and no background threads. Whoever holds an item for a moment makes memcached leave
 * out the padding of an incr and count a new item, and its crawler takes expired items away.
 */
const STEADY = ['-t', '1', '-o', 'no_lru_crawler,no_lru_maintainer']
export const steadyMemcacheds: readonly Target[] = memcacheds.map(target => ({
  ...target,
  start: flags => target.start([...STEADY, ...(flags ?? [])]),
}))

const NODES_BEHIND = 3

/** A router in front of several; what it is told is what they are told, as far as it listens. */
function routerTarget(
  behind: 'nodes' | 'memcacheds',
  count: number,
  startOne: (flags: readonly string[]) => Promise<ServerProcess>,
): Target {
  return {
    name: `router, ${count} ${behind}`,
    kind: 'router',
    mayBeOlder: behind === 'memcacheds',
    cutEverywhere: false,
    version: () => '1.6.45',
    start: async (flags = []) => {
      // Who logs in does so at the router.
      const isLogin = flags.includes('-Y')
      const ofNodes = isLogin ? [] : flags
      const ofRouter = isLogin ? [...flags, '--login-wait', '0'] : flags.includes('-I') ? flags : []
      const servers = await Promise.all(Array.from({ length: count }, () => startOne(ofNodes)))
      const addresses = servers.map(server => server.address)
      const router = await startRouter(addresses, ofRouter)
      const stop = async (): ReturnType<ServerProcess['stop']> => {
        const [status] = await Promise.all([router, ...servers].map(server => server.stop()))
        return status!
      }
      return { ...router, stop }
    },
  }
}

/** Beside the targets: a router in front of several nodes of a kind, or of one. */
export function routerTargets(count = NODES_BEHIND): Target[] {
  if (process.env['MEMRING_IO'] !== undefined) return []
  return [
    routerTarget('nodes', count, flags => startNode(['-t', '1', ...flags])),
    routerTarget('memcacheds', count, flags => startMemcached([...STEADY, ...flags])),
  ]
}

const nodes: readonly Target[] = [nodeOneThread, nodeTarget(4)]

/** What memcached answers does not depend on our transport: it is asked on the default one only. */
export const targets: readonly Target[] =
  process.env['MEMRING_IO'] === undefined ? [...nodes, ...memcacheds] : nodes

/** Every oracle with what is compared with it: the nodes, and itself, which proves the test. */
export const oraclePairs = steadyMemcacheds.flatMap(oracle => {
  const asked = process.env['MEMRING_IO'] === undefined ? [...nodes, oracle] : nodes
  return asked.map(target => ({ oracle, target, name: `${target.name}, as ${oracle.name}` }))
})

/** Routers over one server each, whose cas uniques go on as they are, beside Debian's memcached. */
export const routedPairs = steadyMemcacheds
  .slice(0, 1)
  .flatMap(oracle => routerTargets(1).map(target => ({ oracle, target, name: target.name })))
