// Gets of one key that share an answer: who joins whom, what keeps them apart, and how it ends.

import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { SHARED_BYTES_MAX } from '../../../src/router/shared-gets.ts'
import { reply, request, u32 } from '../session/binary-support.ts'
import { later, makeRouter, REQUEST_MS, type TestRouter, turn } from './support.ts'

function block(key: string, value: string, cas = ''): string {
  return `VALUE ${key} 0 ${value.length}${cas}\r\n${value}\r\n`
}

const HIT = `${block('k', '1')}END\r\n`

function askers(router: TestRouter, count: number, send = 'get k\r\n') {
  return Array.from({ length: count }, () => {
    const client = router.connect()
    client.send(send)
    return client
  })
}

describe('a thousand clients on one key', () => {
  test('of one turn ask once, and each is answered', () => {
    const router = makeRouter()
    const clients = askers(router, 1000)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(HIT, 3)
    turn()
    expect(new Set(clients.map(client => client.reply))).toEqual(new Set([HIT]))
    expect(router.counters.sum(Counter.getHits)).toBe(1000)
    expect(router.counters.sum(Counter.getsShared)).toBe(999)
  })

  test('of many turns have one get on its way and one that waits', () => {
    const router = makeRouter()
    const first = askers(router, 1)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    const rest = Array.from({ length: 333 }, () => {
      const clients = askers(router, 3)
      turn()
      return clients
    }).flat()
    expect(router.link(0).requests).toBe('')
    router.link(0).reply(HIT)
    turn()
    expect(first[0]!.reply).toBe(HIT)
    expect(rest.map(client => client.reply).join('')).toBe('')
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(`${block('k', '2')}END\r\n`)
    turn()
    expect(new Set(rest.map(client => client.reply))).toEqual(
      new Set([`${block('k', '2')}END\r\n`]),
    )
    expect(router.link(0).requests).toBe('')
  })

  test('ask one by one where it is switched off', () => {
    const router = makeRouter({ coalesces: false })
    askers(router, 1000)
    turn()
    expect(router.link(0).requests.match(/ k/g)).toHaveLength(1000)
  })

  test.each(['END\r\n', 'SERVER_ERROR out of memory writing get response\r\n'])(
    'all have a miss by %s',
    answer => {
      const router = makeRouter()
      const clients = askers(router, 1000)
      turn()
      router.link(0).reply(answer)
      turn()
      expect(new Set(clients.map(client => client.reply))).toEqual(new Set(['END\r\n']))
      expect(router.counters.sum(Counter.getMisses)).toBe(1000)
    },
  )
})

