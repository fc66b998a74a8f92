// -c: one connection too many is told so and closed; the others go on.

import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { targets } from '../support/targets.ts'

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
      expect(open.length).toBeGreaterThan(LIMIT / 2)
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
