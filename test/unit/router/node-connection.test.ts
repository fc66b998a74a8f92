import { describe, expect, test } from 'vitest'
import { MIB } from '../store/support.ts'
import {
  BACK_OFF_MAX_MS,
  BACK_OFF_MIN_MS,
  later,
  makeRouter,
  REQUEST_MS,
  SILENCE_MS,
  turn,
} from './support.ts'
import type { TestRouter } from './support.ts'

const HIT = 'VALUE a 0 1\r\n1\r\n'

/** A later request works again: on the next connection, with nothing left over from this one. */
function serves(router: TestRouter): void {
  later(BACK_OFF_MAX_MS)
  const link = router.link(0)
  if (link.isClosed) throw new Error('Cannot go on: the router has not connected again')
  link.open()
  const client = router.connect()
  client.send('get a\r\n')
  turn()
  expect(link.requests).toBe('get a\r\n')
  link.reply(`${HIT}END\r\n`)
  turn()
  expect(client.reply).toBe(`${HIT}END\r\n`)
}

describe('a node that answers wrongly', () => {
  const toGet: readonly [name: string, answer: string, hit?: string][] = [
    ['a line that is none', 'hello\r\n'],
    ['a line feed alone', 'END\n'],
    ['a value that is larger than it says', 'VALUE a 0 1\r\n123\r\nEND\r\n'],
    ['a value over the largest item', `VALUE a 0 ${1024 * MIB + 1}\r\n`],
    ['two values for one key', `${HIT}${HIT}END\r\n`, HIT],
    ['a value of another key', 'VALUE b 0 1\r\n1\r\nEND\r\n'],
    ['STORED', 'STORED\r\n'],
    ['a number', '42\r\n'],
    ['OK', 'OK\r\n'],
    ['DELETED behind a value', `${HIT}DELETED\r\n`, HIT],
    ['a statistic', 'STAT a 1\r\nEND\r\n'],
    ['a line without end', 'x'.repeat(10_000)],
  ]
  test.each(toGet)(
    '%s to a get: the connection is given up, the rest are misses',
    (_, answer, hit = '') => {
      for (const size of [Number.POSITIVE_INFINITY, 1]) {
        const router = makeRouter()
        const client = router.connect()
        client.send('get a\r\nget c\r\n')
        turn()
        router.link(0).reply(answer, answer.length > 1000 ? 999 : size)
        expect(router.link(0).destroyed).toBe(true)
        later(1)
        expect(client.reply).toBe(`${hit}END\r\nEND\r\n`)
        serves(router)
      }
    },
  )

  const toOthers: readonly [string, string][] = [
    ['set a 0 0 1\r\n1', 'END\r\n'],
    ['set a 0 0 1\r\n1', `${HIT}END\r\n`],
    ['set a 0 0 1\r\n1', `${HIT}STORED\r\n`],
    ['set a 0 0 1\r\n1', '5\r\n'],
    ['set a 0 0 1\r\n1', 'DELETED\r\n'],
    ['delete a', 'STORED\r\n'],
    ['delete a', 'END\r\n'],
    ['incr a 1', 'STORED\r\n'],
    ['touch a 1', 'DELETED\r\n'],
    ['flush_all', 'STORED\r\n'],
  ]
  test.each(toOthers)(
    '%j answered %j: the connection is given up, an error said',
    (send, answer) => {
      const router = makeRouter()
      const client = router.connect()
      client.send(`${send}\r\n`)
      turn()
      router.link(0).reply(answer)
      expect(router.link(0).destroyed).toBe(true)
      later(1)
      expect(client.reply).toMatch(/^SERVER_ERROR n0 [^\r\n]+\r\n$/)
      serves(router)
    },
  )

  test('an answer that nobody asked for: the connection is given up', () => {
    const router = makeRouter()
    router.link(0).reply('END\r\n')
    expect(router.link(0).destroyed).toBe(true)
    later(1)
    serves(router)
  })

  test('an error that a proxy in between might send is passed on for a write', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\ndelete a\r\n')
    turn()
    router.link(0).reply('CLIENT_ERROR no thanks\r\nERROR\r\n')
    turn()
    expect(client.reply).toMatch(/^(?:SERVER|CLIENT)_ERROR [^\r\n]+\r\nSERVER_ERROR [^\r\n]+\r\n$/)
    expect(router.link(0).destroyed).toBe(false)
  })
})

