// Time that passes: TTLs and delayed flushes. memcached's clock ticks once a second, so these
// wait for a TTL and two seconds more, all cases together.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { targets } from '../support/targets.ts'

const LATER_MS = 1_000 + 2_000

async function session(server: ServerProcess, lines: readonly string[]): Promise<string[]> {
  const connection = await TestConnection.open(server)
  const answers: string[] = []
  for (const line of lines) answers.push(await connection.ask(line))
  connection.close()
  return answers
}

describe.each(targets)('expiry ($name)', target => {
  const servers: ServerProcess[] = []
  beforeAll(async () => {
    for (let count = 0; count < 3; count += 1) servers.push(await target.start())
  })
  afterAll(async () => {
    await Promise.all(servers.map(server => server.stop()))
  })
  const server = (at: number): ServerProcess => {
    const found = servers[at]
    if (found === undefined) throw new Error(`Cannot find server ${at}: only three were started`)
    return found
  }

  test.concurrent('an item is a miss for every command TTL + 2 s later', async () => {
    const soon = Math.floor(Date.now() / 1000) + 1
    const before = await session(server(0), [
      'set relative 0 1 1\r\nx',
      `set absolute 0 ${soon + 1} 1\r\nx`,
      'set touched 0 0 1\r\nx',
      'touch touched 1',
      'set shortened 0 0 1\r\nx',
      'gat 1 shortened\r\nversion',
      'set lengthened 0 1 1\r\nx',
      'touch lengthened 100',
      'set rescued 0 1 1\r\nx',
      'set rescued 0 0 1\r\ny',
      'set appended 0 1 1\r\nx',
      'append appended 0 0 1\r\ny',
      'set counted 0 1 1\r\n5',
      'incr counted 1',
      'set replaced 0 0 1\r\nx',
      'replace replaced 0 1 1\r\ny',
      'add added 0 1 1\r\nx',
    ])
    expect(before.slice(0, 4)).toEqual(['STORED', 'STORED', 'STORED', 'TOUCHED'])
    await sleep(LATER_MS)
    expect(
      await session(server(0), [
        'get relative absolute touched shortened',
        'get appended counted replaced added',
        'incr counted 1',
        'delete replaced',
        'touch touched 0',
        'append appended 0 0 1\r\nx',
        'add added 0 0 1\r\nz',
        'get lengthened',
      ]),
    ).toEqual([
      'END',
      'END',
      'NOT_FOUND',
      'NOT_FOUND',
      'NOT_FOUND',
      'NOT_STORED',
      'STORED',
      'VALUE lengthened 0 1',
    ])
    expect(await session(server(0), ['get rescued'])).toEqual(['VALUE rescued 0 1'])
  })

  test.concurrent('flush_all with a delay takes effect then, and spares what is set after', async () => {
    const before = await session(server(1), ['set old 0 0 1\r\nx', 'flush_all 3', 'get old'])
    expect(before).toEqual(['STORED', 'OK', 'VALUE old 0 1'])
    await sleep(LATER_MS + 2_000)
    const after = await session(server(1), ['get old', 'set new 0 0 1\r\nx', 'get new'])
    expect(after).toEqual(['END', 'STORED', 'VALUE new 0 1'])
  })

  test.concurrent('a later flush_all replaces the one that waits', async () => {
    const before = await session(server(2), [
      'set kept 0 0 1\r\nx',
      'flush_all 2',
      'flush_all 1000',
    ])
    expect(before).toEqual(['STORED', 'OK', 'OK'])
    await sleep(LATER_MS + 1_000)
    expect(await session(server(2), ['get kept'])).toEqual(['VALUE kept 0 1'])
  })
})
