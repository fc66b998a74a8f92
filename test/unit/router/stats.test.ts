import { describe, expect, test } from 'vitest'
import { Control } from '../../../src/net/control.ts'
import { Counter, Counters } from '../../../src/observe/counters.ts'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { NodeRows } from '../../../src/router/node-stats.ts'
import { deadNodeDefaults, healthDefaults } from '../../../src/router/health.ts'
import type { RouterOptions } from '../../../src/router/options.ts'
import { proxyRows, routerRows } from '../../../src/router/stats.ts'
import { error, reply, request } from '../session/binary-support.ts'
import { LATER_MS, later, makeRouter, REQUEST_MS, turn } from './support.ts'

const options: RouterOptions = {
  listen: [{ host: '127.0.0.1', port: 11211 }],
  threads: 3,
  placement: { preset: 'ketama' },
  nodes: [{ name: 'a', label: 'a', host: 'a', port: 1, weight: 1 }],
  configVersion: 1,
  connectionsPerNode: 1,
  connectionLimit: 500,
  backlog: 10,
  connectTimeoutMs: 1,
  requestTimeoutMs: 1,
  reconnectMinMs: 1,
  reconnectMaxMs: 1,
  healthSettings: healthDefaults,
  deadNode: deadNodeDefaults,
  outstandingPerNode: 1,
  coalesces: true,
  stateDir: undefined,
  nodesAreEmpty: false,
  itemSizeMax: 1,
  accounts: undefined,
  loginWaitMs: 0,
  allow: undefined,
  tls: undefined,
  nodeTls: undefined,
  nodeCredential: undefined,
  verbosity: 0,
  useKernel: true,
  io: 'epoll',
  ioReason: '',
}

test('the router says what it did and how its nodes are', () => {
  const counters = Counters.create(2)
  const control = new Control()
  control.admit(9)
  counters.ofThread(0)[Counter.cmdGet] = 5
  counters.ofThread(1)[Counter.cmdGet] = 6
  const facts = {
    options,
    nodes: options.nodes.length,
    control,
    counters,
    startedAt: 1000,
    now: () => 1060,
  }
  const nodes = [
    { name: 'a', isUp: true, outstandingCount: 4 },
    { name: 'b', isUp: false, outstandingCount: 0 },
  ]
  const rows = proxyRows(facts, nodes)
  const values = new Map(rows)
  expect(values.size).toBe(rows.length)
  for (const [name, value] of routerRows(facts, nodes).slice(7)) {
    expect(values.get(name)).toBe(value)
  }
  const expected = {
    uptime: 60,
    time: 1060,
    version: '1.6.45',
    cmd_get: 11,
    curr_connections: 1,
    threads: 3,
    nodes: 1,
    nodes_up: 1,
    placement: 'ketama',
    'node:a:state': 'up',
    'node:a:outstanding': 4,
    'node:b:state': 'down',
  }
  for (const [name, value] of Object.entries(expected)) expect(values.get(name), name).toBe(value)
})

/** What a client of a router over two nodes gets, and what the nodes were asked. */
function ask(send: string, answers: readonly [string, string], size?: number) {
  const router = makeRouter({ nodes: 2 })
  const client = router.connect()
  client.send(`${send}\r\nversion\r\n`)
  turn()
  const asked = [0, 1].map(node => router.link(node).requests)
  for (const [node, answer] of answers.entries()) {
    later(LATER_MS)
    if (node === 0) expect(client.reply).toBe('')
    if (answer !== '') router.link(node).reply(answer, size)
  }
  later(REQUEST_MS + 100)
  // A slice that was over in the middle goes on in the next turn.
  for (let turns = 0; turns < 5; turns += 1) {
    client.drain()
    later(LATER_MS)
  }
  expect(router.links.map(({ destroyed }) => destroyed)).toEqual([false, false])
  return { asked, reply: client.reply.replace(/VERSION 1.6.45\r\n$/, '') }
}

function said(...rows: string[]): string {
  return rows.map(row => `${row}\r\n`).join('')
}

const OWN = ['STAT n0 up', 'STAT n1 up']

