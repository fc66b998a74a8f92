/** The shape of `stats` as memcached 1.6.45 has it with its crawler and maintainer switched off. */
import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { extendedDefaults } from '../../../src/server/extended-options.ts'
import { makeNode, type TestNode, type TestNodeOptions } from '../session/support.ts'

const generalNames = `
  pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
  curr_connections total_connections rejected_connections connection_structures response_obj_oom
  response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free
  read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses
  get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits
  cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large store_no_memory auth_cmds
  auth_errors bytes_read bytes_written limit_maxbytes accepting_conns listen_disabled_num
  time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes hash_is_expanding
  slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim
  slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_busy_nomem
  slab_reassign_last_busy_status slab_reassign_running slabs_moved malloc_fails log_worker_dropped
  log_worker_written log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids
  round_robin_fallback bytes curr_items total_items slab_global_page_pool expired_unfetched
  evicted_unfetched evictions reclaimed crawler_reclaimed crawler_items_checked lrutail_reflocked`
  .trim()
  .split(/\s+/)

/** All that memcached has without its optional parts, in its order, and what is ours. */
const settingNames = `
  maxbytes maxconns tcpport udpport inter verbosity oldest evictions domain_socket umask
  shutdown_command growth_factor chunk_size num_threads num_threads_per_udp stat_key_prefix
  detail_enabled reqs_per_event cas_enabled tcp_backlog binding_protocol auth_enabled_sasl
  auth_enabled_ascii item_size_max maxconns_fast hashpower_init slab_reassign slab_automove
  slab_automove_ratio slab_automove_window slab_chunk_max lru_crawler lru_crawler_sleep
  lru_crawler_tocrawl tail_repair_time flush_enabled dump_enabled hash_algorithm
  lru_maintainer_thread lru_segmented hot_lru_pct warm_lru_pct hot_max_factor warm_max_factor
  temp_lru temporary_ttl idle_timeout watcher_logbuf_size worker_logbuf_size read_buf_mem_limit
  track_sizes inline_ascii_response ssl_enabled num_napi_ids memory_file client_flags_size
  memring_version memring_node_name memring_region memring_io`
  .trim()
  .split(/\s+/)

function stats(node: TestNode, argument = ''): Map<string, string> {
  const reply = node.connect().ask(`stats ${argument}\r\n`)
  expect(reply).toMatch(/^(?:STAT \S+ [^\r\n]+\r\n)+END\r\n$/)
  const rows = [...reply.matchAll(/^STAT (\S+) (.*)\r$/gm)]
  return new Map(rows.map(([, name, value]) => [name!, value!]))
}

test('the binary protocol says the same, a packet each', () => {
  const node = makeNode()
  const inText = [...stats(node).keys()]
  const ask = Buffer.alloc(24)
  ask[0] = 0x80
  ask[1] = 0x10
  const bytes = Buffer.from(node.connect().ask(ask.toString('latin1')), 'latin1')
  const names: string[] = []
  let at = 0
  for (; bytes.readUInt32BE(at + 8) > 0; at += 24 + bytes.readUInt32BE(at + 8)) {
    expect(bytes.toString('hex', at, at + 2)).toBe('8110')
    expect(bytes.readUInt32BE(at + 8)).toBeGreaterThan(bytes.readUInt16BE(at + 2))
    names.push(bytes.toString('latin1', at + 24, at + 24 + bytes.readUInt16BE(at + 2)))
  }
  expect(names).toEqual(inText)
  expect(at + 24).toBe(bytes.length)
})

