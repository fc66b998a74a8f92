// The rings that watchers read: what was written comes out, in order; who is too slow finds out.

import { describe, expect, test } from 'vitest'
import { logLine } from '../../../src/server/watch-lines.ts'
import {
  emptyEntry,
  emptyRecord,
  LogKind,
  Topic,
  WatchLog,
  WATCHERS_MAX,
} from '../../../src/server/watch-log.ts'

const NOW_MS = 1_700_000_000_123.456

function write(log: WatchLog, thread: number, key: string): void {
  const bytes = Buffer.from(key, 'latin1')
  const entry = { ...emptyEntry(), kind: LogKind.get, status: 1, fd: 7, size: 3, slab: 2 }
  log.write(thread, { ...entry, key: bytes, keySize: bytes.length }, NOW_MS)
}

describe('WatchLog', () => {
  test('a record comes out as it went in', () => {
    const log = new WatchLog(WatchLog.create(2, 4096).handle)
    const reader = log.reader(1)
    const record = emptyRecord()
    expect(reader.next(record)).toBe(false)
    write(log, 0, 'of another thread')
    write(log, 1, 'a\x00b')
    expect(reader.next(record)).toBe(true)
    expect(logLine(record)).toBe(
      'ts=1700000000.123456 gid=2 type=item_get key=a%00b status=found clsid=2 cfd=7 size=3\n',
    )
    expect(reader.next(record)).toBe(false)
  })

  test('all fields, with their extremes', () => {
    const log = WatchLog.create(1, 4096)
    const reader = log.reader(0)
    const key = new Uint8Array(260).fill(0xff)
    const entry = {
      ...emptyEntry(),
      kind: LogKind.store,
      status: 5,
      command: 5,
      fd: 2 ** 31 - 1,
      size: 2 ** 30,
      ttl: -1,
      slab: 63,
      isFetched: true,
    }
    log.write(0, { ...entry, key, keyAt: 4, keySize: 250 }, NOW_MS)
    const record = emptyRecord()
    reader.next(record)
    expect(record.isFetched).toBe(true)
    expect(logLine(record)).toContain(
      `key=${'%FF'.repeat(250)} status=no_memory cmd=cas ttl=4294967295 clsid=63 cfd=2147483647` +
        ` size=${2 ** 30}\n`,
    )
  })

  test.each([1, 7, 30, 250])('keeps order over many rounds of the ring (keys of %i)', size => {
    const log = WatchLog.create(1, 4096)
    const reader = log.reader(0)
    const record = emptyRecord()
    for (let i = 0; i < 2000; i += 1) {
      const key = String(i % 10).repeat(size)
      write(log, 0, key)
      if (i % 3 !== 2) continue
      for (let back = 2; back >= 0; back -= 1) {
        expect(reader.next(record)).toBe(true)
        expect(record.gid).toBe(i + 1 - back)
        expect(record.keySize).toBe(size)
        expect(record.key[size - 1]).toBe(0x30 + ((i - back) % 10))
      }
    }
    expect(reader.lost).toBe(0)
  })

  test('who was overtaken counts what it missed and goes on', () => {
    const log = WatchLog.create(1, 4096)
    const reader = log.reader(0)
    const record = emptyRecord()
    for (let i = 0; i < 10_000; i += 1) write(log, 0, 'key')
    expect(reader.next(record)).toBe(false)
    expect(reader.lost).toBe(10_000)
    write(log, 0, 'after')
    expect(reader.next(record)).toBe(true)
    expect(record.gid).toBe(10_001)
  })

  test('a reader begins with what is written after it', () => {
    const log = WatchLog.create(1, 4096)
    write(log, 0, 'before')
    expect(log.reader(0).next(emptyRecord())).toBe(false)
  })

  test('watchers are counted by topic, up to the limit', () => {
    const log = WatchLog.create(1, 4096)
    expect(log.isWatched).toBe(false)
    const topics = new Set([Topic.fetchers, Topic.deletions])
    for (let i = 0; i < WATCHERS_MAX; i += 1) expect(log.join(topics)).toBe(true)
    expect(log.join(topics)).toBe(false)
    expect(log.watchers).toBe(WATCHERS_MAX)
    expect([log.wants(Topic.fetchers), log.wants(Topic.evictions)]).toEqual([true, false])
    for (let i = 0; i < WATCHERS_MAX; i += 1) log.leave(topics)
    expect([log.isWatched, log.wants(Topic.deletions)]).toEqual([false, false])
  })
})
