/** The list of `-o`: memcached's names, values, words and exit codes (asked of memcached 1.6.18). */
import { describe, expect, test } from 'vitest'
import { checkExtended, parseExtended } from '../../../src/cli/extended-flags.ts'
import { FlagError } from '../../../src/cli/flags.ts'
import { type ExtendedOptions, extendedDefaults } from '../../../src/server/extended-options.ts'

const MIB = 1024 * 1024

function refusal(text: string, itemSizeMax = MIB): [number, string] {
  try {
    checkExtended(parseExtended(text), itemSizeMax)
  } catch (error) {
    if (error instanceof FlagError) return [error.exitCode, error.message]
    throw error
  }
  throw new Error(`Cannot test "${text}": it was taken`)
}

describe('is taken', () => {
  const taken: readonly [string, Partial<ExtendedOptions>][] = [
    ['no_maxconns_fast', { maxconnsFast: false }],
    ['no_maxconns_fast,maxconns_fast', {}],
    ['hashpower=12', { hashpowerInit: 12 }],
    ['hashpower=32,no_hashexpand', { hashpowerInit: 32 }],
    ['slab_automove', {}],
    ['slab_automove=2', { slabAutomove: 2 }],
    ['no_slab_automove,no_slab_reassign', { slabAutomove: 0, slabReassign: false }],
    ['slab_automove_ratio=0.5', { slabAutomoveRatio: 0.5 }],
    ['slab_automove_window=3', { slabAutomoveWindow: 3 }],
    ['slab_automove_freeratio=0.01', {}],
    ['slab_sizes=100-200-300', {}],
    ['slab_chunk_max=512', {}],
    ['slab_chunk_max=256', { slabChunkMaxBytes: 262144 }],
    ['tail_repair_time=10', { tailRepairTime: 10 }],
    ['hash_algorithm=xxh3', {}],
    ['lru_crawler,lru_crawler_sleep=0', { lruCrawlerSleep: 0 }],
    ['lru_crawler_sleep=1000000', { lruCrawlerSleep: 1000000 }],
    ['lru_crawler_tocrawl=4294967295', { lruCrawlerTocrawl: 4294967295 }],
    ['no_lru_crawler', { lruCrawler: false }],
    ['no_lru_maintainer', { lruMaintainer: false, lruSegmented: false }],
    ['hot_lru_pct=40', { hotLruPct: 40 }],
    ['warm_lru_pct=1,hot_lru_pct=79', { warmLruPct: 1, hotLruPct: 79 }],
    ['hot_max_factor=0.1,warm_max_factor=4', { hotMaxFactor: 0.1, warmMaxFactor: 4 }],
    ['temporary_ttl=0', { temporaryTtl: 0 }],
    ['idle_timeout=0', {}],
    ['idle_timeout=2147483647', { idleTimeout: 2147483647 }],
    ['watcher_logbuf_size=1', { watcherLogbufBytes: 1024 }],
    ['worker_logbuf_size=128', { workerLogbufBytes: 131072 }],
    ['read_buf_mem_limit=16', { readBufMemLimitBytes: 16 * MIB }],
    ['track_sizes,debug_commands', { trackSizes: true, debugCommands: true }],
    ['modern,drop_privileges,no_drop_privileges,resp_obj_mem_limit=0', {}],
    ['inline_ascii_resp', { inlineAsciiResponse: true }],
  ]
  test.each(taken)('%s', (text, expected) => {
    const parsed = parseExtended(text)
    checkExtended(parsed, MIB)
    expect(parsed).toEqual({ ...extendedDefaults, ...expected })
  })

  test('one list on top of another', () => {
    const first = parseExtended('idle_timeout=7')
    expect(parseExtended('track_sizes', first)).toMatchObject({ idleTimeout: 7, trackSizes: true })
    expect(extendedDefaults.idleTimeout).toBe(0)
  })
})