describe('stats', () => {
  test('has the 84 names of memcached, in its order', () => {
    expect(generalNames.length).toBe(84)
    const extended = { ...extendedDefaults, lruCrawler: false, lruMaintainer: false }
    const node = makeNode({ extended: { ...extended, lruSegmented: false } })
    expect([...stats(node).keys()]).toEqual(generalNames)
  })

  test('has 9 more for the threads that memcached runs unless it is told not to', () => {
    const names = [...stats(makeNode()).keys()]
    expect(names.length).toBe(93)
    expect(names.filter(name => generalNames.includes(name))).toEqual(generalNames)
  })

  test('counts every command as memcached does', () => {
    const node = makeNode()
    const client = node.connect()
    client.send(
      'set a 0 0 1\r\n1\r\nset x 0 -1 1\r\n1\r\nadd a 0 0 1\r\n1\r\ncas a 0 0 1 2\r\n5\r\n' +
        'cas a 0 0 1 2\r\n1\r\ncas z 0 0 1 2\r\n1\r\nget a z x\r\ngat 0 a z\r\ntouch a 0\r\n' +
        'touch z 0\r\nincr a 1\r\nincr z 1\r\ndecr a 1\r\ndecr z 1\r\ndelete a\r\ndelete a\r\n' +
        'set b 0 0 1\r\n1\r\nflush_all\r\nget b\r\nset c 0 0 2000000\r\n',
    )
    const found = stats(node)
    const expected = `
      cmd_get 4, cmd_set 7, cmd_touch 4, cmd_flush 1, cmd_meta 0, get_hits 1, get_misses 3,
      get_expired 1, get_flushed 1, delete_hits 1, delete_misses 1, incr_hits 1, incr_misses 1,
      decr_hits 1, decr_misses 1, cas_hits 1, cas_misses 1, cas_badval 1, touch_hits 2,
      touch_misses 2, store_too_large 1, store_no_memory 0, curr_items 0, bytes 0, reclaimed 2,
      evictions 0, version 1.6.45`
    for (const row of expected.trim().split(/,\s+/)) {
      const [name = '', value] = row.split(' ')
      expect(found.get(name), name).toBe(value)
    }
    expect(Number(found.get('bytes_written'))).toBeGreaterThan(200)
  })

  test('reset zeroes what was counted, and leaves what is held', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('set a 0 0 100\r\n'.concat('x'.repeat(100), '\r\nget a b\r\n'))
    const before = stats(node)
    expect(client.ask('stats reset\r\n')).toContain('RESET\r\n')
    const after = stats(node)
    for (const name of ['cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'total_items']) {
      expect([before.get(name) === '0', after.get(name)], name).toEqual([false, '0'])
    }
    for (const name of ['curr_items', 'bytes', 'limit_maxbytes', 'threads']) {
      expect(after.get(name), name).toBe(before.get(name))
    }
    client.send('get a\r\n')
    expect(node.counters.sum(Counter.cmdGet)).toBe(1)
  })

  test('time goes by in it', () => {
    const node = makeNode()
    const before = stats(node)
    node.advance(60)
    const after = stats(node)
    expect(Number(after.get('uptime')) - Number(before.get('uptime'))).toBe(60)
    expect(Number(after.get('time')) - Number(before.get('time'))).toBe(60)
    expect(after.get('rusage_user')).toMatch(/^\d+\.\d{6}$/)
  })

  test('an unknown statistic is an error, and a part of a name is unknown', () => {
    const client = makeNode().connect()
    for (const argument of ['r', 'rese', 'settingsx', 'bogus', 'RESET']) {
      expect(client.ask(`stats ${argument}\r\n`)).toBe('ERROR\r\n')
    }
  })
})

describe('stats settings', () => {
  test('has names of memcached, in its order', () => {
    expect([...stats(makeNode(), 'settings').keys()]).toEqual(settingNames)
  })

  const switched: readonly [TestNodeOptions, string, string][] = [
    [{}, 'evictions', 'on'],
    [{ evict: false }, 'evictions', 'off'],
    [{}, 'cas_enabled', 'yes'],
    [{ cas: false }, 'cas_enabled', 'no'],
    [{ flush: false }, 'flush_enabled', 'no'],
    [{}, 'auth_enabled_ascii', 'no'],
    [{}, 'auth_enabled_sasl', 'no'],
    [{}, 'binding_protocol', 'auto-negotiate'],
    [{ itemSizeMax: 4096 }, 'item_size_max', '4096'],
    [{ verbosity: 2 }, 'verbosity', '2'],
    [{ connectionLimit: 7 }, 'maxconns', '7'],
    [{}, 'maxbytes', String(8 * 1024 * 1024)],
    [{}, 'tcpport', '11211'],
    [{}, 'client_flags_size', '4'],
    [{}, 'inter', 'NULL'],
    [{ interfaces: '127.0.0.1,::1' }, 'inter', '127.0.0.1,::1'],
  ]
  test.each(switched)('%o: %s is %s', (options, name, value) => {
    expect(stats(makeNode(options), 'settings').get(name)).toBe(value)
  })
})
