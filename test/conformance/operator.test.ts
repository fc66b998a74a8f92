// Commands of operators: what has no meaning without slabs and LRU lists is answered all the same.

import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { parseStats, readStats } from '../support/stats.ts'
import { memcacheds, targets } from '../support/targets.ts'
import { conformance, transcript } from '../support/transcript.ts'
import { Older } from './older.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format\r\n'
/** What is set outlives a flush, so each run has a server of its own: one run is enough. */
const ROWS = { rowsOnly: true }
const BAD_CLASS = 'BADCLASS invalid class id\r\n'

conformance({
  title: 'lru_crawler, lru, slabs',
  restart: true,
  transcripts: [
    transcript(
      'lru_crawler',
      [
        ['lru_crawler\r\n', 'ERROR\r\n'],
        ['lru_crawler foo\r\n', 'ERROR\r\n'],
        ['lru_crawler foo bar\r\n', 'ERROR\r\n'],
        ['lru_crawler enable\r\n', 'ERROR failed to start lru crawler thread\r\n'],
        ['lru_crawler disable\r\n', 'OK\r\n'],
        ['lru_crawler crawl all\r\n', 'CLIENT_ERROR lru crawler disabled\r\n'],
        ['lru_crawler metadump all\r\n', 'CLIENT_ERROR lru crawler disabled\r\n'],
        ['lru_crawler enable\r\n', 'OK\r\n'],
        ['lru_crawler crawl 1,2\r\n', 'OK\r\n'],
        ['lru_crawler crawl 99\r\n', BAD_CLASS],
        ['lru_crawler crawl foo\r\n', BAD_CLASS],
        ['lru_crawler crawl\r\n', 'ERROR\r\n'],
        ['lru_crawler metadump\r\n', 'ERROR\r\n'],
        ['lru_crawler metadump 0\r\n', BAD_CLASS],
        ['lru_crawler metadump 64\r\n', BAD_CLASS],
        ['lru_crawler metadump 1,99\r\n', BAD_CLASS],
        ['lru_crawler metadump foo\r\n', BAD_CLASS],
        ['lru_crawler sleep 0\r\n', 'OK\r\n'],
        ['lru_crawler sleep 1000000\r\n', 'OK\r\n'],
        ['lru_crawler sleep 1000001\r\n', 'CLIENT_ERROR sleep must be one second or less\r\n'],
        ['lru_crawler sleep x\r\n', BAD_FORMAT],
        ['lru_crawler tocrawl 4294967295\r\n', 'OK\r\n'],
        ['lru_crawler tocrawl x\r\n', BAD_FORMAT],
        ['lru_crawler tocrawl\r\n', 'ERROR\r\n'],
        ['lru_crawler tocrawl 5 6\r\n', 'ERROR\r\n'],
        ['lru_crawler sleep 5 6\r\n', 'ERROR\r\n'],
        ['lru_crawler crawl all x\r\n', 'ERROR\r\n'],
        ['lru_crawler metadump all x\r\n', 'ERROR\r\n'],
        ['lru_crawler enable x\r\n', 'ERROR\r\n'],
        ['lru_crawler disable x\r\n', 'ERROR\r\n'],
      ],
      ROWS,
    ),
    transcript(
      'lru',
      [
        ['lru\r\n', 'ERROR\r\n'],
        ['lru mode\r\n', 'ERROR\r\n'],
        ['lru mode flat\r\n', 'OK\r\n'],
        ['lru mode segmented\r\n', 'OK\r\n'],
        ['lru mode x\r\n', 'ERROR\r\n'],
        ['lru mode flat noreply\r\n', ''],
        ['lru tune 10 20 0.1 2.0\r\n', 'OK\r\n'],
        ['lru tune 40 40 0.1 2\r\n', 'OK\r\n'],
        ['lru tune 41 40 0.1 2\r\n', 'ERROR hot and warm pcts must not exceed 80\r\n'],
        ['lru tune 10 20 0 2\r\n', 'ERROR hot/warm age factors must be greater than 0\r\n'],
        ['lru tune 10 20 x 2\r\n', 'ERROR\r\n'],
        ['lru tune 10 20\r\n', 'ERROR\r\n'],
        ['lru temp_ttl 5\r\n', 'OK\r\n'],
        ['lru temp_ttl -1\r\n', 'OK\r\n'],
        ['lru temp_ttl x\r\n', 'ERROR\r\n'],
        ['lru foo 1\r\n', 'ERROR\r\n'],
      ],
      ROWS,
    ),
    transcript(
      'slabs',
      [
        ['slabs\r\n', 'ERROR\r\n'],
        ['slabs foo\r\n', 'ERROR\r\n'],
        ['slabs foo bar\r\n', 'ERROR\r\n'],
        ['slabs reassign\r\n', 'ERROR\r\n'],
        ['slabs reassign 1 2\r\n', 'NOSPARE source class has no spare pages\r\n'],
        ['slabs reassign 1 0\r\n', 'NOSPARE source class has no spare pages\r\n'],
        ['slabs reassign 0 1\r\n', 'NOSPARE source class has no spare pages\r\n'],
        ['slabs reassign 1 1\r\n', 'SAME src and dst class are identical\r\n'],
        ['slabs reassign -1 -1\r\n', 'SAME src and dst class are identical\r\n'],
        ['slabs reassign 1 63\r\n', 'BADCLASS invalid src or dst class id\r\n'],
        ['slabs reassign 99 1\r\n', 'BADCLASS invalid src or dst class id\r\n'],
        ['slabs reassign -1 1\r\n', 'BADCLASS invalid src or dst class id\r\n'],
        ['slabs reassign 1 2 3\r\n', 'ERROR\r\n'],
        ['slabs reassign x 1\r\n', BAD_FORMAT],
        ['slabs automove\r\n', 'ERROR\r\n'],
        ['slabs automove 0\r\n', 'OK\r\n'],
        ['slabs automove 2\r\n', 'OK\r\n'],
        ['slabs automove 3\r\n', 'ERROR\r\n'],
        ['slabs automove x\r\n', BAD_FORMAT],
        ['slabs automove ratio 0.5\r\n', 'OK\r\n'],
        ['slabs automove ratio +.5\r\n', 'OK\r\n'],
        ['slabs automove ratio x\r\n', 'ERROR\r\n'],
        ['slabs automove 0 noreply\r\n', ''],
      ],
      ROWS,
    ),
    transcript(
      'shutdown is refused, and there are no certificates',
      [
        [
          'shutdown\r\n',
          'SERVER_ERROR: shutdown not enabled\r\n',
          { reason: Older.shutdownWords, older: 'ERROR: shutdown not enabled\r\n' },
        ],
        ['refresh_certs\r\n', 'Error TLS not enabled\r\n'],
        ['refresh_certs noreply\r\n', 'Error TLS not enabled\r\n'],
        ['debugtime p\r\n', 'ERROR\r\n'],
        ['debugtime +5\r\n', 'ERROR\r\n'],
      ],
      ROWS,
    ),
  ],
})

