/**
 * `stats settings`: what a node was started with, under memcached's names and in its order. What
 * tunes slabs, LRU lists and the hash table is shown as it was set, and does nothing here.
 */
import { VERSION } from '../base/version.ts'
import type { TlsFiles } from '../net/tls-material.ts'
import type { NodeOptions } from './options.ts'
import type { NodeFacts, Row } from './stats.ts'
import type { Switches } from './switches.ts'
import type { TlsRules } from './tls-rules.ts'

export function settingRows(facts: NodeFacts, switches: Switches): Row[] {
  const { options } = facts
  return [
    ...processRows(facts, switches),
    ...slabRows(options, switches),
    ...lruRows(options, switches),
    ...restRows(options, switches),
    ['memring_version', VERSION],
    ['memring_node_name', options.name],
    ['memring_region', options.region],
    ['memring_io', options.io],
  ]
}

function processRows(facts: NodeFacts, switches: Switches): Row[] {
  const { options, port, memoryLimitBytes } = facts
  return [
    ['maxbytes', memoryLimitBytes()],
    ['maxconns', options.connectionLimit],
    ['tcpport', port],
    ['udpport', 0],
    ['inter', options.interfaces],
    ['verbosity', switches.get('verbosity')],
    ['oldest', 0],
    ['evictions', onOff(options.evict)],
    ['domain_socket', options.domainSocket],
    ['umask', options.unixMask.toString(8)],
    ['shutdown_command', yesNo(options.shutdown)],
    ['growth_factor', '1.25'],
    ['chunk_size', 48],
    ['num_threads', options.threads],
    ['num_threads_per_udp', options.threads],
    ['stat_key_prefix', options.prefixDelimiter],
    ['detail_enabled', yesNo(switches.get('detail') === 1)],
    ['reqs_per_event', options.requestsPerEvent],
    ['cas_enabled', yesNo(options.cas)],
    ['tcp_backlog', options.backlog],
    ['binding_protocol', bindingProtocol(options)],
    ['auth_enabled_sasl', yesNo(options.sasl)],
    ['auth_enabled_ascii', options.authFile ?? 'no'],
    ['item_size_max', options.itemSizeMax],
  ]
}

function bindingProtocol({ protocol, accounts, sasl }: NodeOptions): string {
  if (protocol !== 'auto') return protocol
  return accounts !== undefined && !sasl ? 'ascii' : 'auto-negotiate'
}

function slabRows({ extended }: NodeOptions, switches: Switches): Row[] {
  return [
    ['maxconns_fast', yesNo(extended.maxconnsFast)],
    ['hashpower_init', extended.hashpowerInit],
    ['slab_reassign', yesNo(extended.slabReassign)],
    ['slab_automove', switches.get('slabAutomove')],
    ['slab_automove_ratio', switches.get('slabAutomoveRatio').toFixed(2)],
    ['slab_automove_window', switches.get('slabAutomoveWindow')],
    ['slab_chunk_max', extended.slabChunkMaxBytes],
    ['lru_crawler', yesNo(switches.get('lruCrawler') === 1)],
    ['lru_crawler_sleep', switches.get('lruCrawlerSleep')],
    ['lru_crawler_tocrawl', switches.get('lruCrawlerTocrawl')],
    ['tail_repair_time', extended.tailRepairTime],
  ]
}

function lruRows({ dump, extended, flush }: NodeOptions, switches: Switches): Row[] {
  const temporaryTtl = switches.get('temporaryTtl')
  return [
    ['flush_enabled', yesNo(flush)],
    ['dump_enabled', yesNo(dump)],
    ['hash_algorithm', 'halfsiphash13'],
    ['lru_maintainer_thread', yesNo(extended.lruMaintainer)],
    ['lru_segmented', yesNo(switches.get('lruSegmented') === 1)],
    ['hot_lru_pct', switches.get('hotLruPct')],
    ['warm_lru_pct', switches.get('warmLruPct')],
    ['hot_max_factor', switches.get('hotMaxFactor').toFixed(2)],
    ['warm_max_factor', switches.get('warmMaxFactor').toFixed(2)],
    ['temp_lru', yesNo(temporaryTtl >= 0)],
    ['temporary_ttl', temporaryTtl >= 0 ? temporaryTtl : TEMPORARY_TTL],
  ]
}

function restRows({ extended, tls }: NodeOptions, switches: Switches): Row[] {
  return [
    ['idle_timeout', extended.idleTimeout],
    ['watcher_logbuf_size', extended.watcherLogbufBytes],
    ['worker_logbuf_size', extended.workerLogbufBytes],
    ['read_buf_mem_limit', extended.readBufMemLimitBytes],
    ['track_sizes', yesNo(switches.get('trackSizes') === 1)],
    ['inline_ascii_response', yesNo(extended.inlineAsciiResponse)],
    ['ssl_enabled', yesNo(tls !== undefined)],
    ...tlsRows(tls, extended.tls),
    ['num_napi_ids', 0],
    ['memory_file', '(null)'],
    ['client_flags_size', 4],
  ]
}

function tlsRows(files: TlsFiles | undefined, rules: TlsRules): Row[] {
  if (files === undefined) return []
  return [
    ['ssl_chain_cert', files.chainCert],
    ['ssl_key', files.key],
    ['ssl_verify_mode', files.verify],
    ['ssl_keyformat', rules.keyFormat],
    ['ssl_ciphers', files.ciphers ?? 'NULL'],
    ['ssl_ca_cert', files.caCert ?? 'NULL'],
    ['ssl_wbuf_size', rules.wbufBytes],
    ['ssl_session_cache', yesNo(rules.sessionCache)],
    ['ssl_kernel_tls', 'no'],
    ['ssl_min_version', files.minVersion.toLowerCase()],
  ]
}

/** What memcached shows while its temporary LRU is off. */
const TEMPORARY_TTL = 61

function onOff(value: boolean): string {
  return value ? 'on' : 'off'
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}
