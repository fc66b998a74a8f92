// version, verbosity, flush_all, stats.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { parseStats, readStats } from '../support/stats.ts'
import { steadyMemcacheds, targets } from '../support/targets.ts'
import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const MIB = 1024 * 1024
const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const EXPTIME = 'CLIENT_ERROR invalid exptime argument\r\n'
const TOO_SMALL = 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n'
const IN_BYTES = 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n'
const stored = (key: string): Row => [`set ${key} 0 0 1\r\n1\r\n`, 'STORED\r\n']

conformance({
  title: 'administration',
  transcripts: [
    transcript('version', [
      ['version\r\n', 'VERSION {version}\r\n'],
      ['version \r\n', 'VERSION {version}\r\n'],
    ]),
    transcript('verbosity', [
      ['verbosity x\r\n', FORMAT],
      ['verbosity -1\r\n', FORMAT],
      ['verbosity 0\r\n', 'OK\r\n'],
      ['verbosity 0 0\r\n', 'OK\r\n'],
    ]),
    transcript('flush_all forgets everything, and items set afterwards live', [
      stored('a'),
      stored('b'),
      ['flush_all\r\n', 'OK\r\n'],
      ['get a b\r\n', 'END\r\n'],
      stored('a'),
      ['get a b\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
      ['flush_all 0\r\n', 'OK\r\n'],
      ['get a\r\n', 'END\r\n'],
      stored('a'),
      ['flush_all -1\r\n', 'OK\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['flush_all\r\n', 'OK\r\n'],
      ['flush_all\r\n', 'OK\r\n'],
    ]),
    transcript('flush_all means every command', [
      stored('a'),
      ['flush_all\r\n', 'OK\r\n'],
      ['incr a 1\r\n', 'NOT_FOUND\r\n'],
      stored('a'),
      ['flush_all\r\n', 'OK\r\n'],
      ['append a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
      stored('a'),
      ['flush_all\r\n', 'OK\r\n'],
      ['touch a 0\r\n', 'NOT_FOUND\r\n'],
      stored('a'),
      ['flush_all\r\n', 'OK\r\n'],
      ['delete a\r\n', 'NOT_FOUND\r\n'],
      stored('a'),
      ['flush_all\r\n', 'OK\r\n'],
      ['add a 0 0 1\r\nx\r\n', 'STORED\r\n'],
      ['flush_all\r\n', 'OK\r\n'],
      ['replace a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
      ['cas a 0 0 1 1\r\nx\r\n', 'NOT_FOUND\r\n'],
      ['gat 0 a\r\n', 'END\r\n'],
    ]),
    transcript('flush_all with wrong and surplus arguments', [
      stored('a'),
      ['flush_all x\r\n', EXPTIME],
      ['flush_all 1.5\r\n', EXPTIME],
      ['flush_all x noreply\r\n', ''],
      ['get a\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
      ['flush_all 0 0\r\n', 'OK\r\n'],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('stats reset, and a word that stats does not know', [
      ['stats reset\r\n', 'RESET\r\n'],
      ['stats bogus\r\n', 'ERROR\r\n'],
      ['stats Reset\r\n', 'ERROR\r\n'],
    ]),
    transcript('cache_memlimit down and up, and what is no limit', [
      stored('a'),
      ['cache_memlimit 8\r\n', 'OK\r\n'],
      ['cache_memlimit 100\r\n', 'OK\r\n'],
      ['get a\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
      ['cache_memlimit 7\r\n', TOO_SMALL],
      ['cache_memlimit 0\r\n', TOO_SMALL],
      ['cache_memlimit 4294967296\r\n', 'ERROR\r\n', older(Older.numbers, TOO_SMALL)],
      ['cache_memlimit 1000000001\r\n', IN_BYTES],
      ['cache_memlimit 4294967295\r\n', IN_BYTES],
      ['cache_memlimit\r\n', 'ERROR\r\n'],
      ['cache_memlimit x\r\n', 'ERROR\r\n'],
      ['cache_memlimit -64\r\n', 'ERROR\r\n'],
      ['cache_memlimit 64m\r\n', 'ERROR\r\n'],
      ['cache_memlimit 64.5\r\n', 'ERROR\r\n'],
      ['cache_memlimit 99 x\r\n', 'OK\r\n'],
      ['cache_memlimit 98 x y\r\n', 'OK\r\n', older(Older.surplus, 'ERROR\r\n')],
      ['cache_memlimit 98 x noreply\r\n', '', older(Older.surplus, 'ERROR\r\n')],
      ['cache_memlimit noreply\r\n', ''],
      ['cache_memlimit x noreply\r\n', ''],
      ['cache_memlimit 7 noreply\r\n', ''],
      ['cache_memlimit +064\r\n', 'ERROR\r\n', older(Older.numbers, 'OK\r\n')],
      ['cache_memlimit 00000000064\r\n', 'OK\r\n'],
      ['cache_memlimit 000000000064\r\n', 'ERROR\r\n', older(Older.numbers, 'OK\r\n')],
      ['cache_memlimit 64 noreply\r\n', ''],
    ]),
  ],
})

/** Sent to every target, one by one; what it counts to is stated below. */
const traffic = [
  'set n 0 0 1\r\n5\r\n',
  'set other 7 0 10\r\n0123456789\r\n',
  'set gone 0 -1 1\r\nx\r\n',
  'get n other missing\r\n',
  'gets n\r\n',
  'get gone\r\n',
  'add n 0 0 1\r\nx\r\n',
  'incr n 1\r\nincr missing 1\r\n',
  'decr n 1\r\ndecr n 1\r\ndecr missing 1\r\n',
  'cas missing 0 0 1 1\r\nx\r\n',
  'cas n 0 0 1 0\r\nx\r\n',
  'touch n 0\r\ntouch missing 0\r\n',
  'gat 0 n missing\r\n',
  'delete missing\r\nset d 0 0 1\r\nx\r\ndelete d\r\n',
]

/** Two items are left: 17 bytes of keys and values, 139 as memcached accounts for them. */
const BYTES_MIN = 17
const BYTES_MAX = 139

const counted: Readonly<Record<string, string>> = {
  cmd_get: '5',
  cmd_set: '7',
  cmd_flush: '0',
  cmd_touch: '4',
  get_hits: '3',
  get_misses: '2',
  get_expired: '1',
  get_flushed: '0',
  delete_misses: '1',
  delete_hits: '1',
  incr_misses: '1',
  incr_hits: '1',
  decr_misses: '1',
  decr_hits: '2',
  cas_misses: '1',
  cas_hits: '0',
  cas_badval: '1',
  touch_hits: '2',
  touch_misses: '2',
  auth_cmds: '0',
  auth_errors: '0',
  curr_items: '2',
  total_items: '4',
  evictions: '0',
  limit_maxbytes: '67108864',
  max_connections: '1024',
  accepting_conns: '1',
}

const countable = [...targets.filter(target => target.kind === 'node'), ...steadyMemcacheds]

describe.each(countable)('stats ($name)', target => {
  let server: ServerProcess
  beforeAll(async () => {
    server = await target.start()
  })
  afterAll(async () => {
    await server.stop()
  })

  test('counts what was sent, and reset clears the counters only', async () => {
    const connection = await TestConnection.open(server)
    for (const commands of traffic) {
      await connection.send(commands)
      await connection.receiveBurst(2)
    }
    const stats = await readStats(connection)
    const chosen = Object.fromEntries(Object.keys(counted).map(name => [name, stats.get(name)]))
    expect(chosen).toEqual(counted)
    expect(Number(stats.get('bytes'))).toBeGreaterThanOrEqual(BYTES_MIN)
    expect(Number(stats.get('bytes'))).toBeLessThanOrEqual(BYTES_MAX)
    expect(stats.get('version')).toBe(target.version())
    expect(stats.get('pid')).toBe(String(server.pid))
    expect(stats.get('pointer_size')).toBe('64')
    expect(stats.get('threads')).toMatch(/^[14]$/)
    expect(Number(stats.get('bytes_read'))).toBe(traffic.join('').length + 'stats\r\n'.length)
    expect(Number(stats.get('time'))).toBeGreaterThan(Date.now() / 1000 - 5)
    expect(Number(stats.get('uptime'))).toBeLessThan(60)
    expect(stats.get('rusage_user')).toMatch(/^\d+\.\d{6}$/)

    await connection.send('stats reset\r\n')
    expect((await connection.receiveUntil('\r\n')).toString()).toBe('RESET\r\n')
    const after = await readStats(connection)
    expect(after.get('cmd_get')).toBe('0')
    expect(after.get('cmd_set')).toBe('0')
    expect(after.get('get_hits')).toBe('0')
    expect(after.get('touch_hits')).toBe('0')
    expect(after.get('total_items')).toBe('0')
    expect(after.get('curr_items')).toBe('2')
    expect(after.get('bytes')).toBe(stats.get('bytes'))
    expect(after.get('limit_maxbytes')).toBe('67108864')
    connection.close()
  })

  test('counts connections', async () => {
    const first = await TestConnection.open(server)
    const before = Number((await readStats(first)).get('curr_connections'))
    const others = await Promise.all(Array.from({ length: 5 }, () => TestConnection.open(server)))
    for (const other of others) await other.ask('version')
    const during = await readStats(first)
    expect(Number(during.get('curr_connections'))).toBe(before + 5)
    for (const other of others) other.close()
    await expect
      .poll(async () => Number((await readStats(first)).get('curr_connections')))
      .toBe(before)
    first.close()
  })

  test('stats settings shows the settings', async () => {
    const connection = await TestConnection.open(server)
    const settings = await readStats(connection, 'stats settings')
    expect(settings.get('maxbytes')).toBe('67108864')
    expect(settings.get('maxconns')).toBe('1024')
    expect(settings.get('item_size_max')).toBe('1048576')
    expect(settings.get('evictions')).toBe('on')
    expect(settings.get('cas_enabled')).toBe('yes')
    expect(settings.get('flush_enabled')).toBe('yes')
    expect(settings.get('verbosity')).toBe('0')
    expect(settings.get('auth_enabled_sasl')).toBe('no')
    expect(settings.get('auth_enabled_ascii')).toBe('no')
    expect(settings.get('binding_protocol')).toBe('auto-negotiate')
    expect(settings.get('num_threads')).toMatch(/^[14]$/)
    expect(settings.get('inter')).toBe('127.0.0.1')
    connection.close()
  })

  test('every answer to stats is lines of STAT and one END', async () => {
    const connection = await TestConnection.open(server)
    for (const command of ['stats', 'stats settings']) {
      await connection.send(`${command}\r\n`)
      const text = (await connection.receiveUntil('END\r\n')).toString('latin1')
      expect(text).toMatch(/^(STAT [a-z][a-z0-9_]* [^\r\n]*\r\n)+END\r\n$/)
      const names = text.split('\r\n').map(line => line.split(' ')[1])
      expect(new Set(names).size, `${command} names each thing once`).toBe(names.length - 1)
      expect(parseStats(text).size).toBeGreaterThan(25)
    }
    connection.close()
  })
})

describe.each(targets)('the memory limit while the server runs ($name)', target => {
  test('is what stats say, and what items keep to', { timeout: 60_000 }, async () => {
    const server = await target.start(['-m', '64'])
    const connection = await TestConnection.open(server)
    const value = 'v'.repeat(4000)
    const fill = async (): Promise<void> => {
      for (let at = 0; at < 30_000; at += 500) {
        const sets = Array.from(
          { length: 500 },
          (_, i) => `set k${at + i} 0 0 4000\r\n${value}\r\n`,
        )
        await connection.send(sets.join(''))
        const answers = String(await connection.receiveLines(500))
        expect(answers).toBe('STORED\r\n'.repeat(500))
      }
    }
    const stat = async (name: string): Promise<number> => {
      return Number((await readStats(connection)).get(name))
    }
    await fill()
    expect(await stat('bytes')).toBeGreaterThan(48 * MIB)
    expect(await connection.ask('cache_memlimit 16')).toBe('OK')
    expect(await stat('limit_maxbytes')).toBe(16 * MIB)
    await fill()
    // memcached takes its time: a page a second.
    const isOurs = target.kind === 'node'
    if (isOurs) await expect.poll(() => stat('bytes')).toBeLessThan(16 * MIB)
    expect(await connection.ask('cache_memlimit 160')).toBe('OK')
    expect(await stat('limit_maxbytes')).toBe(160 * MIB)
    await fill()
    expect(await stat('curr_items')).toBe(30_000)
    expect((await readStats(connection, 'stats settings')).get('maxbytes')).toBe(String(160 * MIB))
    connection.close()
    await server.stop()
  })

  test.skipIf(target.kind !== 'node')('is refused beyond what was reserved', async () => {
    const server = await target.start(['-m', '64'])
    const connection = await TestConnection.open(server)
    expect(await connection.ask('cache_memlimit 1024')).toBe('OK')
    const refusal = 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust'
    expect(await connection.ask('cache_memlimit 1025')).toBe(refusal)
    expect(await connection.ask('cache_memlimit 1000000000')).toBe(refusal)
    expect((await readStats(connection)).get('limit_maxbytes')).toBe(String(1024 * MIB))
    connection.close()
    await server.stop()
  })
})

describe.each(targets)('settings from flags ($name)', target => {
  test('stats settings shows what the flags said', async () => {
    const server = await target.start(['-m', '100', '-M', '-I', '2m', '-c', '100', '-C', '-F'])
    try {
      const connection = await TestConnection.open(server)
      const settings = await readStats(connection, 'stats settings')
      expect(settings.get('maxbytes')).toBe('104857600')
      expect(settings.get('evictions')).toBe('off')
      expect(settings.get('item_size_max')).toBe('2097152')
      expect(settings.get('maxconns')).toBe('100')
      expect(settings.get('cas_enabled')).toBe('no')
      expect(settings.get('flush_enabled')).toBe('no')
      connection.close()
    } finally {
      await server.stop()
    }
  })
})