describe('a node that is late', () => {
  test('its requests are answered in its place, its replies swallowed, others not mixed up', () => {
    const router = makeRouter()
    const first = router.connect()
    const second = router.connect()
    first.send('get a\r\nset b 0 0 1\r\n1\r\n')
    turn()
    later(REQUEST_MS + 100)
    expect(first.reply).toBe('END\r\nSERVER_ERROR n0 timed out\r\n')
    second.send('get c\r\n')
    turn()
    router.link(0).reply(`${HIT}END\r\nSTORED\r\nVALUE c 0 1\r\n3\r\nEND\r\n`, 3)
    turn()
    expect(second.reply).toBe('VALUE c 0 1\r\n3\r\nEND\r\n')
    expect(first.reply).toBe('')
    expect(router.link(0).destroyed).toBe(false)
  })

  test('a request sent later is timed on its own', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    later(REQUEST_MS - 200)
    const other = router.connect()
    other.send('get b\r\n')
    later(300)
    expect([client.reply, other.reply]).toEqual(['END\r\n', ''])
    later(REQUEST_MS)
    expect(other.reply).toBe('END\r\n')
  })

  test('silent for too long it is shut out, and asked anew once it is admitted', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    later(SILENCE_MS - 100)
    expect(router.link(0).destroyed).toBe(false)
    later(200)
    expect(router.links[0]!.destroyed).toBe(true)
    expect(router.main.told).toEqual(['n0 down: silent for 3000 ms', 'n0 closed', 'n0 up'])
    serves(router)
    expect(client.reply).toBe('END\r\n')
  })

  test('a flush_all is answered once, whether its nodes are late, gone or early', () => {
    const router = makeRouter({ nodes: 3 })
    router.main.admits = false
    const client = router.connect()
    client.send('flush_all\r\nversion\r\n')
    turn()
    router.link(0).reply('OK\r\n')
    router.link(1).close()
    expect(client.reply).toBe('')
    later(REQUEST_MS + 100)
    expect(client.reply).toMatch(/^SERVER_ERROR n[12] [^\r\n]+\r\nVERSION 1.6.45\r\n$/)
    router.link(2).reply('OK\r\n')
    turn()
    expect(client.reply).toBe('')
    const again = router.connect()
    again.send('flush_all\r\n')
    turn()
    router.link(0).reply('OK\r\n')
    router.link(2).reply('OK\r\n')
    turn()
    expect(again.reply).toMatch(/^SERVER_ERROR n1 /)
  })
})

