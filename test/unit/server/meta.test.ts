/** Meta commands where time passes, memory is short, or statistics count. */
import { describe, expect, test } from 'vitest'
import { latin1 } from '../../../src/base/bytes.ts'
import { Counter } from '../../../src/observe/counters.ts'
import { makeNode } from '../session/support.ts'

describe('time', () => {
  test('t counts down, l counts up, and u leaves l alone', () => {
    const node = makeNode()
    const client = node.connect()
    expect(client.ask('ms a 1 T100\r\nx\r\nmg a t l u\r\n')).toBe('HD\r\nHD t100 l0\r\n')
    node.advance(7)
    expect(client.ask('mg a t l u\r\nmg a t l\r\nmg a t l\r\n')).toBe(
      'HD t93 l7\r\nHD t93 l7\r\nHD t93 l0\r\n',
    )
    node.advance(93)
    expect(client.ask('mg a t l k\r\n')).toBe('EN ka\r\n')
  })

  test('R wins once in the seconds before the end, whoever asks', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('ms a 1 T100\r\nx\r\n')
    expect(client.ask('mg a R30 t\r\n')).toBe('HD\r\nHD t100\r\n')
    node.advance(70)
    expect(client.ask('mg a R30 t\r\n')).toBe('HD t30\r\n')
    node.advance(1)
    expect(client.ask('mg a R30 t\r\nmg a R30 t\r\n')).toBe('HD t29 W\r\nHD t29 Z\r\n')
  })

  test('what N made goes after its time, and can be won again', () => {
    const node = makeNode()
    const client = node.connect()
    expect(client.ask('mg a N10\r\nmg a N10\r\n')).toBe('HD W\r\nHD Z\r\n')
    node.advance(10)
    expect(client.ask('mg a N10 t\r\nmg a\r\n')).toBe('HD t10 W\r\nHD Z\r\n')
  })

  test('an N that is over at once still wins, and leaves nothing', () => {
    const client = makeNode().connect()
    expect(client.ask('mg a N-1 t\r\nmg a\r\n')).toBe('HD t0 W\r\nEN\r\n')
  })

  test('T and N take effect in the order given', () => {
    const node = makeNode()
    const client = node.connect()
    expect(client.ask('mg a t N30 T60\r\nmg a t\r\nmg b N30 t T60\r\nmg b t\r\n')).toBe(
      'HD t-1 W\r\nHD t60 Z\r\nHD t30 W\r\nHD t60 Z\r\n',
    )
    expect(client.ask('mg c T60 t N30\r\nmg c t\r\nma n T60 N30 t\r\nmg n t\r\n')).toBe(
      'HD t60 W\r\nHD t30 Z\r\nHD t30\r\nHD t30\r\n',
    )
  })

  test('a shorter life by T, md T and ma T is obeyed, a longer one too', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('ms a 1\r\nx\r\nms b 1 T5\r\nx\r\nms c 1\r\nx\r\nms n 1 T5\r\n1\r\n')
    client.send('mg a T5\r\nmg b T100\r\nmd c I T5\r\nma n T100\r\n')
    expect(client.reply).toBe('HD\r\n'.repeat(8))
    node.advance(6)
    expect(client.ask('mg a\r\nmg b t\r\nmg c\r\nmg n v t\r\n')).toBe(
      'EN\r\nHD t94\r\nEN\r\nVA 1 t94\r\n2\r\n',
    )
    node.made.verify()
  })

  test('a late value keeps the time that was left', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('ms a 1 T50 c\r\nx\r\nmd a I\r\nms a 1 C2 I T1000\r\ny\r\n')
    expect(client.ask('mg a t v\r\n')).toBe('HD c2\r\nHD\r\nHD\r\nVA 1 t50 X W\r\ny\r\n')
  })
})

describe('memory', () => {
  test('without room N is a miss, and a number is not made', () => {
    const client = makeNode({ evict: false }).connect()
    const value = 'v'.repeat(16_000)
    let stored = 0
    while (client.ask(`ms k${stored} 16000\r\n${value}\r\n`) === 'HD\r\n') stored += 1
    for (let at = 0; client.ask(`ms s${at} 0\r\n\r\n`) === 'HD\r\n'; at += 1) stored += 1
    expect(stored).toBeGreaterThan(20)
    expect(client.ask('mg new N30 v k\r\n')).toBe('EN knew\r\n')
    expect(client.ask('ma new N30\r\n')).toBe('SERVER_ERROR Out of memory allocating new item\r\n')
    expect(client.ask('ms new 0 q\r\n\r\n')).toBe('SERVER_ERROR out of memory storing object\r\n')
  })

  test('marks outlive moves between segments, and go with the value', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('ms c3RhbGU= 1 b\r\nx\r\nmd stale I\r\n')
    const keep = () => client.ask('mg stale k h\r\n')
    expect(keep()).toBe('HD\r\nHD\r\nHD kc3RhbGU= b h0 X W\r\n')
    const value = 'v'.repeat(4_000)
    for (let at = 0; at < 6_000; at += 1) {
      client.send(`ms f${at} 4000 q\r\n${value}\r\n`)
      if (at % 100 === 0) expect(keep()).toBe('HD kc3RhbGU= b h1 Z X\r\n')
    }
    expect(client.ask('ms stale 1\r\ny\r\nmg stale k h\r\n')).toBe('HD\r\nHD kstale h0\r\n')
    node.made.verify()
  })
})

