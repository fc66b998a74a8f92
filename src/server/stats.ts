/** What `stats` answers on a node: memcached's names in memcached's order. */
import type { Counters } from '../observe/counters.ts'
import { Counter, STORE_BLOCK } from '../observe/counters.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import type { StatAnswer, StatRow } from '../session/executor.ts'
import type { Control } from '../net/control.ts'
import { loadKernel } from '../net/kernel.ts'
import { labelOfPeer } from '../net/socket-address.ts'
import { StoreCounter } from '../store/put.ts'
import type { NodeOptions } from './options.ts'
import type { ClassCounters } from './class-counters.ts'
import { ConnectionState, type ConnectionTable } from './connection-table.ts'
import type { PrefixStats } from './prefix-stats.ts'
import { cachedumpRows, MEMCACHED_CLASS_MAX, sizeRows } from './item-walk.ts'
import { itemRows, slabRows } from './stat-classes.ts'
import { settingRows } from './stat-settings.ts'
import type { Store } from '../store/store.ts'
import type { Switches } from './switches.ts'
import type { WatchLog } from './watch-log.ts'

/** What statistics need to know beside the counters. */
export type NodeFacts = {
  options: NodeOptions
  control: Control
  startedAt: number
  port: number
  memoryLimitBytes: () => number
  indexBytes: () => number
  hashPower: () => number
}

export type Row = [name: string, value: string | number]

export type StatHost = {
  store: Store
  counters: Counters
  classes: ClassCounters
  switches: Switches
  prefixes: PrefixStats
  watchLog: WatchLog
  connections: ConnectionTable
  facts: NodeFacts
}

/**
 * Undefined when there is no such statistic; parts of a name are none. `fd` is the connection that
 * asks.
 */
export function nodeStats(
  host: StatHost,
  words: readonly string[],
  fd: number,
): StatAnswer | undefined {
  const { counters, classes, switches, facts, store } = host
  switch (words[0]) {
    case undefined:
      return rowsThenEnd(general(host))
    case 'settings':
      return rowsThenEnd(settingRows(facts, switches))
    case 'items':
      return rowsThenEnd(itemRows(classes, switches.get('lruSegmented') === 1))
    case 'slabs':
      return rowsThenEnd(slabRows(classes))
    case 'conns':
      return { rows: connectionStats(host, fd), label: 'STAT', end: 'END' }
    case 'sizes_enable':
    case 'sizes_disable': {
      const isEnabled = words[0] === 'sizes_enable'
      switches.set('trackSizes', Number(isEnabled))
      return lineOnly(`STAT sizes_status ${isEnabled ? 'enabled' : 'disabled'}`)
    }
    case 'sizes':
      return switches.get('trackSizes') === 1
        ? rowsThenEnd(sizeRows(store))
        : rowsThenEnd([['sizes_status', 'disabled']])
    case 'detail':
      return detail(host, words[1])
    case 'cachedump':
      return cachedump(store, facts, words)
    case 'reset':
      counters.reset()
      classes.reset()
      host.prefixes.reset()
      facts.control.resetStatistics()
      return lineOnly('RESET')
    default:
      return undefined
  }
}

const STATE_NAME: Readonly<Record<ConnectionState, string>> = {
  [ConnectionState.none]: 'conn_closed',
  [ConnectionState.fresh]: 'conn_new_cmd',
  [ConnectionState.reading]: 'conn_read',
  [ConnectionState.watching]: 'conn_watch',
  [ConnectionState.listening]: 'conn_listening',
}

/**
 * What listens, and what was accepted there; without kernel calls listeners are not known, nor
 * where a connection was accepted.
 */
function* connectionStats({ connections, store }: StatHost, asking: number): Generator<StatRow> {
  const kernel = loadKernel()
  for (const connection of connections.connections()) {
    if (connection === undefined) {
      yield undefined
      continue
    }
    const { fd, state, heardAt, peer } = connection
    const bound = kernel?.boundTo(fd)
    if (state === ConnectionState.listening) {
      yield [`${fd}:addr`, bound ?? 'gone']
    } else {
      yield [`${fd}:addr`, labelOfPeer(peer)]
      if (bound !== undefined) yield [`${fd}:listen_addr`, bound]
    }
    yield [`${fd}:state`, fd === asking ? 'conn_parse_cmd' : STATE_NAME[state]]
    yield [`${fd}:secs_since_last_cmd`, Math.max(0, store.now - heardAt)]
  }
}

function rowsThenEnd(rows: Iterable<StatRow>): StatAnswer {
  return { rows: rows[Symbol.iterator](), label: 'STAT', end: 'END' }
}