describe('is refused', () => {
  const wrong: readonly [string, number, string][] = [
    ['', 1, 'Illegal suboption ""'],
    [',', 1, 'Illegal suboption ""'],
    ['=', 1, 'Illegal suboption "="'],
    ['nonsense', 1, 'Illegal suboption "nonsense"'],
    ['no_hashexpand,nothing', 1, 'Illegal suboption "nothing"'],
    ['toString', 1, 'Illegal suboption "toString"'],
    ['Track_sizes', 1, 'Illegal suboption "Track_sizes"'],
    ['ext_path=/tmp/x:64m', 1, 'Illegal suboption "ext_path=/tmp/x:64m"'],
    ['ext_item_size=5', 1, 'Illegal suboption'],
    ['ssl_key', 1, 'Missing ssl_key argument'],
    ['ssl_verify_mode=4', 1, 'Invalid ssl_verify_mode. Use help to see valid options.'],
    ['ssl_verify_mode=x', 1, 'could not parse argument to ssl_verify_mode'],
    ['ssl_min_version=1', 1, 'Invalid ssl_min_version'],
    ['ssl_keyformat=2', 1, 'Cannot use ssl_keyformat 2'],
    ['ssl_nothing=1', 1, 'Illegal suboption'],
    ['proxy_config=x', 1, 'Illegal suboption'],
    ['sock_cookie_id=1', 1, 'Illegal suboption'],
    ['hashpower', 1, 'Missing numeric argument for hashpower'],
    ['hashpower=', 1, 'Missing numeric argument for hashpower'],
    ['hashpower=11', 1, 'Initial hashtable multiplier of 11 is too low'],
    ['hashpower=abc', 1, 'Initial hashtable multiplier of 0 is too low'],
    ['hashpower=33', 1, 'Initial hashtable multiplier of 33 is too high'],
    ['slab_automove=3', 1, 'slab_automove must be between 0 and 2'],
    ['slab_automove=-1', 1, 'slab_automove must be between 0 and 2'],
    ['slab_automove_ratio', 1, 'Missing slab_automove_ratio argument'],
    ['slab_automove_ratio=0', 1, 'slab_automove_ratio must be > 0 and < 1'],
    ['slab_automove_ratio=2', 1, 'slab_automove_ratio must be > 0 and < 1'],
    ['slab_automove_window', 1, 'Missing slab_automove_window argument'],
    ['slab_automove_window=2', 1, 'slab_automove_window must be > 2'],
    ['slab_automove_freeratio', 1, 'Missing slab_automove_freeratio argument'],
    ['tail_repair_time', 1, 'Missing numeric argument for tail_repair_time'],
    ['tail_repair_time=9', 1, 'Cannot set tail_repair_time to less than 10 seconds'],
    ['hash_algorithm', 1, 'Missing hash_algorithm argument'],
    ['hash_algorithm=md5', 1, 'Unknown hash_algorithm option (jenkins, murmur3, xxh3)'],
    ['lru_crawler_sleep', 1, 'Missing lru_crawler_sleep value'],
    ['lru_crawler_sleep=1000001', 1, 'LRU crawler sleep must be between 0 and 1 second'],
    ['lru_crawler_sleep=-1', 1, 'LRU crawler sleep must be between 0 and 1 second'],
    ['lru_crawler_tocrawl', 1, 'Missing lru_crawler_tocrawl value'],
    ['lru_crawler_tocrawl=4294967296', 1, 'lru_crawler_tocrawl takes a numeric 32bit value'],
    ['hot_lru_pct', 1, 'Missing hot_lru_pct argument'],
    ['hot_lru_pct=0', 1, 'hot_lru_pct must be > 1 and < 80'],
    ['hot_lru_pct=80', 1, 'hot_lru_pct must be > 1 and < 80'],
    ['warm_lru_pct=99', 1, 'warm_lru_pct must be > 1 and < 80'],
    ['hot_lru_pct=41', 64, 'hot_lru_pct + warm_lru_pct cannot be more than 80% combined'],
    ['hot_max_factor', 1, 'Missing hot_max_factor argument'],
    ['hot_max_factor=0', 1, 'hot_max_factor must be > 0'],
    ['warm_max_factor=-1', 1, 'warm_max_factor must be > 0'],
    ['temporary_ttl', 1, 'Missing temporary_ttl argument'],
    ['idle_timeout', 1, 'Missing numeric argument for idle_timeout'],
    ['idle_timeout=-1', 1, 'expected 0 to 2147483647 seconds'],
    ['idle_timeout=2147483648', 1, 'expected 0 to 2147483647 seconds'],
    ['idle_timeout=99999999999999999999', 1, 'expected 0 to 2147483647 seconds'],
    ['watcher_logbuf_size', 1, 'Missing watcher_logbuf_size argument'],
    ['watcher_logbuf_size=x', 1, 'could not parse argument to watcher_logbuf_size'],
    ['worker_logbuf_size=-1', 1, 'could not parse argument to worker_logbuf_size'],
    ['read_buf_mem_limit', 1, 'Missing read_buf_mem_limit argument'],
    ['read_buf_mem_limit=x', 1, 'could not parse argument to read_buf_mem_limit'],
    ['slab_sizes=5-4', 64, 'slab size 5 is out of valid range'],
    ['slab_sizes', 64, 'out of valid range'],
    ['slab_sizes=200-100', 64, 'cannot be lower than or equal to a previous class size'],
    ['slab_sizes=100-101', 64, 'must be at least 8 bytes larger than previous class'],
    ['slab_chunk_max', 1, 'Missing slab_chunk_max argument'],
    ['slab_chunk_max=0', 64, 'must be evenly divisible by slab_chunk_max'],
    ['slab_chunk_max=300', 64, 'must be evenly divisible by slab_chunk_max'],
  ]
  test.each(wrong)('%s', (text, code, said) => {
    const [exitCode, message] = refusal(text)
    expect([exitCode, message]).toEqual([code, expect.stringContaining(said)])
  })
})