test('counters count as memcached counts', () => {
  const node = makeNode()
  const client = node.connect()
  client.send(
    'ms a 1\r\n1\r\nms a 1 ME\r\n1\r\nms a 1 C1\r\n1\r\nms z 1 C1\r\n1\r\nms a 1 C1 I\r\n1\r\n' +
      'mg a\r\nmg a T0\r\nmg z\r\nmg z T0\r\nmg v N0\r\nma a\r\nma a MD\r\nma z\r\nma z MD\r\n' +
      'ma n N0\r\nmd z\r\nmd a C1\r\nmd a I\r\nmd a x\r\nmd a\r\nme v\r\nme z\r\nmn\r\n',
  )
  const of = (counter: Counter) => node.counters.sum(counter)
  expect({
    cmdSet: of(Counter.cmdSet),
    casHits: of(Counter.casHits),
    casBadval: of(Counter.casBadval),
    casMisses: of(Counter.casMisses),
    cmdGet: of(Counter.cmdGet),
    getHits: of(Counter.getHits),
    getMisses: of(Counter.getMisses),
    cmdTouch: of(Counter.cmdTouch),
    touchHits: of(Counter.touchHits),
    touchMisses: of(Counter.touchMisses),
    incrHits: of(Counter.incrHits),
    incrMisses: of(Counter.incrMisses),
    decrHits: of(Counter.decrHits),
    decrMisses: of(Counter.decrMisses),
    deleteHits: of(Counter.deleteHits),
    deleteMisses: of(Counter.deleteMisses),
    cmdMeta: of(Counter.cmdMeta),
  }).toEqual({
    cmdSet: 5,
    casHits: 1,
    casBadval: 1,
    casMisses: 1,
    cmdGet: 4,
    getHits: 2,
    getMisses: 2,
    cmdTouch: 1,
    touchHits: 1,
    touchMisses: 0,
    incrHits: 1,
    incrMisses: 1,
    decrHits: 1,
    decrMisses: 1,
    deleteHits: 2,
    deleteMisses: 2,
    cmdMeta: 2,
  })
})

test('a key of the binary protocol is shown in base64 where it would break the line', () => {
  const node = makeNode()
  const client = node.connect()
  const key = 'a b\nc'
  const header = Buffer.alloc(24)
  header.writeUInt8(0x80, 0)
  header.writeUInt8(0x01, 1)
  header.writeUInt16BE(key.length, 2)
  header.writeUInt8(8, 4)
  header.writeUInt32BE(8 + key.length + 1, 8)
  const binary = node.connect()
  binary.send(Buffer.concat([header, Buffer.alloc(8), latin1(key), latin1('x')]))
  const text = Buffer.from(key).toString('base64')
  expect(client.ask(`mg ${text} b k v\r\n`)).toBe(`VA 1 k${text} b\r\nx\r\n`)
  expect(client.ask(`me ${text} b\r\n`)).toMatch(new RegExp(`^ME ${text} exp=-1 la=0 `))
})

test('without cas nothing is equal, and c is 0', () => {
  const client = makeNode({ cas: false }).connect()
  expect(
    client.ask(
      'ms a 1 c\r\nx\r\nmg a c\r\nma n N0 c\r\nma n c\r\nms a 1 C2\r\ny\r\nms a 1 C0\r\ny\r\n',
    ),
  ).toBe('HD c0\r\nHD c0\r\nHD c0\r\nHD c0\r\nEX\r\nEX\r\n')
})

test('without cas leases, counters and empty items work all the same', () => {
  const client = makeNode({ cas: false }).connect()
  expect(client.ask('mg a N30\r\nmg a N30\r\nms a 2 T50\r\nhi\r\nmd a x T60\r\nmg a s t\r\n')).toBe(
    'HD W\r\nHD Z\r\nHD\r\nHD\r\nHD s0 t60\r\n',
  )
  expect(client.ask('ms n 1\r\n9\r\nma n T70 v\r\nmg n t\r\nmd b x\r\n')).toBe(
    'HD\r\nVA 2\r\n10\r\nHD t70\r\nNF\r\n',
  )
})