function lineOnly(end: string): StatAnswer {
  return { rows: [].values(), label: 'STAT', end }
}

function detail({ prefixes, switches }: StatHost, what: string | undefined): StatAnswer {
  if (what === 'dump') return { rows: prefixes.rows(), label: 'PREFIX', end: 'END' }
  if (what !== 'on' && what !== 'off') {
    return lineOnly('CLIENT_ERROR usage: stats detail on|off|dump')
  }
  switches.set('detail', Number(what === 'on'))
  return lineOnly('OK')
}

const U32_MAX = 4294967295

function cachedump(store: Store, { options }: NodeFacts, words: readonly string[]): StatAnswer {
  if (!options.dump) return lineOnly('CLIENT_ERROR stats cachedump not allowed')
  if (words.length < 3) return lineOnly('CLIENT_ERROR bad command line')
  const [slab, limit] = words.slice(1, 3).map(word => (/^\d{1,10}$/.test(word) ? Number(word) : -1))
  if (slab! < 0 || limit! < 0 || slab! > U32_MAX || limit! > U32_MAX) {
    return lineOnly('CLIENT_ERROR bad command line format')
  }
  if (slab! > MEMCACHED_CLASS_MAX) return lineOnly('CLIENT_ERROR Illegal slab id')
  const rows = cachedumpRows(store, slab!, limit!)
  return { rows, label: 'ITEM', end: 'END' }
}

function tlsRows(counters: Counters, { options, control }: NodeFacts, now: number): Row[] {
  if (options.tls === undefined) return []
  const { sessionCache } = options.extended.tls
  return [
    ...(sessionCache ? [['ssl_new_sessions', counters.sum(Counter.sslNewSessions)] as Row] : []),
    ['ssl_handshake_errors', counters.sum(Counter.sslHandshakeErrors)],
    ['ssl_proto_errors', counters.sum(Counter.sslProtoErrors)],
    ['time_since_server_cert_refresh', now - control.certificateReadAt],
  ]
}

function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6)
}

function general(host: StatHost): Row[] {
  const { counters, facts, store, switches } = host
  return [
    ...processRows(facts, store.now),
    ...connectionRows(counters, facts),
    ...commandRows(counters, facts.options.extended.idleTimeout > 0),
    ...slabRowsOfAll(host),
    ...tlsRows(counters, facts, store.now),
    ...storeRows(counters, switches),
  ]
}

function processRows(facts: NodeFacts, now: number): Row[] {
  const usage = process.resourceUsage()
  return [
    ['pid', process.pid],
    ['uptime', now - facts.startedAt],
    ['time', now],
    ['version', COMPATIBLE_VERSION],
    ['libevent', `none-node-${process.versions.node}`],
    ['pointer_size', 64],
    ['rusage_user', seconds(usage.userCPUTime)],
    ['rusage_system', seconds(usage.systemCPUTime)],
  ]
}

function connectionRows(counters: Counters, { options, control }: NodeFacts): Row[] {
  const { total, rejected, denied } = control.statistics
  // memcached has this row only where connections can be rejected.
  const mayReject = options.extended.maxconnsFast || options.allow !== undefined
  return [
    ['max_connections', options.connectionLimit],
    ['curr_connections', control.connections],
    ['total_connections', total],
    ...(mayReject ? [['rejected_connections', rejected + denied] as Row] : []),
    ['connection_structures', control.connections],
    ['response_obj_oom', 0],
    ['response_obj_count', 0],
    ['response_obj_bytes', 0],
    ['read_buf_count', counters.total(Counter.readBufCount)],
    ['read_buf_bytes', counters.total(Counter.readBufBytes)],
    ['read_buf_bytes_free', counters.total(Counter.readBufBytesFree)],
    ['read_buf_oom', counters.sum(Counter.readBufOom)],
    ['reserved_fds', options.threads * 5],
  ]
}