describe('a node that goes', () => {
  test('in the middle of a value: a miss, and nothing of the rest', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\nset b 0 0 1\r\n1\r\nversion\r\n')
    turn()
    router.link(0).reply('VALUE a 0 10\r\n12345')
    router.link(0).close('ECONNRESET')
    later(1)
    expect(client.reply).toBe('END\r\nSERVER_ERROR n0 is down\r\nVERSION 1.6.45\r\n')
    serves(router)
  })

  test('behind a value, before its END: a hit all the same', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    router.link(0).reply(HIT)
    router.link(0).half()
    later(1)
    expect(client.reply).toBe(`${HIT}END\r\n`)
    serves(router)
  })

  test('with nothing under way it is connected again at once, and requests wait for that', () => {
    const router = makeRouter()
    router.link(0).close()
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\n')
    later(1)
    expect(router.links.length).toBe(2)
    expect(client.reply).toBe('')
    router.link(0).open()
    turn()
    expect(router.link(0).requests).toBe('set a 0 0 1\r\n1\r\n')
    router.link(0).reply('STORED\r\n')
    turn()
    expect(client.reply).toBe('STORED\r\n')
    expect(router.main.told).toEqual([])
  })

  test('after three failures it is shut out: requests fail at once, nobody connects', () => {
    const router = makeRouter()
    router.main.admits = false
    router.link(0).close()
    later(1)
    router.link(0).close('ECONNREFUSED')
    expect(router.main.told).toEqual([])
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    expect(client.reply).toBe('END\r\n')
    later(BACK_OFF_MIN_MS)
    expect(router.links.length).toBe(3)
    router.link(0).close('ECONNREFUSED')
    expect(router.main.told).toEqual(['n0 down: ECONNREFUSED', 'n0 closed'])
    client.send('get a\r\ndelete a\r\n')
    turn()
    expect(client.reply).toBe('END\r\nSERVER_ERROR n0 is down\r\n')
    later(BACK_OFF_MAX_MS)
    expect(router.links.length).toBe(3)
    router.main.admit(0)
    serves(router)
  })

  test('at the start: requests wait for the first connection, and then go', () => {
    const router = makeRouter({ open: false })
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\nget a\r\n')
    turn()
    expect(client.reply).toBe('')
    router.link(0).open()
    turn()
    expect(router.link(0).requests).toBe('set a 0 0 1\r\n1\r\nget a\r\n')
    router.link(0).reply('STORED\r\nEND\r\n')
    turn()
    expect(client.reply).toBe('STORED\r\nEND\r\n')
  })

  test('at the start and for good: what waited fails, and is not sent to its successor', () => {
    const router = makeRouter({ open: false })
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\nget a\r\n')
    turn()
    router.link(0).close('ECONNREFUSED')
    later(1)
    expect(client.reply).toBe('SERVER_ERROR n0 is down\r\nEND\r\n')
    expect(router.main.told.slice(0, 3)).toEqual([
      'n0 down: ECONNREFUSED',
      'n0 missed a',
      'n0 closed',
    ])
    serves(router)
  })

  test('a client that has gone is not answered, and keeps nobody waiting', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\nset b 0 0 1\r\n1\r\nflush_all\r\n')
    turn()
    client.disconnect()
    const other = router.connect()
    other.send('get c\r\n')
    turn()
    router.link(0).reply(`${HIT}END\r\nSTORED\r\nOK\r\nVALUE c 0 1\r\n3\r\nEND\r\n`)
    turn()
    expect(client.stream.text).toBe('')
    expect(other.reply).toBe('VALUE c 0 1\r\n3\r\nEND\r\n')
  })
})

describe('a new connection', () => {
  const options = { nodeCredential: { name: 'router', password: 'pass word' } }
  const login = 'set auth 0 0 16\r\nrouter pass word\r\n'

  test('logs in before everything else, and asks who is there', () => {
    const router = makeRouter(options)
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    const link = router.link(0)
    expect(link.requests).toBe('')
    link.connected()
    turn()
    expect(link.requests).toBe(`${login}version\r\n`)
    link.reply('STORED\r\n', 1)
    turn()
    expect(link.requests).toBe('')
    link.reply('VERSION 1.6.18\r\n', 1)
    turn()
    expect(link.requests).toBe('get a\r\n')
    link.reply('END\r\n')
    turn()
    expect(client.reply).toBe('END\r\n')
  })

  const refusals: readonly [string, string][] = [
    ['the login refused', 'CLIENT_ERROR authentication failure\r\n'],
    ['the version refused', 'STORED\r\nERROR\r\n'],
    ['too many connections', 'ERROR Too many open connections\r\n'],
    ['something else first', 'VERSION 1.6.45\r\nSTORED\r\n'],
  ]
  test.each(refusals)('%s: it is given up, requests fail, it is tried again', (_, answer) => {
    const router = makeRouter(options)
    const client = router.connect()
    client.send('get a\r\ndelete a\r\n')
    router.link(0).connected()
    turn()
    router.link(0).reply(answer)
    later(1)
    expect(client.reply).toBe('END\r\nSERVER_ERROR n0 is down\r\n')
    expect(router.main.told).toContain('n0 missed a')
    later(BACK_OFF_MIN_MS)
    expect(router.links.length).toBe(2)
    router.link(0).connected()
    expect(router.link(0).requests).toBe(`${login}version\r\n`)
  })

  test('that is never answered is given up, and the next comes no sooner than it should', () => {
    const router = makeRouter(options)
    const client = router.connect()
    client.send('get a\r\n')
    let known = 0
    for (let ms = 0; ms < REQUEST_MS * 20; ms += 100) {
      if (router.links.length > known) router.link(0).connected()
      known = router.links.length
      later(100)
    }
    expect(client.reply).toBe('END\r\n')
    expect(router.links[0]!.destroyed).toBe(true)
    expect(known).toBeGreaterThan(5)
    expect(known).toBeLessThan(14)
  })
})
