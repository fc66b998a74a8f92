/** `stats`, `stats settings`, `stats reset`: memcached's names in memcached's order. */
import type { Counters } from '../observe/counters.ts'
import { Counter, STORE_BLOCK } from '../observe/counters.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import type { Output } from '../protocol/output.ts'
import { putStat, TextLine } from '../protocol/text-encoder.ts'
import type { Control } from '../net/control.ts'
import { StoreCounter } from '../store/put.ts'
import type { NodeOptions } from './options.ts'
import { settingRows } from './stat-settings.ts'

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

/** False when there is no such statistic. */
export function writeStats(
  output: Output,
  argument: string,
  counters: Counters,
  facts: NodeFacts,
  now: number,
): boolean {
  if (argument === 'reset') {
    counters.reset()
    output.put(TextLine.reset)
    return true
  }
  let rows: Row[]
  if (argument === '') rows = general(counters, facts, now)
  else if (argument === 'settings') rows = settingRows(facts)
  else return false
  for (const [name, value] of rows) putStat(output, name, value)
  output.put(TextLine.end)
  return true
}

function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6)
}

function general(counters: Counters, facts: NodeFacts, now: number): Row[] {
  return [
    ...processRows(facts, now),
    ...connectionRows(facts),
    ...commandRows(counters),
    ...storeRows(counters, facts),
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

function connectionRows({ options, control }: NodeFacts): Row[] {
  return [
    ['max_connections', options.connectionLimit],
    ['curr_connections', control.connections],
    ['total_connections', control.totalConnections],
    ['rejected_connections', control.rejectedConnections],
    ['connection_structures', control.connections],
    ['response_obj_oom', 0],
    ['response_obj_count', 0],
    ['response_obj_bytes', 0],
    ['read_buf_count', options.threads],
    ['read_buf_bytes', options.threads * 65536],
    ['read_buf_bytes_free', 0],
    ['read_buf_oom', 0],
    ['reserved_fds', options.threads * 5],
  ]
}

function commandRows(counters: Counters): Row[] {
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
    ['bytes_read', of(Counter.bytesRead)],
    ['bytes_written', of(Counter.bytesWritten)],
  ]
}

function storeRows(counters: Counters, facts: NodeFacts): Row[] {
  const { options, hashPower, indexBytes, memoryLimitBytes } = facts
  const held = (counter: number) => counters.total(STORE_BLOCK + counter)
  const since = (counter: number) => counters.sum(STORE_BLOCK + counter)
  return [
    ['limit_maxbytes', memoryLimitBytes()],
    ['accepting_conns', 1],
    ['listen_disabled_num', 0],
    ['time_in_listen_disabled_us', 0],
    ['threads', options.threads],
    ['conn_yields', 0],
    ['hash_power_level', hashPower()],
    ['hash_bytes', indexBytes()],
    ['hash_is_expanding', 0],
    ['slab_reassign_rescues', 0],
    ['slab_reassign_chunk_rescues', 0],
    ['slab_reassign_inline_reclaim', 0],
    ['slab_reassign_busy_items', 0],
    ['slab_reassign_busy_deletes', 0],
    ['slab_reassign_busy_nomem', 0],
    ['slab_reassign_last_busy_status', 'none'],
    ['slab_reassign_running', 0],
    ['slabs_moved', 0],
    ['malloc_fails', 0],
    ['log_worker_dropped', 0],
    ['log_worker_written', 0],
    ['log_watcher_skipped', 0],
    ['log_watcher_sent', 0],
    ['log_watchers', 0],
    ['unexpected_napi_ids', 0],
    ['round_robin_fallback', 0],
    ['bytes', held(StoreCounter.bytes)],
    ['curr_items', held(StoreCounter.currItems)],
    ['total_items', since(StoreCounter.totalItems)],
    ['slab_global_page_pool', 0],
    ['expired_unfetched', since(StoreCounter.expiredUnfetched)],
    ['evicted_unfetched', since(StoreCounter.evictedUnfetched)],
    ['evictions', since(StoreCounter.evictions)],
    ['reclaimed', since(StoreCounter.reclaimed)],
    ['crawler_reclaimed', 0],
    ['crawler_items_checked', 0],
    ['lrutail_reflocked', 0],
  ]
}
