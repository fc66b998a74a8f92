// What monitoring reads, and a dump of many items beside other traffic: on a node whose sockets'
// memory lies beyond what 32 bits can say.

import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { type ServerProcess, startNode } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'

const ITEMS = process.env['MEMRING_TEST_ALL'] === undefined ? 100_000 : 1_000_000
const BATCH = 5000
const DUMP_TIMEOUT_MS = 60_000

let server: ServerProcess
beforeAll(async () => {
  server = await startNode(['-t', '4', '-m', '2048'])
  const connection = await TestConnection.open(server)
  for (let at = 0; at < ITEMS; at += BATCH) {
    const sets = Array.from({ length: BATCH }, (_, i) => `set key:${at + i} 0 0 1 noreply\r\nx\r\n`)
    await connection.send(`${sets.join('')}mn\r\n`)
    await connection.receiveUntil('MN\r\n')
  }
  connection.close()
}, DUMP_TIMEOUT_MS)
afterAll(async () => {
  await server.stop()
})

/** The keys that github.com/prometheus/memcached_exporter reads (pkg/exporter/exporter.go). */
const exporter = {
  stats: `rusage_user rusage_system bytes limit_maxbytes curr_items total_items bytes_read
    bytes_written curr_connections total_connections rejected_connections conn_yields
    listen_disabled_num evictions reclaimed store_too_large store_no_memory lru_crawler_starts
    direct_reclaims crawler_items_checked crawler_reclaimed moves_to_cold moves_to_warm
    moves_within_lru accepting_conns uptime time version cmd_get cmd_set get_hits get_misses
    delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses
    cas_badval touch_hits touch_misses cmd_flush`,
  'stats settings': `maxconns lru_crawler lru_crawler_sleep lru_crawler_tocrawl
    lru_maintainer_thread hot_lru_pct warm_lru_pct hot_max_factor warm_max_factor`,
  'stats items': `number age hits_to_hot hits_to_warm hits_to_cold hits_to_temp crawler_reclaimed
    evicted evicted_nonzero evicted_time evicted_unfetched expired_unfetched outofmemory reclaimed
    tailrepairs mem_requested moves_to_cold moves_to_warm moves_within_lru`,
  'stats slabs': `get_hits delete_hits incr_hits decr_hits cas_hits touch_hits cas_badval cmd_set
    chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end`,
}
const PREFIX: Readonly<Record<string, string>> = { 'stats items': 'items:1:', 'stats slabs': '1:' }

test.each(Object.entries(exporter))(
  'memcached_exporter finds its keys in %s',
  async (command, keys) => {
    const connection = await TestConnection.open(server)
    const found = await readStats(connection, command)
    for (const key of keys.trim().split(/\s+/)) {
      expect([...found.keys()], key).toContain(`${PREFIX[command] ?? ''}${key}`)
    }
    connection.close()
  },
)

test(
  `metadump lists ${ITEMS} items once each, while others are served`,
  async () => {
    const other = await TestConnection.open(server)
    const pieces: Buffer[] = []
    const state = { isOver: false }
    const dump = connect({ host: server.host, port: server.port })
    dump.on('data', (piece: Buffer) => {
      pieces.push(piece)
      state.isOver = piece.subarray(-5).toString() === 'END\r\n'
    })
    dump.write('lru_crawler metadump all\r\n')
    let served = 0
    let longestMs = 0
    while (!state.isOver) {
      const before = performance.now()
      await other.send('get key:1\r\n')
      expect((await other.receiveUntil('END\r\n')).toString()).toContain('VALUE key:1 0 1')
      longestMs = Math.max(longestMs, performance.now() - before)
      served += 1
    }
    dump.destroy()
    const text = Buffer.concat(pieces).toString('latin1')
    expect(text.startsWith('OK\r\n')).toBe(true)
    const keys = [...text.matchAll(/^key=key%3A(\d+) /gm)].map(([, number]) => Number(number))
    expect(keys.length).toBe(ITEMS)
    expect(new Set(keys).size).toBe(ITEMS)
    expect(served).toBeGreaterThan(10)
    // Far more than a slice of the dump takes, far less than all of it.
    expect(longestMs).toBeLessThan(500)
    other.close()
  },
  DUMP_TIMEOUT_MS,
)