describe('statistics of the nodes', () => {
  const asked: readonly [string, string[], string[], string[]][] = [
    [
      'stats',
      ['STAT cmd_get 5', 'STAT big 18446744073709551615', 'STAT text x', 'STAT user 1.5', 'END'],
      ['STAT cmd_get 7', 'STAT big 1', 'STAT text y', 'STAT user 0.25', 'STAT more 1', 'END'],
      [
        ...OWN,
        'STAT cmd_get 12',
        'STAT big 18446744073709551616',
        'STAT text x',
        'STAT user 1.750000',
        'STAT more 1',
        'END',
      ],
    ],
    // The router's own rows are not hidden by the nodes'.
    ['stats', ['STAT n0 5', 'END'], ['STAT n0 6', 'END'], [...OWN, 'END']],
    [
      'stats items',
      ['STAT items:1:number 3', 'STAT items:1:age 9', 'END'],
      ['STAT items:1:number 4', 'STAT items:1:age 5', 'STAT items:2:number 1', 'END'],
      ['STAT items:1:number 7', 'STAT items:1:age 9', 'STAT items:2:number 1', 'END'],
    ],
    [
      'stats slabs',
      ['STAT 1:chunk_size 96', 'STAT 1:used_chunks 3', 'END'],
      ['STAT 1:chunk_size 96', 'STAT 1:used_chunks 4', 'END'],
      ['STAT 1:chunk_size 96', 'STAT 1:used_chunks 7', 'END'],
    ],
    [
      'stats settings',
      ['STAT maxbytes 100', 'STAT maxconns 7', 'END'],
      ['STAT maxbytes 200', 'STAT maxconns 8', 'END'],
      ['STAT maxbytes 300', 'STAT maxconns 7', 'END'],
    ],
    [
      'stats cachedump 1 10',
      ['ITEM a [1 b; 0 s]', 'END'],
      ['ITEM b [2 b; 0 s]', 'END'],
      ['ITEM a [1 b; 0 s]', 'ITEM b [2 b; 0 s]', 'END'],
    ],
    [
      'stats conns',
      ['STAT 5:x y', 'END'],
      ['STAT 5:x z', 'END'],
      ['STAT n0:5:x y', 'STAT n1:5:x z', 'END'],
    ],
    ['stats reset', ['RESET'], ['RESET'], ['RESET']],
    ['stats detail on', ['OK'], ['OK'], ['OK']],
    [
      'stats detail dump',
      ['PREFIX a get 1 hit 2 set 3 del 4', 'END'],
      ['PREFIX a get 10 hit 20 set 30 del 40', 'PREFIX b get 1 hit 1 set 1 del 1', 'END'],
      ['PREFIX a get 11 hit 22 set 33 del 44', 'PREFIX b get 1 hit 1 set 1 del 1', 'END'],
    ],
    ['stats bogus', ['ERROR'], ['ERROR'], ['ERROR']],
    ['stats cachedump', ['CLIENT_ERROR x y'], ['CLIENT_ERROR x y'], ['CLIENT_ERROR x y']],
    // What one of them says is better than nothing.
    ['stats sizes', ['SERVER_ERROR x'], ['STAT 96 1', 'END'], ['STAT 96 1', 'END']],
  ]

  test.each(asked)('%s', (send, first, second, expected) => {
    for (const size of [Number.POSITIVE_INFINITY, 1]) {
      const got = ask(send, [said(...first), said(...second)], size)
      const line = send === 'stats' ? 'stats \r\n' : `${send}\r\n`
      expect(got.asked).toEqual([line, line])
      expect(got.reply).toBe(said(...expected))
    }
  })

  test('of one node, in its own words', () => {
    const rows = said('STAT a 1', 'STAT version 1.6.18', 'END')
    const got = ask('stats node n1', ['', rows])
    expect(got.asked).toEqual(['', 'stats \r\n'])
    expect(got.reply).toBe(rows)
    const items = ask('stats node n0 items', [said('STAT items:1:number 3', 'END'), ''])
    expect(items.asked).toEqual(['stats items\r\n', ''])
    expect(items.reply).toBe(said('STAT items:1:number 3', 'END'))
    expect(ask('stats node n0 x', [said('ERROR'), '']).reply).toBe(said('ERROR'))
  })

  test('a node that says nothing, or is gone, is left out', () => {
    const silent = ask('stats', [said('STAT a 1', 'END'), ''])
    expect(silent.reply).toBe(said(...OWN, 'STAT a 1', 'END'))
    const router = makeRouter({ nodes: 2 })
    router.shut(0)
    router.shut(1)
    const client = router.connect()
    client.send('stats\r\nstats items\r\nversion\r\n')
    later(10)
    expect(client.reply).toBe(
      said('STAT n0 down', 'STAT n1 down', 'END', 'SERVER_ERROR n0 is down', 'VERSION 1.6.45'),
    )
  })

  test('rows that nobody asked for end the connection', () => {
    const router = makeRouter()
    router.connect().send('get a\r\n')
    turn()
    router.link(0).reply('STAT a 1\r\n')
    expect(router.link(0).destroyed).toBe(true)
  })

  test('a client that leaves meanwhile leaves nothing behind', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('stats\r\n')
    turn()
    client.disconnect()
    router.link(0).reply(said('STAT a 1', 'END'))
    later(10)
    const next = router.connect()
    next.send('get a\r\n')
    turn()
    router.link(0).reply('END\r\n')
    turn()
    expect(next.reply).toBe('END\r\n')
  })

  test('what one node may say is bounded', () => {
    const rows = new NodeRows('a')
    const text = 'x'.repeat(1000)
    for (let i = 0; i < 10_000; i += 1) rows.row('n', text)
    expect(rows.rows.length).toBe(Math.floor((4 * 1024 * 1024) / 1001))
  })

  test('binary: packets, the end being one without a name; words that break lines are refused', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(request(Opcode.stat, { key: 'items', opaque: 7 }))
    client.send(request(Opcode.stat, { key: 'a\r\nflush_all', opaque: 8 }))
    client.send(request(Opcode.stat, { key: 'x'.repeat(250), opaque: 9 }))
    client.send(request(Opcode.stat, { key: 'bogus', opaque: 10 }))
    turn()
    expect(router.link(0).requests).toBe('stats items\r\n')
    router.link(0).reply(said('STAT items:1:number 3', 'END'))
    later(10)
    expect(router.link(0).requests).toBe('stats bogus\r\n')
    router.link(0).reply(said('ERROR'))
    later(10)
    expect(client.reply).toBe(
      reply(Opcode.stat, 0, { key: 'items:1:number', value: '3', opaque: 7 }) +
        reply(Opcode.stat, 0, { opaque: 7 }) +
        error(Opcode.stat, 1, 'Not found', 8) +
        error(Opcode.stat, 1, 'Not found', 9) +
        error(Opcode.stat, 1, 'Not found', 10),
    )
  })
})
