// -R: after so many commands of one connection others get their turn. conn_yields counts it as
// memcached does, and nothing of a long pipeline is lost or put out of order by it.

import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { memcacheds, nodeOneThread, type Target } from '../support/targets.ts'

async function yieldsSoFar(server: ServerProcess): Promise<number> {
  const asking = await TestConnection.open(server)
  const stats = await readStats(asking)
  asking.close()
  return Number(stats.get('conn_yields'))
}

/** What `count` commands in one write add to conn_yields. */
async function yieldsOf(server: ServerProcess, count: number): Promise<number> {
  const before = await yieldsSoFar(server)
  const client = await TestConnection.open(server)
  await client.send('version\r\n'.repeat(count))
  const lines = (await client.receiveLines(count)).toString('latin1').split('\r\n')
  expect(lines.length).toBe(count + 1)
  client.close()
  return (await yieldsSoFar(server)) - before
}

function nodeWith(io: string): Target {
  return {
    ...nodeOneThread,
    name: `node, ${io}`,
    start: (flags = []) => nodeOneThread.start(['--io', io, ...flags]),
  }
}

const nodes = ['auto', 'epoll', 'net'].map(nodeWith)

describe.each([...nodes, ...memcacheds])('-R ($name)', target => {
  test('conn_yields counts every so many commands of one event', async () => {
    const server = await target.start(['-t', '1'])
    const strict = await target.start(['-t', '1', '-R', '1'])
    try {
      const counts = [1, 19, 20, 21, 39, 40, 41, 100, 1000]
      const seen: number[] = []
      for (const count of counts) seen.push(await yieldsOf(server, count))
      expect(seen).toEqual([0, 0, 1, 1, 1, 2, 2, 5, 50])
      expect(await yieldsOf(strict, 7)).toBeGreaterThanOrEqual(7)
    } finally {
      await server.stop()
      await strict.stop()
    }
  })
})

describe.each(nodes)('-R ($name)', target => {
  test.each(['1', '20'])('with -R %s long pipelines are answered whole, in order', async limit => {
    const server = await target.start(['-R', limit])
    try {
      const clients = await Promise.all(
        Array.from({ length: 4 }, () => TestConnection.open(server)),
      )
      const work = clients.map(async (client, name) => {
        const keys = Array.from({ length: 4000 }, (_, i) => `c${name}-${i}`)
        const pipeline = keys.map(key => `set ${key} 0 0 ${key.length}\r\n${key}\r\nget ${key}\r\n`)
        const expected = keys.map(
          key => `STORED\r\nVALUE ${key} 0 ${key.length}\r\n${key}\r\nEND\r\n`,
        )
        const sent = client.send(pipeline.join(''))
        client.endSending()
        const got = (await client.receiveEnd(20_000)).toString('latin1')
        await sent
        expect(got === expected.join('')).toBe(true)
      })
      await Promise.all(work)
    } finally {
      await server.stop()
    }
  })
})
