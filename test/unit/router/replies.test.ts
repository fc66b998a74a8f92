import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { error, reply, request, set, u32 } from '../session/binary-support.ts'
import { makeRouter, turn } from './support.ts'

function value(key: string, data = `of ${key}`, flags = 7): string {
  return `VALUE ${key} ${flags} ${data.length}\r\n${data}\r\n`
}

describe('text requests', () => {
  const asked: readonly [send: string, forwarded: string, answer: string, expected: string][] = [
    ['get a', 'get a\r\n', `${value('a')}END\r\n`, `${value('a')}END\r\n`],
    ['get a', 'get a\r\n', 'END\r\n', 'END\r\n'],
    [
      'gets a',
      'gets a\r\n',
      'VALUE a 0 1 18446744073709551615\r\n1\r\nEND\r\n',
      'VALUE a 0 1 18446744073709551615\r\n1\r\nEND\r\n',
    ],
    ['gat 10 a', 'gat 10 a\r\n', `${value('a')}END\r\n`, `${value('a')}END\r\n`],
    ['gats -1 a', 'gats -1 a\r\n', 'END\r\n', 'END\r\n'],
    ['set a 5 -1 3\r\nabc', 'set a 5 -1 3\r\nabc\r\n', 'STORED\r\n', 'STORED\r\n'],
    ['add a 0 9 0\r\n', 'add a 0 9 0\r\n\r\n', 'NOT_STORED\r\n', 'NOT_STORED\r\n'],
    [
      'replace a 4294967295 0 1\r\n1',
      'replace a 4294967295 0 1\r\n1\r\n',
      'SERVER_ERROR out of memory storing object\r\n',
      'SERVER_ERROR out of memory storing object\r\n',
    ],
    ['append a 0 0 1\r\n1', 'append a 0 0 1\r\n1\r\n', 'STORED\r\n', 'STORED\r\n'],
    ['prepend a 0 0 1\r\n1', 'prepend a 0 0 1\r\n1\r\n', 'STORED\r\n', 'STORED\r\n'],
    [
      'cas a 0 0 1 18446744073709551615\r\n1',
      'cas a 0 0 1 18446744073709551615\r\n1\r\n',
      'EXISTS\r\n',
      'EXISTS\r\n',
    ],
    ['cas a 0 0 1 5\r\n1', 'cas a 0 0 1 5\r\n1\r\n', 'NOT_FOUND\r\n', 'NOT_FOUND\r\n'],
    ['delete a 0', 'delete a\r\n', 'DELETED\r\n', 'DELETED\r\n'],
    ['incr a 18446744073709551615', 'incr a 18446744073709551615\r\n', '0\r\n', '0\r\n'],
    ['decr a 007', 'decr a 7\r\n', '18446744073709551615\r\n', '18446744073709551615\r\n'],
    [
      'incr a 1',
      'incr a 1\r\n',
      'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
      'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
    ],
    [
      'incr a 1',
      'incr a 1\r\n',
      'SERVER_ERROR out of memory\r\n',
      'SERVER_ERROR out of memory\r\n',
    ],
    ['touch a 2147483647', 'touch a 2147483647\r\n', 'TOUCHED\r\n', 'TOUCHED\r\n'],
    ['flush_all 5', 'flush_all 5\r\n', 'OK\r\n', 'OK\r\n'],
    ['flush_all', 'flush_all 0\r\n', 'OK\r\n', 'OK\r\n'],
    ['set a 0 0 1\r\n1', 'set a 0 0 1\r\n1\r\n', 'SERVER_ERROR busy\r\n', 'SERVER_ERROR busy\r\n'],
  ]

  test.each(asked)('%j', (send, forwarded, answer, expected) => {
    for (const size of [Number.POSITIVE_INFINITY, 1, 3]) {
      const router = makeRouter()
      const client = router.connect()
      client.send(`${send}\r\n`, [size])
      turn()
      expect(router.link(0).requests).toBe(forwarded)
      expect(client.reply).toBe('')
      router.link(0).reply(answer, size)
      turn()
      expect(client.reply).toBe(expected)
      expect(router.link(0).destroyed).toBe(false)
    }
  })

  test('noreply is not forwarded, and hides whatever the node answers', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('set a 0 0 1 noreply\r\n1\r\nincr a 1 noreply\r\ndelete a noreply\r\nget a\r\n')
    turn()
    expect(router.link(0).requests).toBe('set a 0 0 1\r\n1\r\nincr a 1\r\ndelete a\r\nget a\r\n')
    router
      .link(0)
      .reply('SERVER_ERROR out of memory storing object\r\n5\r\nNOT_FOUND\r\nEND\r\n', 4)
    turn()
    expect(client.reply).toBe('END\r\n')
  })

  test('the router answers for itself: version, stats proxy, errors', () => {
    const router = makeRouter({ nodes: 2 })
    const client = router.connect()
    client.send('version\r\nbogus\r\nget\r\nstats proxy\r\nstats node n7\r\n')
    turn()
    const line = 'CLIENT_ERROR bad command line format\r\n'
    const own = 'STAT n0 up\r\nSTAT n1 up\r\nSTAT proxy 1\r\nEND\r\n'
    expect(client.reply).toBe(`VERSION 1.6.45\r\nERROR\r\n${line}${own}ERROR\r\n`)
    expect(router.link(0).requests + router.link(1).requests).toBe('')
  })

  test('flush_all and verbosity go to every node, and say what went wrong', () => {
    const answers: readonly [string[], string][] = [
      [['OK', 'OK'], 'OK'],
      [['OK', 'CLIENT_ERROR flush_all not allowed'], 'CLIENT_ERROR flush_all not allowed'],
      [['SERVER_ERROR a', 'SERVER_ERROR b'], 'SERVER_ERROR a'],
      [['ERROR', 'OK'], 'SERVER_ERROR ERROR'],
    ]
    for (const command of ['flush_all 10', 'verbosity 1']) {
      for (const [said, expected] of answers) {
        const router = makeRouter({ nodes: 2 })
        const client = router.connect()
        client.send(`${command}\r\n`)
        turn()
        for (const [node, one] of said.entries()) {
          expect(client.reply).toBe('')
          expect(router.link(node).requests).toBe(`${command}\r\n`)
          router.link(node).reply(`${one}\r\n`)
          turn()
        }
        expect(client.reply).toBe(`${expected}\r\n`)
      }
    }
  })
})