conformance({
  title: 'statistics that are words',
  transcripts: [
    transcript('cachedump', [
      ['stats cachedump\r\n', 'CLIENT_ERROR bad command line\r\n'],
      ['stats cachedump 1\r\n', 'CLIENT_ERROR bad command line\r\n'],
      ['stats cachedump a 1\r\n', BAD_FORMAT],
      ['stats cachedump -1 1\r\n', BAD_FORMAT],
      ['stats cachedump 1 -1\r\n', BAD_FORMAT],
      ['stats cachedump 64 1\r\n', 'CLIENT_ERROR Illegal slab id\r\n'],
      ['stats cachedump 0 1\r\n', 'END\r\n'],
      ['stats cachedump 63 1\r\n', 'END\r\n'],
    ]),
    transcript('sizes are not tracked unless that is asked for', [
      ['stats sizes\r\n', 'STAT sizes_status disabled\r\nEND\r\n'],
    ]),
    transcript(
      'detail counts by prefix',
      [
        ['stats detail\r\n', 'CLIENT_ERROR usage: stats detail on|off|dump\r\n'],
        ['stats detail foo\r\n', 'CLIENT_ERROR usage: stats detail on|off|dump\r\n'],
        ['stats reset\r\n', 'RESET\r\n'],
        ['stats detail on\r\n', 'OK\r\n'],
        ['get pre:a plain\r\n', 'END\r\n'],
        ['set pre:b 0 0 1\r\n1\r\n', 'STORED\r\n'],
        ['add pre:b 0 0 1\r\n1\r\n', 'NOT_STORED\r\n'],
        ['get pre:b pre:b plain\r\n', `${'VALUE pre:b 0 1\r\n1\r\n'.repeat(2)}END\r\n`],
        ['delete pre:none\r\n', 'NOT_FOUND\r\n'],
        ['delete pre:b\r\n', 'DELETED\r\n'],
        ['stats detail off\r\n', 'OK\r\n'],
        ['get pre:b\r\n', 'END\r\n'],
        ['stats detail dump\r\n', 'PREFIX pre get 3 hit 2 set 2 del 2\r\nEND\r\n'],
      ],
      ROWS,
    ),
    transcript('reset', [['stats reset\r\n', 'RESET\r\n']]),
  ],
})

conformance({
  title: 'without dumps (-X)',
  flags: ['-X'],
  transcripts: [
    transcript('every dump is refused', [
      ['stats cachedump 1 1\r\n', 'CLIENT_ERROR stats cachedump not allowed\r\n'],
      ['lru_crawler metadump all\r\n', 'ERROR metadump not allowed\r\n'],
      [
        'lru_crawler mgdump all\r\n',
        'ERROR key dump not allowed\r\n',
        { reason: Older.mgdump, older: 'ERROR\r\n' },
      ],
    ]),
  ],
})

