// -c: one connection too many is told so and closed; the others go on. With no_maxconns_fast it
// waits until there is room.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { nodeOneThread, targets } from '../support/targets.ts'

const LIMIT = 50

describe.each(targets)('connection limit ($name)', target => {
  test('-c refuses what is over the limit, and accepts again when there is room', async () => {
    const server = await target.start(['-c', String(LIMIT)])
    const open: TestConnection[] = []
    try {
      const refused: TestConnection[] = []
      for (let count = 0; count < LIMIT + 10; count += 1) {
        const connection = await TestConnection.open(server)
        const answer = await connection.ask('version')
        if (answer === `VERSION ${target.version()}`) {
          open.push(connection)
        } else {
          expect(answer).toBe('ERROR Too many open connections')
          await connection.receiveEnd()
          refused.push(connection)
        }
      }
      expect(refused.length).toBeGreaterThanOrEqual(10)
      // memcached counts descriptors, of which it has some 30 of its own.
      expect(open.length).toBeGreaterThan(LIMIT * 0.35)
      expect(open.length).toBeLessThanOrEqual(LIMIT)
      for (const connection of open) {
        expect(await connection.ask('version')).toBe(`VERSION ${target.version()}`)
      }
      open.pop()?.close()
      await expect
        .poll(async () => {
          const next = await TestConnection.open(server)
          const answer = await next.ask('version')
          open.push(next)
          return answer
        })
        .toBe(`VERSION ${target.version()}`)
    } finally {
      for (const connection of open) connection.close()
      await server.stop()
    }
  })
})

describe.each(['auto', 'epoll', 'net'])('no_maxconns_fast (node, %s)', io => {
  test('what is over the limit waits, is counted, and is served when others close', async () => {
    const flags = ['--io', io, '-t', '2', '-c', '5', '-o', 'no_maxconns_fast']
    const server = await nodeOneThread.start(flags)
    const all: TestConnection[] = []
    try {
      for (let count = 0; count < 12; count += 1) all.push(await TestConnection.open(server))
      for (const connection of all) await connection.send('mn\r\n')
      for (const connection of all.slice(0, 5)) {
        expect((await connection.receive(4)).toString()).toBe('MN\r\n')
      }
      const [first, ...others] = all as [TestConnection, ...TestConnection[]]
      await expect
        .poll(async () => (await readStats(first)).get('accepting_conns'), { timeout: 5000 })
        .toBe('0')
      const full = await readStats(first)
      expect(full.get('curr_connections')).toBe('5')
      expect(full.get('total_connections')).toBe('5')
      expect(full.get('listen_disabled_num')).toBe('1')
      expect(full.get('rejected_connections')).toBeUndefined()
      // Nothing has come to those that wait.
      expect((await all[11]!.receiveQuiet(50)).length).toBe(0)
      for (const connection of others.splice(0, 4)) connection.close()
      for (const connection of others.splice(0, 4)) {
        expect((await connection.receive(4)).toString()).toBe('MN\r\n')
        connection.close()
      }
      for (const connection of others) {
        expect((await connection.receive(4)).toString()).toBe('MN\r\n')
        connection.close()
      }
      await expect
        .poll(async () => (await readStats(first)).get('accepting_conns'), { timeout: 5000 })
        .toBe('1')
      const after = await readStats(first)
      expect(after.get('total_connections')).toBe('12')
      expect(Number(after.get('listen_disabled_num'))).toBeGreaterThanOrEqual(1)
      expect(Number(after.get('time_in_listen_disabled_us'))).toBeGreaterThan(10_000)
      expect(await first.ask('stats reset')).toBe('RESET')
      const reset = await readStats(first)
      expect(reset.get('total_connections')).toBe('0')
      expect(reset.get('listen_disabled_num')).toBe('0')
      expect(reset.get('time_in_listen_disabled_us')).toBe('0')
    } finally {
      for (const connection of all) connection.close()
      await server.stop()
    }
  })
})

test('a unix socket: who is over the limit waits, and nobody is closed for being idle', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'memring-limit-'))
  const path = join(directory, 'socket')
  const options = 'no_maxconns_fast,idle_timeout=1'
  const server = await nodeOneThread.start(['-s', path, '-c', '3', '-o', options])
  const all: TestConnection[] = []
  try {
    for (let count = 0; count < 5; count += 1) {
      const socket = connect(path)
      await once(socket, 'connect')
      all.push(TestConnection.over(socket))
      await all.at(-1)!.send('mn\r\n')
    }
    for (const connection of all.slice(0, 3)) {
      expect((await connection.receive(4)).toString()).toBe('MN\r\n')
    }
    await sleep(3500)
    expect((await all[4]!.receiveQuiet(50)).length).toBe(0)
    const stats = await readStats(all[0]!)
    expect(stats.get('idle_kicks')).toBe('0')
    expect(stats.get('curr_connections')).toBe('3')
    for (const connection of all.slice(1, 3)) connection.close()
    for (const connection of all.slice(3)) {
      expect((await connection.receive(4)).toString()).toBe('MN\r\n')
    }
  } finally {
    for (const connection of all) connection.close()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
})
