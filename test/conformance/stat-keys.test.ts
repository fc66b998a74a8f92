// The names of all statistics in their order, and what counts per slab class, beside memcached
// after the same requests. What differs is listed here, with the reason.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { memcacheds, nodeOneThread, type Target } from '../support/targets.ts'

type Statistics = '' | 'settings' | 'items' | 'slabs' | 'conns'

/** Names that only one side has. */
const differences: Readonly<Record<string, { names: RegExp; reason: string }>> = {
  ours: {
    names: /^memring_/,
    reason: 'who this really is, and what it runs on',
  },
  tls: {
    names: /^ssl_(?!enabled)/,
    reason: 'files and rules of TLS are shown only where TLS is on',
  },
  builtOtherwise: {
    names: /^(?:ext_|proxy_|slab_automove_freeratio)/,
    reason: 'extstore and the proxy, which memcached may be built with',
  },
}

/** Names that an older memcached had, or has not yet. */
const olderDifferences =
  /^(?:slab_reassign_(?:evictions_nomem|busy_nomem|last_busy_status)|client_flags_size)$/

const value = 'x'.repeat(10)
const requests = [
  `set a 0 0 10\r\n${value}\r\nset b 0 0 2\r\n10\r\nset big 0 0 400\r\n${'y'.repeat(400)}\r\n`,
  `ms m1 10\r\n${value}\r\nms m2 10 ME\r\n${value}\r\nms m2 10 ME\r\n${value}\r\nms m1 10 C999\r\n`,
  `${value}\r\nms m2 2 MA\r\nzz\r\nms m2 2 MR\r\nzz\r\nms none 2 MR\r\nzz\r\n`,
  'mg m1 v\r\nmg m1\r\nmg none v\r\nmg m1 T100\r\nmg none T100\r\nmg m1 R1000 v\r\n',
  'mg viv N30 v\r\nmg viv N30 v\r\nmg m1 k q v\r\nmn\r\n',
  'ma b\r\nma b v D5\r\nma b MD\r\nma none\r\nma none MD\r\nma auto N30 J5\r\nma auto N30 J5\r\n',
  'ma auto MD\r\nma a\r\nma b C999\r\nma b T30\r\nincr b 1\r\ndecr b 1\r\nincr none 1\r\n',
  'set d1 0 0 3\r\nabc\r\nmd d1\r\nmd d1\r\nset d2 0 0 3\r\nabc\r\nmd d2 C999\r\nmd d2 I T30\r\n',
  'mg d2 v\r\nmd d2 q\r\nset d3 0 0 3\r\nabc\r\nmd d3 q\r\nmn\r\nme a\r\nme none\r\n',
  'touch a 100\r\ngat 100 a\r\ngats 100 a none\r\ntouch none 1\r\ndelete big\r\ndelete big\r\n',
  'append a 0 0 2\r\nzz\r\nprepend a 0 0 2\r\nzz\r\ncas a 0 0 1 999\r\nq\r\nget a b big\r\n',
]
const LAST = 'mg end-of-the-mix k\r\nmn\r\n'

async function start(target: Target, flags: readonly string[]): Promise<ServerProcess> {
  return target.start(['-t', '1', ...flags])
}

/**
 * Lines of one server's answer; connections without the numbers of descriptors, sorted: who gets
 * which one is chance.
 */
async function rowsOf(connection: TestConnection, what: Statistics): Promise<[string, string][]> {
  await connection.send(`stats ${what}\r\n`)
  const text = (await connection.receiveUntil('END\r\n')).toString('latin1')
  const rows = [...text.matchAll(/^STAT (\S+) (.*)\r$/gm)].map(
    ([, name = '', of = '']) => [name, of] as [string, string],
  )
  return what === 'conns' ? sorted(rows) : rows
}

