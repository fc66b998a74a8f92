// A full cache: with -M it says so, without it makes room.

import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { targets } from '../support/targets.ts'

const OUT_OF_MEMORY = 'SERVER_ERROR out of memory storing object'
const VALUE = 'v'.repeat(10_000)
const COUNT = 4_000

describe.each(targets)('a full cache ($name)', target => {
  test('with -M refuses new items and keeps the old ones', async () => {
    const server = await target.start(['-m', '16', '-M'])
    try {
      const connection = await TestConnection.open(server)
      const answers: string[] = []
      for (let at = 0; at < COUNT && answers.at(-1) !== OUT_OF_MEMORY; at += 1) {
        answers.push(await connection.ask(`set k${at} 0 0 10000\r\n${VALUE}`))
      }
      expect(answers.at(-1)).toBe(OUT_OF_MEMORY)
      const count = answers.length - 1
      expect(answers.slice(0, count).every(answer => answer === 'STORED')).toBe(true)
      // A good part of 16 MiB must have been used before.
      expect(count * VALUE.length).toBeGreaterThan(8 << 20)
      for (const at of [0, 1, count >> 1, count - 1]) {
        await connection.send(`get k${at}\r\n`)
        const expected = `VALUE k${at} 0 10000\r\n${VALUE}\r\nEND\r\n`
        expect((await connection.receiveExpected(expected)).toString('latin1')).toBe(expected)
      }
      expect(await connection.ask(`get k${count}`)).toBe('END')
      expect(await connection.ask(`add new 0 0 10000\r\n${VALUE}`)).toBe(OUT_OF_MEMORY)

      // A set that fails must not leave the old value to be read.
      const again = await connection.ask(`set k0 0 0 10000\r\n${'w'.repeat(10_000)}`)
      expect(again).toBe(OUT_OF_MEMORY)
      expect(await connection.ask('get k0')).toBe('END')
      expect((await readStats(connection)).get('evictions')).toBe('0')
      connection.close()
    } finally {
      await server.stop()
    }
  })

  test('without -M evicts old items and stores on', async () => {
    const server = await target.start(['-m', '16'])
    try {
      const connection = await TestConnection.open(server)
      for (let at = 0; at < COUNT; at += 1) {
        expect(await connection.ask(`set k${at} 0 0 10000\r\n${VALUE}`)).toBe('STORED')
      }
      await connection.send(`get k${COUNT - 1}\r\n`)
      const expected = `VALUE k${COUNT - 1} 0 10000\r\n${VALUE}\r\nEND\r\n`
      expect((await connection.receiveExpected(expected)).toString('latin1')).toBe(expected)
      const stats = await readStats(connection)
      expect(Number(stats.get('evictions'))).toBeGreaterThan(COUNT / 4)
      expect(Number(stats.get('bytes'))).toBeLessThanOrEqual(16 << 20)
      expect(Number(stats.get('total_items'))).toBe(COUNT)
      connection.close()
    } finally {
      await server.stop()
    }
  })
})
