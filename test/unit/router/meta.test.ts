import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { later, makeRouter, REQUEST_MS, turn } from './support.ts'

/** `\x00\n` as a key: what a node says with it would break its line. */
const WILD = Buffer.from('\x00\n a').toString('base64')

describe('meta requests', () => {
  const asked: readonly [send: string, forwarded: string, answer: string, expected: string][] = [
    ['mg a', 'mg a\r\n', 'HD\r\n', 'HD\r\n'],
    ['mg a v f c t', 'mg a v f c t\r\n', 'VA 2 f5 c9 t-1\r\nhi\r\n', 'VA 2 f5 c9 t-1\r\nhi\r\n'],
    ['mg a v q k O1', 'mg a v k O1\r\n', 'VA 0 ka O1\r\n\r\n', 'VA 0 ka O1\r\n\r\n'],
    ['mg a q k O1', 'mg a k O1\r\n', 'HD ka O1\r\n', 'HD ka O1\r\n'],
    ['mg a q k O1', 'mg a k O1\r\n', 'EN ka O1\r\n', ''],
    ['mg a k Oxyz', 'mg a k Oxyz\r\n', 'EN ka Oxyz\r\n', 'EN ka Oxyz\r\n'],
    ['mg a s v N30 R-5 T2147483647', 'mg a s v N30 R-5 T2147483647\r\n', 'EN\r\n', 'EN\r\n'],
    ['mg a u x h l E7 C8', 'mg a u x h l E7 C8\r\n', 'HD h1 l0\r\n', 'HD h1 l0\r\n'],
    ['mg Zm9v b k v', 'mg Zm9v b k v\r\n', 'VA 1 kZm9v b\r\n1\r\n', 'VA 1 kZm9v b\r\n1\r\n'],
    // What memcached keeps for proxies is no node's business.
    ['mg a Px Ly v', 'mg a v\r\n', 'EN\r\n', 'EN\r\n'],
    ['ms a 2\r\nhi', 'ms a 2\r\nhi\r\n', 'HD\r\n', 'HD\r\n'],
    ['ms a 0 q c\r\n', 'ms a 0 c\r\n\r\n', 'HD c5\r\n', ''],
    ['ms a 2 q O9\r\nhi', 'ms a 2 O9\r\nhi\r\n', 'NS O9\r\n', 'NS O9\r\n'],
    [
      'ms a 2 F4294967295 T-1 MA C18446744073709551615 E1 I\r\nhi',
      'ms a 2 F4294967295 T-1 MA C18446744073709551615 E1 I\r\nhi\r\n',
      'EX\r\n',
      'EX\r\n',
    ],
    ['ms Zm9v 1 b k\r\n1', 'ms Zm9v 1 b k\r\n1\r\n', 'HD kZm9v b\r\n', 'HD kZm9v b\r\n'],
    ['ms a 1 q\r\n1', 'ms a 1\r\n1\r\n', 'SERVER_ERROR busy\r\n', 'SERVER_ERROR busy\r\n'],
    ['md a q', 'md a\r\n', 'HD\r\n', ''],
    ['md a q I T30', 'md a I T30\r\n', 'NF\r\n', 'NF\r\n'],
    ['md a x C5 k', 'md a x C5 k\r\n', 'EX ka\r\n', 'EX ka\r\n'],
    ['ma a', 'ma a\r\n', 'HD\r\n', 'HD\r\n'],
    ['ma a q v', 'ma a v\r\n', 'VA 1\r\n5\r\n', ''],
    [
      'ma a v N0 J18446744073709551615 D007 MD',
      'ma a v N0 J18446744073709551615 D7 MD\r\n',
      'NF\r\n',
      'NF\r\n',
    ],
    ['ma a q', 'ma a\r\n', 'CLIENT_ERROR no number\r\n', 'CLIENT_ERROR no number\r\n'],
    ['me a', 'me a\r\n', 'ME a exp=-1 la=0\r\n', 'ME a exp=-1 la=0\r\n'],
    ['me Zm9v b', 'me foo\r\n', 'EN\r\n', 'EN\r\n'],
    ['me AAA= b', 'me AAA= b\r\n', 'EN\r\n', 'EN\r\n'],
    [
      `mg ${WILD} b v k t`,
      `mg ${WILD} b v t\r\n`,
      'VA 1 t-1\r\n1\r\n',
      `VA 1 k${WILD} b t-1\r\n1\r\n`,
    ],
    [`md ${WILD} k b`, `md ${WILD} b\r\n`, 'NF\r\n', `NF k${WILD} b\r\n`],
    [`ms ${WILD} 1 b k\r\n1`, `ms ${WILD} 1 b\r\n1\r\n`, 'HD\r\n', `HD k${WILD} b\r\n`],
    // What means nothing to ms is left out: older ones count flags, and lose the data.
    ['ms a 1 v t h l u J5 D1 x s c\r\n1', 'ms a 1 s c\r\n1\r\n', 'HD c1\r\n', 'HD c1\r\n'],
    // A NUL would end the line of an older memcached.
    ['mg a\0 v k', 'mg YQA= b v k\r\n', 'VA 1 kYQA= b\r\n1\r\n', 'VA 1 kYQA= b\r\n1\r\n'],
    ['get a\0', 'mg YQA= b v f c\r\n', 'VA 1 f7 c9\r\n1\r\n', 'VALUE a\0 7 1\r\n1\r\nEND\r\n'],
    ['gets a\0', 'mg YQA= b v f c\r\n', 'VA 1 f7 c9\r\n1\r\n', 'VALUE a\0 7 1 9\r\n1\r\nEND\r\n'],
    ['gat 5 a\0', 'mg YQA= b v f c T5\r\n', 'EN\r\n', 'END\r\n'],
    ['set a\0 7 -1 1\r\n1', 'ms YQA= 1 b c F7 T-1\r\n1\r\n', 'HD c5\r\n', 'STORED\r\n'],
    ['add a\0 0 0 1\r\n1', 'ms YQA= 1 b c F0 T0 ME\r\n1\r\n', 'NS c5\r\n', 'NOT_STORED\r\n'],
    ['cas a\0 0 0 1 9\r\n1', 'ms YQA= 1 b c F0 T0 C9\r\n1\r\n', 'EX\r\n', 'EXISTS\r\n'],
    ['delete a\0', 'md YQA= b\r\n', 'NF\r\n', 'NOT_FOUND\r\n'],
    ['delete a\0', 'md YQA= b\r\n', 'HD\r\n', 'DELETED\r\n'],
    ['decr a\0 5', 'ma YQA= b v c D5 MD\r\n', 'VA 1 c2\r\n7\r\n', '7\r\n'],
    ['touch a\0 5', 'mg YQA= b f c T5\r\n', 'HD f0 c2\r\n', 'TOUCHED\r\n'],
    ['touch a\0 5', 'mg YQA= b f c T5\r\n', 'EN\r\n', 'NOT_FOUND\r\n'],
  ]

  test.each(asked)('%j', (send, forwarded, answer, expected) => {
    for (const size of [Number.POSITIVE_INFINITY, 1, 3]) {
      const router = makeRouter()
      const client = router.connect()
      client.send(`${send}\r\nmn\r\n`, [size])
      turn()
      expect(router.link(0).requests).toBe(forwarded)
      expect(client.reply).toBe('')
      router.link(0).reply(answer, size)
      turn()
      expect(client.reply).toBe(`${expected}MN\r\n`)
      expect(router.link(0).destroyed).toBe(false)
    }
  })

  test('an answer that fits no such request ends the connection to the node', () => {
    const wrong: readonly [string, string][] = [
      ['mg a v', 'NF\r\n'],
      ['mg a v', 'END\r\n'],
      ['mg a v', 'VALUE a 0 1\r\n1\r\n'],
      ['mg a v', 'MN\r\n'],
      ['ms a 1\r\n1', 'EN\r\n'],
      ['ms a 1\r\n1', 'VA 1\r\n1\r\n'],
      ['md a', 'STORED\r\n'],
      ['ma a', '5\r\n'],
      ['me a', 'HD\r\n'],
      ['ms a 1\r\n1', 'ERROR\r\n'],
      ['set a 0 0 1\r\n1', 'ERROR\r\n'],
      ['get a', 'VA 1\r\n1\r\n'],
      ['get a', 'EN\r\n'],
    ]
    for (const [send, answer] of wrong) {
      const router = makeRouter()
      router.connect().send(`${send}\r\n`)
      turn()
      router.link(0).reply(answer)
      expect(router.link(0).destroyed, `${send}: ${answer}`).toBe(true)
    }
  })

  test('text and base64 forms of one key go to one node', () => {
    const router = makeRouter({ nodes: 3 })
    const client = router.connect()
    for (let node = 0; node < 3; node += 1) {
      const key = router.keyOn(node, 'x')
      const base64 = Buffer.from(key).toString('base64')
      client.send(`mg ${key}\r\nmg ${base64} b\r\nms ${base64} 1 b\r\n1\r\n`)
      turn()
      expect(router.link(node).requests).toBe(
        `mg ${key}\r\nmg ${base64} b\r\nms ${base64} 1 b\r\n1\r\n`,
      )
    }
  })

  test('with the node gone, reads miss and writes fail, both in order', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('mg a v k O1\r\nmg a q\r\nms a 1 q\r\n1\r\nmd a O2\r\nma a q\r\nme a\r\nmn\r\n')
    turn()
    later(REQUEST_MS + 100)
    const late = 'SERVER_ERROR n0 timed out\r\n'
    expect(client.reply).toBe(`EN ka O1\r\n${late}${late}${late}EN\r\nMN\r\n`)
    expect(router.counters.sum(Counter.getMisses)).toBe(3)
  })

  test('a key that would break a line is not looked at with me', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(`me ${WILD} b\r\nmn\r\n`)
    turn()
    expect(router.link(0).requests).toBe('')
    expect(client.reply).toBe('CLIENT_ERROR bad command line format\r\nMN\r\n')
  })

  test('one with a NUL that is too long for base64 is refused', () => {
    const router = makeRouter()
    const client = router.connect()
    const key = `\0${'a'.repeat(186)}`
    client.send(`get ${key}\r\nset ${key} 0 0 1\r\n1\r\nmg ${key}\r\nms ${key} 1\r\n1\r\n`)
    turn()
    expect(router.link(0).requests).toBe('')
    expect(client.reply).toBe('CLIENT_ERROR bad command line format\r\n'.repeat(4))
  })

  test('too large for every node: the old value goes first', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(`ms Zm9v 1048576 b k\r\n${'x'.repeat(1_048_576)}\r\nmn\r\n`)
    turn()
    expect(router.link(0).requests).toBe('md foo\r\n')
    router.link(0).reply('HD\r\n')
    turn()
    expect(client.reply).toBe('SERVER_ERROR object too large for cache\r\nMN\r\n')
  })
})