describe('a get of keys on several nodes', () => {
  test('answers in the order asked, whatever order the nodes answer in', () => {
    const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 })
    const pieces = fc.integer({ min: 1, max: 40 })
    const property = fc.property(order, pieces, fc.array(fc.nat(2)), (nodes, size, asked) => {
      const router = makeRouter({ nodes: 3 })
      const client = router.connect()
      const keys = asked.slice(0, 20).map((node, i) => router.keyOn(node, `-${i}`))
      if (keys.length === 0) return
      client.send(`get ${keys.join(' ')}\r\nversion\r\n`)
      turn()
      // A client that is new is not trusted with all of them at once.
      for (const node of [...nodes, ...nodes, ...nodes]) {
        // Some are misses.
        router.link(node).answerGets(key => (key.endsWith('3') ? '' : value(key)), size)
        turn()
      }
      const hits = keys.filter(key => !key.endsWith('3')).map(key => value(key))
      expect(client.reply).toBe(`${hits.join('')}END\r\nVERSION 1.6.45\r\n`)
    })
    fc.assert(property, { numRuns: 60 })
  })

  test('of a dead one and two live ones has the hits of the live', () => {
    const router = makeRouter({ nodes: 3 })
    router.shut(1)
    const client = router.connect()
    const keys = [0, 1, 2].map(node => router.keyOn(node))
    client.send(`get ${keys.join(' ')}\r\n`)
    turn()
    for (const node of [0, 2]) router.link(node).reply(`${value(keys[node]!)}END\r\n`)
    turn()
    expect(client.reply).toBe(`${value(keys[0]!)}${value(keys[2]!)}END\r\n`)
  })

  test('an error of one node is a miss: a line of error and an END are two answers', () => {
    const router = makeRouter({ nodes: 2 })
    const client = router.connect()
    const keys = [0, 1].map(node => router.keyOn(node))
    client.send(`get ${keys.join(' ')}\r\n`)
    turn()
    router.link(0).reply(`${value(keys[0]!)}END\r\n`)
    router.link(1).reply('SERVER_ERROR out of memory writing get response\r\n')
    turn()
    expect(client.reply).toBe(`${value(keys[0]!)}END\r\n`)
  })

  test('with more keys than may be on their way goes on as answers come', () => {
    const router = makeRouter()
    const client = router.connect()
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`)
    client.send(`get ${keys.join(' ')}\r\n`)
    let most = 0
    let answered = 0
    while (answered < keys.length) {
      turn()
      const forwarded = router.link(0).answerGets(key => value(key))
      expect(forwarded.length).toBeGreaterThan(0)
      most = Math.max(most, forwarded.length)
      answered += forwarded.length
    }
    turn()
    expect(client.reply).toBe(`${keys.map(key => value(key)).join('')}END\r\n`)
    expect(most).toBeLessThanOrEqual(32)
    expect(router.counters.sum(Counter.getHits)).toBe(300)
  })
})

describe('binary requests', () => {
  test('a get asks for the cas, and each form is answered in its own way', () => {
    const router = makeRouter({ coalesces: false })
    const client = router.connect()
    const forms = [Opcode.get, Opcode.getq, Opcode.getk, Opcode.getkq]
    client.send(forms.map(opcode => request(opcode, { key: 'a', opaque: opcode })).join(''))
    client.send(forms.map(opcode => request(opcode, { key: 'z', opaque: opcode })).join(''))
    turn()
    expect(router.link(0).requests).toBe('gets a a a a z z z z\r\n')
    router.link(0).reply(`${'VALUE a 7 1 9\r\n1\r\n'.repeat(4)}END\r\n`, 5)
    turn()
    const hit = { extras: u32(7), value: '1', cas: 9 }
    const expected =
      reply(Opcode.get, 0, { ...hit, opaque: Opcode.get }) +
      reply(Opcode.getq, 0, { ...hit, opaque: Opcode.getq }) +
      reply(Opcode.getk, 0, { ...hit, key: 'a', opaque: Opcode.getk }) +
      reply(Opcode.getkq, 0, { ...hit, key: 'a', opaque: Opcode.getkq }) +
      error(Opcode.get, 1, 'Not found', Opcode.get) +
      reply(Opcode.getk, 1, { key: 'z', opaque: Opcode.getk })
    expect(client.reply).toBe(expected)
  })

  test('gat asks for the cas; what changes items goes on as meta commands', () => {
    const router = makeRouter()
    const client = router.connect()
    const count = u32(0, 3, 0, 0, 0xffffffff)
    client.send(
      request(Opcode.gatk, { key: 'a', extras: u32(5) }) +
        request(Opcode.increment, { key: 'n', extras: count }) +
        request(Opcode.appendq, { key: 'a', value: 'x' }) +
        request(Opcode.prepend, { key: 'z', value: 'x' }) +
        request(Opcode.touch, { key: 'a', extras: u32(60) }) +
        request(Opcode.touch, { key: 'z', extras: u32(60) }),
    )
    turn()
    const link = router.link(0)
    expect(link.requests).toBe(
      'gats 5 a\r\nma n v c D3\r\nms a 1 c MA\r\nx\r\nms z 1 c MP\r\nx\r\n' +
        'mg a f c T60\r\nmg z f c T60\r\n',
    )
    link.reply('VALUE a 7 1 9\r\n1\r\nEND\r\nVA 1 c12\r\n8\r\nHD c13\r\nNS c0\r\n', 5)
    link.reply('HD f7 c99\r\nEN\r\n', 5)
    turn()
    expect(client.reply).toBe(
      reply(Opcode.gatk, 0, { extras: u32(7), key: 'a', value: '1', cas: 9 }) +
        reply(Opcode.increment, 0, { value: u32(0, 8), cas: 12 }) +
        error(Opcode.prepend, 5, 'Not stored.') +
        reply(Opcode.touch, 0, { extras: u32(7), cas: 99 }) +
        error(Opcode.touch, 1, 'Not found'),
    )
  })

  test('counters that begin by themselves, and a cas in everything that writes', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(
      request(Opcode.increment, { key: 'n', extras: u32(0, 1, 0, 9, 0) }) +
        request(Opcode.decrement, { key: 'n', extras: u32(0, 1, 0, 9, 0xfffffffe), cas: 3 }) +
        request(Opcode.append, { key: 'a', value: 'x', cas: 4 }) +
        request(Opcode.delete, { key: 'a', cas: 4 }) +
        request(Opcode.delete, { key: 'a', cas: 5 }),
    )
    turn()
    expect(router.link(0).requests).toBe(
      'ma n v c D1 J9 N0\r\nma n v c D1 J9 N2147483647 MD C3\r\n' +
        'ms a 1 c MA C4\r\nx\r\nmd a C4\r\nmd a C5\r\n',
    )
    router.link(0).reply('VA 1 c7\r\n9\r\nEX\r\nHD c8\r\nEX\r\nNF\r\n', 4)
    turn()
    expect(client.reply).toBe(
      reply(Opcode.increment, 0, { value: u32(0, 9), cas: 7 }) +
        error(Opcode.decrement, 2, 'Data exists for key.') +
        reply(Opcode.append, 0, { cas: 8 }) +
        error(Opcode.delete, 2, 'Data exists for key.') +
        error(Opcode.delete, 1, 'Not found'),
    )
  })

  test('storage, delete and noop in order, with the statuses of each', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(
      set('a', '1', { opaque: 1 }) +
        set('a', '2', { cas: 5, opaque: 2 }) +
        request(Opcode.add, { key: 'a', value: '3', extras: u32(9, 60), opaque: 3 }) +
        request(Opcode.replace, { key: 'z', value: '3', extras: u32(0, 0), opaque: 6 }) +
        request(Opcode.deleteq, { key: 'a', opaque: 4 }) +
        request(Opcode.noop, { opaque: 5 }),
    )
    turn()
    expect(router.link(0).requests).toBe(
      'ms a 1 c F0 T0\r\n1\r\nms a 1 c F0 T0 C5\r\n2\r\n' +
        'ms a 1 c F9 T60 ME\r\n3\r\nms z 1 c F0 T0 MR\r\n3\r\nmd a\r\n',
    )
    router.link(0).reply('HD c77\r\nEX c0\r\nNS c0\r\nNS c0\r\nHD\r\n')
    turn()
    expect(client.reply).toBe(
      reply(Opcode.set, 0, { opaque: 1, cas: 77 }) +
        error(Opcode.set, 2, 'Data exists for key.', 2) +
        error(Opcode.add, 2, 'Data exists for key.', 3) +
        error(Opcode.replace, 1, 'Not found', 6) +
        reply(Opcode.noop, 0, { opaque: 5 }),
    )
  })

  test('a key that is no text goes as base64', () => {
    for (const key of [
      'a b',
      'a\r\nflush_all\r\n',
      '\n',
      ' ',
      'a\0',
      'a\t',
      '\x7f',
      ' '.repeat(186),
    ]) {
      const router = makeRouter()
      const client = router.connect()
      const base64 = Buffer.from(key, 'latin1').toString('base64')
      client.send(request(Opcode.getk, { key, opaque: 1, cas: 9 }))
      client.send(set(key, 'x', { opaque: 2 }))
      client.send(request(Opcode.delete, { key, opaque: 3 }))
      client.send(set(key, 'x'.repeat(1_048_600), { opaque: 4 }))
      client.send(request(Opcode.gatkq, { key, extras: u32(5), opaque: 5 }))
      turn()
      expect(router.link(0).requests).toBe(
        `mg ${base64} b v f c\r\nms ${base64} 1 b c F0 T0\r\nx\r\nmd ${base64} b\r\n` +
          `md ${base64} b\r\nmg ${base64} b v f c T5\r\n`,
      )
      router.link(0).reply('VA 1 f7 c9\r\nx\r\nHD c1\r\nNF\r\nHD\r\nVA 0 f7 c8\r\n\r\n', 3)
      turn()
      expect(client.reply).toBe(
        reply(Opcode.getk, 0, { extras: u32(7), key, value: 'x', cas: 9, opaque: 1 }) +
          reply(Opcode.set, 0, { opaque: 2, cas: 1 }) +
          error(Opcode.delete, 1, 'Not found', 3) +
          error(Opcode.set, 3, 'Too large.', 4) +
          reply(Opcode.gatkq, 0, { extras: u32(7), key, cas: 8, opaque: 5 }),
      )
      expect(router.counters.sum(Counter.getHits)).toBe(2)
    }
  })

  test('one that is too long for that is refused, and not sent', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(request(Opcode.get, { key: ' '.repeat(187) }) + set('\n'.repeat(250), 'x'))
    client.send(request(Opcode.noop, {}))
    turn()
    expect(router.link(0).requests).toBe('')
    expect(client.reply).toBe(
      error(Opcode.get, 4, 'Invalid arguments') +
        error(Opcode.set, 4, 'Invalid arguments') +
        reply(Opcode.noop, 0, {}),
    )
  })

  test('an exptime over 31 bits reaches the node as a number that it takes', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(request(Opcode.set, { key: 'a', value: '1', extras: u32(0, 0xffffffff) }))
    turn()
    const exptime = Number(/^ms a 1 c F0 T(-?\d+)\r\n/.exec(router.link(0).requests)?.[1])
    // The text protocol cuts to 32 bits with a sign: what was far in the future must not be past.
    expect(exptime | 0).toBeGreaterThan(0)
  })
})