const ITEMS = 300
/** Ages, and what memcached's own upkeep does to lists and pages. */
const UPKEEP =
  /:(age|hits_to|moves_|number_|crawler_|lrutail_|free_chunks$|total_|used_chunks)|total_malloced/

/** `key=… exp=… …` lines by key, without what differs from server to server. */
function dumped(text: string): Map<string, string> {
  const lines = [...text.matchAll(/^key=(\S+) (.*?) ?\n/gm)]
  return new Map(lines.map(([, key, rest]) => [key!, rest!.replace(/ (la|cas|flags)=\d+/g, '')]))
}

/** In order, and without times that depend on when it was asked. */
function comparable(dump: Map<string, string>): string[] {
  const rows = [...dump].map(([key, rest]) => `${key} ${rest.replace(/exp=\d+/, 'exp=later')}`)
  return rows.sort((left, right) => (left < right ? -1 : 1))
}

async function readDump(connection: TestConnection, command: string): Promise<string> {
  await connection.send(`${command}\r\n`)
  const text = (await connection.receiveUntil('END\r\n')).toString('latin1')
  expect(text.endsWith('END\r\n')).toBe(true)
  return text
}

/** A mix that both servers hold in the same classes. */
function load(): string {
  const sets = Array.from({ length: ITEMS }, (_, i) => {
    const size = (i * 37) % 3000
    const exptime = i % 3 === 0 ? 1000 : 0
    return `set key:${i} ${i % 5} ${exptime} ${size} noreply\r\n${'v'.repeat(size)}\r\n`
  })
  return `${sets.join('')}set odd%key\xe9\x01 0 0 1 noreply\r\nx\r\nget key:1 key:2 key:none\r\n`
}

describe.each(memcacheds)('the same mix as on $name', memcached => {
  const running: { name: string; server: ServerProcess; connection: TestConnection }[] = []
  beforeAll(async () => {
    for (const target of [targets[0]!, memcached]) {
      const server = await target.start(['-t', '1', '-o', 'track_sizes'])
      const connection = await TestConnection.open(server)
      await connection.send(load())
      await connection.receiveUntil('END\r\n')
      running.push({ name: target.name, server, connection })
    }
  })
  afterAll(async () => {
    for (const { server } of running) await server.stop()
  })

  test('metadump lists it alike, all of it and by class', async () => {
    for (const which of ['all', 'hash', '1', '2,3,5']) {
      const [ours, theirs] = await Promise.all(
        running.map(async ({ connection }) =>
          dumped(await readDump(connection, `lru_crawler metadump ${which}`)),
        ),
      )
      expect(comparable(ours!)).toEqual(comparable(theirs!))
      expect(ours!.size).toBeGreaterThan(1)
    }
    const all = dumped(await readDump(running[0]!.connection, 'lru_crawler metadump all'))
    expect(all.size).toBe(ITEMS + 1)
    expect(all.get('odd%25key%E9%01')).toContain('exp=-1')
  })

  test('items, slabs and sizes have the same keys and counts', async () => {
    const statistics = ['stats items', 'stats slabs', 'stats sizes']
    for (const command of statistics) {
      const [ours, theirs] = await Promise.all(
        running.map(({ connection }) => readStats(connection, command)),
      )
      expect([...ours!.keys()], command).toEqual([...theirs!.keys()])
      for (const [name, value] of theirs!) {
        if (UPKEEP.test(name)) continue
        expect([name, ours!.get(name)]).toEqual([name, value])
      }
    }
  })

  test('every key of general statistics and settings is there, in order', async () => {
    for (const command of ['stats', 'stats settings']) {
      const [ours, theirs] = await Promise.all(
        running.map(({ connection }) => readStats(connection, command)),
      )
      // What only a build with these parts has, and what 1.6.18 has and 1.6.45 has no more.
      const optional =
        /^(ext_|ssl_|proxy_|extstore|slab_automove_freeratio|.*_extstore|slab_reassign_evict)/
      const expected = [...theirs!.keys()].filter(name => !optional.test(name))
      const found = [...ours!.keys()].filter(name => expected.includes(name))
      expect(found, command).toEqual(expected)
    }
  })

  test('cachedump lists a class alike', async () => {
    const answers = await Promise.all(
      running.map(async ({ connection }) => {
        await connection.send('stats cachedump 5 0\r\n')
        const text = (await connection.receiveUntil('END\r\n')).toString('latin1')
        return text
          .split('\r\n')
          .map(line => line.replace(/; \d{2,} s/, '; later'))
          .sort()
      }),
    )
    expect(answers[0]!.length).toBeGreaterThan(3)
    expect(answers[0]).toEqual(answers[1])
    const { connection } = running[0]!
    await connection.send('stats cachedump 5 2\r\n')
    const limited = (await connection.receiveUntil('END\r\n')).toString('latin1')
    expect(limited.match(/^ITEM /gm)?.length).toBe(2)
  })

  test('mgdump lists every key as mg takes it', async () => {
    const { connection } = running[0]!
    await connection.send('set a\x01b 0 0 1\r\nx\r\nms AAE= 1 b\r\nx\r\nlru_crawler mgdump all\r\n')
    await connection.receiveUntil('STORED\r\nHD\r\n')
    const refused = (await connection.receiveUntil('\r\n')).toString('latin1')
    expect(refused).toBe('ERROR cannot pipeline other commands before mgdump\r\n')
    await connection.send('lru_crawler mgdump all\r\n')
    const text = (await connection.receiveUntil('\nEN\r\n')).toString('latin1')
    const lines = text.split('\r\n')
    expect(lines[0]).toBe('OK')
    expect(lines).toContain('mg key:7')
    expect(lines).toContain('mg AAE= b')
    expect(lines.length).toBe(1 + ITEMS + 1 + 2 + 2)
  })

  test('every setting that operators change is shown', async () => {
    const { connection } = running[0]!
    await connection.send(
      'lru tune 10 30 0.5 3 noreply\r\nlru temp_ttl 9 noreply\r\nslabs automove 2 noreply\r\n' +
        'lru_crawler sleep 7 noreply\r\nlru_crawler tocrawl 8 noreply\r\nverbosity 5 noreply\r\n',
    )
    expect(Object.fromEntries(await readStats(connection, 'stats settings'))).toMatchObject({
      hot_lru_pct: '10',
      warm_lru_pct: '30',
      hot_max_factor: '0.50',
      warm_max_factor: '3.00',
      temp_lru: 'yes',
      temporary_ttl: '9',
      slab_automove: '2',
      lru_crawler_sleep: '7',
      lru_crawler_tocrawl: '8',
      verbosity: '2',
    })
  })
})