function commandRows(counters: Counters, withIdleKicks: boolean): Row[] {
  const of = (counter: Counter) => counters.sum(counter)
  return [
    ['cmd_get', of(Counter.cmdGet)],
    ['cmd_set', of(Counter.cmdSet)],
    ['cmd_flush', of(Counter.cmdFlush)],
    ['cmd_touch', of(Counter.cmdTouch)],
    ['cmd_meta', of(Counter.cmdMeta)],
    ['get_hits', of(Counter.getHits)],
    ['get_misses', of(Counter.getMisses)],
    ['get_expired', of(Counter.getExpired)],
    ['get_flushed', of(Counter.getFlushed)],
    ['delete_misses', of(Counter.deleteMisses)],
    ['delete_hits', of(Counter.deleteHits)],
    ['incr_misses', of(Counter.incrMisses)],
    ['incr_hits', of(Counter.incrHits)],
    ['decr_misses', of(Counter.decrMisses)],
    ['decr_hits', of(Counter.decrHits)],
    ['cas_misses', of(Counter.casMisses)],
    ['cas_hits', of(Counter.casHits)],
    ['cas_badval', of(Counter.casBadval)],
    ['touch_hits', of(Counter.touchHits)],
    ['touch_misses', of(Counter.touchMisses)],
    ['store_too_large', of(Counter.storeTooLarge)],
    ['store_no_memory', of(Counter.storeNoMemory)],
    ['auth_cmds', of(Counter.authCmds)],
    ['auth_errors', of(Counter.authErrors)],
    ...(withIdleKicks ? [['idle_kicks', of(Counter.idleKicks)] as Row] : []),
    ['bytes_read', of(Counter.bytesRead)],
    ['bytes_written', of(Counter.bytesWritten)],
  ]
}

/** Rows that memcached has while some thread of its own runs; there is none here. */
function rowsIf(condition: boolean, names: readonly string[]): Row[] {
  return condition ? names.map(name => [name, 0]) : []
}

const SLAB_REASSIGN: readonly Row[] = [
  ['slab_reassign_rescues', 0],
  ['slab_reassign_chunk_rescues', 0],
  ['slab_reassign_inline_reclaim', 0],
  ['slab_reassign_busy_items', 0],
  ['slab_reassign_busy_deletes', 0],
  ['slab_reassign_busy_nomem', 0],
  ['slab_reassign_last_busy_status', 'none'],
  ['slab_reassign_running', 0],
  ['slabs_moved', 0],
]

function slabRowsOfAll({ counters, facts, switches, watchLog }: StatHost): Row[] {
  const { options, control, hashPower, indexBytes, memoryLimitBytes } = facts
  const { heldOff, heldOffMicroseconds } = control.statistics
  return [
    ['limit_maxbytes', memoryLimitBytes()],
    ['accepting_conns', Number(control.isAccepting)],
    ['listen_disabled_num', heldOff],
    ['time_in_listen_disabled_us', heldOffMicroseconds],
    ['threads', options.threads],
    ['conn_yields', counters.sum(Counter.connYields)],
    ['hash_power_level', hashPower()],
    ['hash_bytes', indexBytes()],
    ['hash_is_expanding', 0],
    ...(options.extended.slabReassign ? SLAB_REASSIGN : []),
    ...rowsIf(switches.get('lruCrawler') === 1, ['lru_crawler_running', 'lru_crawler_starts']),
    ...rowsIf(options.extended.lruMaintainer, ['lru_maintainer_juggles']),
    ['malloc_fails', 0],
    ['log_worker_dropped', counters.sum(Counter.logWorkerDropped)],
    ['log_worker_written', counters.sum(Counter.logWorkerWritten)],
    ['log_watcher_skipped', counters.sum(Counter.logWatcherSkipped)],
    ['log_watcher_sent', counters.sum(Counter.logWatcherSent)],
    ['log_watchers', watchLog.watchers],
    ['unexpected_napi_ids', 0],
    ['round_robin_fallback', 0],
  ]
}

const SEGMENTED_LRU = [
  'moves_to_cold',
  'moves_to_warm',
  'moves_within_lru',
  'direct_reclaims',
  'lru_bumps_dropped',
]

function storeRows(counters: Counters, switches: Switches): Row[] {
  const held = (counter: number) => counters.total(STORE_BLOCK + counter)
  const since = (counter: number) => counters.sum(STORE_BLOCK + counter)
  const isSegmented = switches.get('lruSegmented') === 1
  return [
    ['bytes', held(StoreCounter.bytes)],
    ['curr_items', held(StoreCounter.currItems)],
    ['total_items', since(StoreCounter.totalItems)],
    ['slab_global_page_pool', 0],
    ['expired_unfetched', since(StoreCounter.expiredUnfetched)],
    ['evicted_unfetched', since(StoreCounter.evictedUnfetched)],
    ...rowsIf(isSegmented, ['evicted_active']),
    ['evictions', since(StoreCounter.evictions)],
    ['reclaimed', since(StoreCounter.reclaimed)],
    ['crawler_reclaimed', 0],
    ['crawler_items_checked', 0],
    ['lrutail_reflocked', 0],
    ...rowsIf(isSegmented, SEGMENTED_LRU),
  ]
}