describe('requests of one key keep their order', () => {
  const writes = [
    ['set k 0 0 1\r\n2\r\n', 'set k 0 0 1\r\n2\r\n'],
    ['set k 0 0 1 noreply\r\n2\r\n', 'set k 0 0 1\r\n2\r\n'],
    ['delete k\r\n', 'delete k\r\n'],
    ['incr k 1\r\n', 'incr k 1\r\n'],
    ['touch k 9\r\n', 'touch k 9\r\n'],
    ['gat 9 k\r\n', 'gat 9 k\r\n'],
    ['mg k v N9\r\n', 'mg k v N9\r\n'],
    ['md k\r\n', 'md k\r\n'],
    ['flush_all\r\n', 'flush_all 0\r\n'],
  ] as const
  test.each(writes)('%s: what waits is sent before it, what follows waits', (write, sent) => {
    const router = makeRouter()
    askers(router, 1)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    const client = router.connect()
    client.send(`get k\r\n${write}get k\r\n`)
    turn()
    // The last one came when others of its key were on their way.
    expect(router.link(0).requests).toBe(`get k\r\n${sent}`)
    router.link(0).reply(HIT)
    turn()
    expect(router.link(0).requests).toBe('')
    router.link(0).reply(HIT)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
  })

  test('nobody joins a get of the same turn across a write', () => {
    const router = makeRouter()
    const [reader] = askers(router, 1)
    const writer = router.connect()
    writer.send('set k 0 0 1\r\n2\r\nget k\r\n')
    turn()
    expect(router.link(0).requests).toBe('get k\r\nset k 0 0 1\r\n2\r\n')
    router.link(0).reply(`${HIT}STORED\r\n`)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(`${block('k', '2')}END\r\n`)
    turn()
    expect(reader!.reply).toBe(HIT)
    expect(writer.reply).toBe(`STORED\r\n${block('k', '2')}END\r\n`)
  })

  test('writes of other keys hold nothing up', () => {
    const router = makeRouter()
    const clients = askers(router, 1)
    router.connect().send('set other 0 0 1\r\n2\r\n')
    clients.push(...askers(router, 1))
    turn()
    expect(router.link(0).requests).toBe('get k\r\nset other 0 0 1\r\n2\r\n')
    router.link(0).reply(`${HIT}STORED\r\n`)
    turn()
    expect(clients.map(client => client.reply)).toEqual([HIT, HIT])
  })

  test('more leaders in a bucket than there is room for are asked all the same', () => {
    const router = makeRouter()
    const client = router.connect()
    // Each write sends what waits, which leads its key from then on.
    const pairs = 7
    client.send('get k\r\nset k 0 0 1\r\n1\r\n'.repeat(pairs))
    const others = askers(router, 20, 'get k\r\ndelete k\r\n')
    turn()
    const asked = router.link(0).requests
    expect(asked.match(/get k/g)).toHaveLength(pairs + 20)
    router.link(0).reply(`${HIT}STORED\r\n`.repeat(pairs) + `${HIT}DELETED\r\n`.repeat(20))
    turn()
    expect(client.reply).toBe(`${HIT}STORED\r\n`.repeat(pairs))
    for (const other of others) expect(other.reply).toBe(`${HIT}DELETED\r\n`)
  })
})

describe('clients that ask differently', () => {
  const CAS_HIT = `${block('k', '1', ' 9')}END\r\n`

  test('one gets serves gets, get and the binary protocol', () => {
    const router = makeRouter()
    const withCas = askers(router, 1, 'gets k\r\n')[0]!
    const plain = askers(router, 1)[0]!
    const binary = [Opcode.get, Opcode.getq, Opcode.getkq].map(opcode => {
      return {
        opcode,
        client: askers(router, 1, request(opcode, { key: 'k', opaque: opcode }))[0]!,
      }
    })
    turn()
    expect(router.link(0).requests).toBe('gets k\r\n')
    router.link(0).reply(CAS_HIT, 4)
    turn()
    expect(withCas.reply).toBe(CAS_HIT)
    expect(plain.reply).toBe(HIT)
    for (const { opcode, client } of binary) {
      const hit = { extras: u32(0), value: '1', cas: 9, opaque: opcode }
      const key = opcode === Opcode.getkq ? { key: 'k' } : {}
      expect(client.reply).toBe(reply(opcode, 0, { ...hit, ...key }))
    }
  })

  test('a gets does not follow a get, which knows no cas; what waits asks for it', () => {
    const router = makeRouter()
    const first = askers(router, 1)[0]!
    const clients = ['get k\r\n', 'gets k\r\n', 'get k\r\n'].map(
      send => askers(router, 1, send)[0]!,
    )
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(HIT)
    turn()
    expect([first, ...clients].map(client => client.reply)).toEqual([HIT, HIT, '', ''])
    expect(router.link(0).requests).toBe('gets k\r\n')
    router.link(0).reply(CAS_HIT)
    turn()
    expect([first, ...clients].map(client => client.reply)).toEqual(['', '', CAS_HIT, HIT])
  })

  test('binary keys that are no text, and mg, are asked for themselves', () => {
    const router = makeRouter()
    const odd = request(Opcode.get, { key: 'a b' })
    askers(router, 2, odd)
    askers(router, 2, 'mg k v\r\n')
    turn()
    expect(router.link(0).requests).toBe(
      'mg YSBi b v f c\r\nmg YSBi b v f c\r\nmg k v\r\nmg k v\r\n',
    )
  })
})