function sorted(rows: readonly [string, string][]): [string, string][] {
  const byDescriptor = Map.groupBy(rows, ([name]) => name.split(':')[0])
  const connections = [...byDescriptor.values()].map(connection =>
    connection.map(([name, of]) => [name.replace(/^\d+/, 'N'), of] as [string, string]),
  )
  return connections.sort((one, other) => one.length - other.length).flat()
}

function known(name: string, isOlder: boolean): boolean {
  if (isOlder && olderDifferences.test(name)) return true
  return Object.values(differences).some(({ names }) => names.test(name))
}

const modes: readonly (readonly string[])[] = [
  [],
  ['-o', 'idle_timeout=100,no_maxconns_fast,track_sizes'],
  ['-o', 'no_modern'],
  ['-o', 'no_lru_crawler,no_lru_maintainer'],
]

/** What they are called does not depend on our transport: they are asked on the default one. */
const compared = process.env['MEMRING_IO'] === undefined ? memcacheds : []

describe.each(compared)('statistics beside $name', target => {
  describe.each(modes)('%s %s', (...flags) => {
    const given = flags.filter(flag => flag !== undefined)
    const servers: ServerProcess[] = []
    const clients: TestConnection[] = []

    beforeAll(async () => {
      servers.push(...(await Promise.all([nodeOneThread, target].map(one => start(one, given)))))
      for (const server of servers) {
        const client = await TestConnection.open(server)
        clients.push(client)
        for (const request of requests) await client.send(request)
        await client.send(LAST)
        // The mix has two more of these answers before its own.
        for (let i = 0; i < 3; i += 1) {
          const answer = (await client.receiveUntil('MN\r\n')).toString('latin1')
          expect(answer.endsWith('MN\r\n')).toBe(true)
        }
      }
    })
    afterAll(async () => {
      for (const client of clients) client.close()
      for (const server of servers) await server.stop()
    })

    test.each(['', 'settings', 'items', 'slabs', 'conns'] as const)(
      'stats %s has the same names in the same order',
      async what => {
        const isOlder = target.kind === 'older'
        const [ours, theirs] = await Promise.all(
          clients.map(async client => {
            const names = (await rowsOf(client, what)).map(([name]) => name)
            return names.filter(name => !known(name, isOlder))
          }),
        )
        expect(ours!.length).toBeGreaterThan(what === 'conns' ? 6 : 13)
        expect(ours).toEqual(theirs)
      },
    )

    test('what is counted per class is the same, request by request', async () => {
      const counted = /:(?:cmd_set|(?:get|delete|incr|decr|cas|touch)_hits|cas_badval|number)$/
      const [ours, theirs] = await Promise.all(
        clients.map(async client => {
          const rows = [...(await rowsOf(client, 'slabs')), ...(await rowsOf(client, 'items'))]
          return rows.filter(([name]) => counted.test(name))
        }),
      )
      expect(ours!.length).toBeGreaterThan(15)
      expect(ours).toEqual(theirs)
    })

    test('who is connected, and where', async () => {
      const [ours, theirs] = await Promise.all(
        clients.map(async (client, i) => {
          const rows = await rowsOf(client, 'conns')
          const port = String(servers[i]!.port)
          return rows
            .filter(([name]) => !name.endsWith('secs_since_last_cmd'))
            .map(([name, of]) => [name, of.replace(`:${port}`, ':P').replace(/:\d+$/, ':p')])
        }),
      )
      expect(ours).toEqual(theirs)
      expect(ours).toContainEqual(['N:listen_addr', 'tcp:127.0.0.1:P'])
    })
  })
})

test('names that differ are on one side only, each for a reason', async () => {
  const node = await start(nodeOneThread, [])
  try {
    const client = await TestConnection.open(node)
    const names = (await rowsOf(client, 'settings')).map(([name]) => name)
    const isOurs = (name: string): boolean => differences['ours']!.names.test(name)
    expect(names.filter(name => known(name, false))).toEqual(names.filter(isOurs))
    expect(names.filter(isOurs)).toContain('memring_version')
    client.close()
  } finally {
    await node.stop()
  }
})