test.each([targets[0]!, ...memcacheds])('-A lets a client end it ($name)', async target => {
  for (const mode of ['', ' graceful']) {
    const server = await target.start(['-A'])
    const connection = await TestConnection.open(server)
    await connection.send('shutdown foo\r\n')
    const refused = (await connection.receiveUntil('\r\n')).toString()
    expect(refused).toBe('CLIENT_ERROR invalid shutdown mode\r\n')
    await connection.send(`shutdown${mode}\r\n`)
    expect(await server.exited).toEqual({ code: 0, signal: null })
  }
})

test('-o debug_commands: a client moves the clock', async () => {
  const server = await targets[1]!.start(['-o', 'debug_commands', '-v'])
  const ask = async (text: string): Promise<string> => {
    const connection = await TestConnection.open(server)
    await connection.send(text)
    await connection.send('quit\r\n')
    const answer = (await connection.receiveUntil('never')).toString('latin1')
    connection.close()
    return answer
  }
  try {
    expect(await ask('debugtime p\r\ndebugtime x\r\ndebugtime -1\r\ndebugtime\r\n')).toBe(
      `OK\r\n${'ERROR\r\n'.repeat(3)}`,
    )
    expect(await ask('set a 0 10 1\r\n1\r\n')).toBe('STORED\r\n')
    // Another thread's, at the second before and in the second itself.
    expect(await ask('debugtime +9\r\nget a\r\n')).toBe('OK\r\nVALUE a 0 1\r\n1\r\nEND\r\n')
    expect(await ask('get a\r\n')).toBe('VALUE a 0 1\r\n1\r\nEND\r\n')
    expect(await ask('debugtime 1\r\nget a\r\n')).toBe('OK\r\nEND\r\n')
    expect(await ask('debugtime r\r\nset a 0 3600 1\r\n1\r\n')).toBe('OK\r\nSTORED\r\n')
    expect(await ask('debugtime +3601\r\n')).toBe('OK\r\n')
    expect(await ask('get a\r\n')).toBe('END\r\n')

    expect(await ask('*1\r\n$4\r\nPING\r\n')).toBe('ERROR\r\n'.repeat(3))
    expect(await ask('*1\r\n$4\r\nPING\r\n')).toBe('ERROR\r\n'.repeat(3))
    const hint = 'peer speaks Redis; memtier needs -P memcache_text'
    await expect.poll(() => server.output().split(hint).length).toBe(2)
  } finally {
    await server.stop()
  }
})

test('parseStats() is what these tests stand on', () => {
  expect(parseStats('STAT a 1\r\nSTAT b x y\r\nEND\r\n')).toEqual(
    new Map([
      ['a', '1'],
      ['b', 'x y'],
    ]),
  )
})