/** One on its way with a follower, and two that wait. */
function crowd() {
  const router = makeRouter()
  const clients = askers(router, 2)
  turn()
  later(300)
  clients.push(...askers(router, 2))
  turn()
  expect(router.link(0).requests).toBe('get k\r\n')
  return { router, clients, replies: () => clients.map(client => client.reply) }
}

describe('how it ends', () => {
  test('a lost connection is a miss for all of them', () => {
    const { router, replies } = crowd()
    router.link(0).close()
    turn()
    expect(replies()).toEqual(['END\r\n', 'END\r\n', 'END\r\n', 'END\r\n'])
    expect(router.counters.sum(Counter.getMisses)).toBe(4)
  })

  test('each times out by itself; the late answer is swallowed', () => {
    const { router, replies } = crowd()
    later(REQUEST_MS - 200)
    expect(replies()).toEqual(['END\r\n', 'END\r\n', '', ''])
    later(300)
    expect(replies()).toEqual(['', '', 'END\r\n', 'END\r\n'])
    router.link(0).reply(HIT)
    turn()
    // Nobody is left who wants to know.
    expect(router.link(0).requests).toBe('')
    expect(replies()).toEqual(['', '', '', ''])
    const [again] = askers(router, 1)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(HIT)
    turn()
    expect(again!.reply).toBe(HIT)
  })

  test('what waited times out after it was sent, too, as long ago as it came', () => {
    const { router, replies } = crowd()
    router.link(0).reply(HIT)
    turn()
    later(REQUEST_MS - 50)
    expect(replies()).toEqual([HIT, HIT, '', ''])
    later(100)
    expect(replies()).toEqual(['', '', 'END\r\n', 'END\r\n'])
  })

  test('clients that leave take nobody with them', () => {
    const { router, clients, replies } = crowd()
    clients[0]!.session.onClose('')
    clients[2]!.session.onClose('')
    router.link(0).reply(HIT)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(HIT)
    turn()
    expect(replies()).toEqual(['', HIT, '', HIT])
  })

  test('nothing is asked for clients that are all gone', () => {
    const { router, clients } = crowd()
    for (const client of clients) client.session.onClose('')
    router.link(0).reply(HIT)
    turn()
    expect(router.link(0).requests).toBe('')
  })

  test('those who wait count as requests of the connection', () => {
    const router = makeRouter({ outstandingMax: 10 })
    const clients = askers(router, 10)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    const [refused] = askers(router, 1)
    turn()
    expect(refused!.reply).toBe('END\r\n')
    router.link(0).reply(HIT)
    turn()
    expect(clients.map(client => client.reply)).toEqual(clients.map(() => HIT))
    askers(router, 10)
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
  })
})

test('a large value is not copied for all at once: the others ask again', () => {
  const router = makeRouter()
  const size = 1024 * 1024
  const large = `${block('k', 'x'.repeat(size))}END\r\n`
  const each = SHARED_BYTES_MAX / size
  const clients = askers(router, 3 * each)
  turn()
  let answered = 0
  let gets = 0
  for (; answered < clients.length && gets < 100; gets += 1) {
    if (gets < 3) clients.push(...askers(router, 1))
    turn()
    expect(router.link(0).requests).toBe('get k\r\n')
    router.link(0).reply(large)
    turn()
    const now = clients.filter(client => client.reply === large).length
    expect(now).toBeGreaterThan(0)
    expect(now).toBeLessThanOrEqual(each + 1)
    answered += now
  }
  expect(answered).toBe(clients.length)
  expect(gets).toBeLessThanOrEqual(4)
})
