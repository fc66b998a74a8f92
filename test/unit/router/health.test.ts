// What data threads and main agree on about nodes: who may end a life, what is told, what waits.
import { describe, expect, test, vi } from 'vitest'
import { NodeHealth } from '../../../src/router/health.ts'
import { Journal } from '../../../src/router/journal.ts'
import {
  BACK_OFF_MAX_MS,
  later,
  makeRouter,
  REQUEST_MS,
  ROUTER_ID,
  SILENCE_MS,
  turn,
} from './support.ts'

describe('NodeHealth', () => {
  test('lives go on one by one, and only the one that is meant', () => {
    const health = NodeHealth.create(3)
    expect([health.life(1), health.isAdmitted(1), health.isDecided(1)]).toEqual([1, false, false])
    expect(health.admit(1, 1)).toBe(true)
    expect(health.isAdmitted(1)).toBe(true)
    expect([health.shut(1, 2), health.shut(1, 2), health.life(1)]).toEqual([true, false, 3])
    expect([health.life(0), health.life(2)]).toEqual([1, 1])
    for (let life = 3; life < 2047; life += 1) health.admit(1, life)
    expect(health.life(1)).toBe(2047)
    expect(health.admit(1, 2047)).toBe(true)
    expect([health.life(1), health.isAdmitted(1)]).toEqual([0, true])
  })

  test('a node is not admitted before every miss has been heard of', () => {
    const health = NodeHealth.create(1)
    expect([health.miss(0), health.miss(0)]).toEqual([true, true])
    expect(health.admit(0, 1)).toBe(false)
    health.settle(0)
    expect(health.admit(0, 1)).toBe(false)
    health.settle(0)
    expect(health.admit(0, 1)).toBe(true)
    expect(health.miss(0)).toBe(false)
    expect(health.shut(0, 2)).toBe(true)
    expect(health.admit(0, 3)).toBe(true)
  })

  test('failures count up to the next answer', () => {
    const health = NodeHealth.create(2)
    expect([health.fail(1), health.fail(1)]).toEqual([1, 2])
    health.answered(1)
    expect([health.fail(1), health.fail(0)]).toEqual([1, 1])
  })
})

test('Journal: each key once, up to its limit; beyond it is everything', () => {
  const journal = new Journal(2)
  expect(journal.isEmpty).toBe(true)
  for (const key of ['a', 'b', 'a']) journal.add(key)
  expect([journal.keys(), journal.isOverflown]).toEqual([['a', 'b'], false])
  journal.remove(['a'])
  journal.add('c')
  expect(journal.keys()).toEqual(['b', 'c'])
  journal.add('d')
  expect([journal.keys(), journal.isOverflown, journal.isEmpty]).toEqual([[], true, false])
  journal.add('e')
  expect(journal.size).toBe(0)
  journal.clear()
  journal.add(undefined)
  expect([journal.isOverflown, journal.isEmpty]).toEqual([true, false])
})

describe('a lost connection', () => {
  test('with a write under way ends the life of the node, on all its connections', () => {
    const router = makeRouter({ connectionsPerNode: 2 })
    router.main.admits = false
    const [first, second] = [router.connect(), router.connect()]
    first.send('set a 0 0 1\r\n1\r\n')
    second.send('get b\r\ndelete c noreply\r\n')
    turn()
    const [one, other] = router.links
    one!.close('ECONNRESET')
    later(1)
    expect(other!.destroyed).toBe(true)
    expect(first.reply).toBe('SERVER_ERROR n0 is down\r\n')
    expect(second.reply).toBe('END\r\n')
    expect(router.main.told).toEqual([
      'n0 down: ECONNRESET',
      'n0 missed a',
      'n0 missed c',
      'n0 closed',
    ])
  })

  test('with reads under way only is made anew, later each time', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    router.link(0).close('ECONNRESET')
    later(1)
    expect(client.reply).toBe('END\r\n')
    expect(router.main.told).toEqual([])
    later(BACK_OFF_MAX_MS)
    expect(router.links.length).toBe(2)
  })

  test('that had a write which was answered too late: its key is missed too', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('set late 0 0 1\r\n1\r\n')
    later(SILENCE_MS / 2)
    expect(client.reply).toBe('SERVER_ERROR n0 timed out\r\n')
    router.link(0).close()
    expect(router.main.told).toContain('n0 missed late')
    later(1)
    expect(client.reply).toBe('')
  })
})

describe('while a node is shut out', () => {
  test('each missed key is told once, of many only that there are more', () => {
    const router = makeRouter({ healthSettings: { journalKeys: 3 } })
    router.shut(0)
    const client = router.connect()
    for (const key of ['a', 'b', 'a', 'b', 'c', 'd', 'e']) client.send(`delete ${key}\r\n`)
    client.send('get f\r\n')
    turn()
    expect(client.reply).toBe(`${'SERVER_ERROR n0 is down\r\n'.repeat(7)}END\r\n`)
    const missed = ['a', 'b', 'c', 'everything'].map(what => `n0 missed ${what}`)
    expect(router.main.told).toEqual(['n0 closed', ...missed])
    expect(router.health.admit(0, router.health.life(0))).toBe(true)
  })

  test('a missed flush_all is everything', () => {
    const router = makeRouter({ nodes: 2 })
    router.shut(1)
    const client = router.connect()
    client.send('flush_all\r\n')
    turn()
    router.link(0).reply('OK\r\n')
    turn()
    expect(client.reply).toBe('SERVER_ERROR n1 is down\r\n')
    expect(router.main.told).toEqual(['n1 closed', 'n1 missed everything'])
  })

  test('the failure of a write is said when a restart would know of it', () => {
    const router = makeRouter({ waitsForMark: true, nodes: 2 })
    router.shut(0)
    const [key, other] = [router.keyOn(0), router.keyOn(1)]
    const client = router.connect()
    client.send(`set ${key} 0 0 1\r\n1\r\nget ${key}\r\nversion\r\n`)
    turn()
    expect(client.reply).toBe('')
    const well = router.connect()
    well.send(`get ${other}\r\n`)
    turn()
    router.link(1).reply('END\r\n')
    turn()
    expect(well.reply).toBe('END\r\n')
    router.health.setMarked(0, true)
    router.executor.look()
    turn()
    expect(client.reply).toBe('SERVER_ERROR n0 is down\r\nEND\r\nVERSION 1.6.45\r\n')
    client.send(`delete ${key}\r\n`)
    turn()
    expect(client.reply).toBe('SERVER_ERROR n0 is down\r\n')
  })

  test('a disk that does not answer delays the failure by a second', () => {
    const router = makeRouter({ waitsForMark: true })
    router.shut(0)
    const client = router.connect()
    client.send('delete a\r\n')
    later(900)
    expect(client.reply).toBe('')
    later(200)
    expect(client.reply).toBe('SERVER_ERROR n0 is down\r\n')
  })
})

test('nothing is asked of a node that another thread has shut out', () => {
  const router = makeRouter()
  router.main.admits = false
  const client = router.connect()
  router.health.shut(0, router.health.life(0))
  client.send('get a\r\nset a 0 0 1\r\n1\r\n')
  turn()
  expect(router.link(0).requests).toBe('')
  expect(router.link(0).destroyed).toBe(true)
  expect(client.reply).toBe('END\r\nSERVER_ERROR n0 is down\r\n')
})

test('a node that is admitted again is asked at once, though nobody has told the thread', () => {
  const router = makeRouter()
  router.shut(0)
  expect(router.health.admit(0, router.health.life(0))).toBe(true)
  const client = router.connect()
  client.send('set a 0 0 1\r\n1\r\n')
  turn()
  router.link(0).open()
  turn()
  expect(router.link(0).requests).toBe('set a 0 0 1\r\n1\r\n')
})

test('connections name themselves to a node that knows fence', () => {
  const router = makeRouter()
  router.shut(0)
  router.health.setGeneration(0, 1795276259974n)
  router.main.admit(0)
  const client = router.connect()
  client.send('get a\r\n')
  const link = router.link(0)
  link.connected()
  expect(link.requests).toBe(`fence ${ROUTER_ID} 1795276259974\r\nversion\r\n`)
  link.reply('OK\r\nVERSION 1.6.45\r\n')
  turn()
  expect(link.requests).toBe('get a\r\n')
})

test('too many errors in a second: shut out; errors about requests do not count', () => {
  const router = makeRouter()
  const client = router.connect()
  const round = (answer: string): void => {
    for (let i = 0; i < 30; i += 1) {
      client.send('delete a\r\n')
      turn()
      router.link(0).reply(answer)
    }
    later(1100)
  }
  round('SERVER_ERROR out of memory storing object\r\n')
  round('CLIENT_ERROR bad\r\n')
  expect(router.main.told).toEqual([])
  round('SERVER_ERROR backend failure\r\n')
  expect(router.main.told[0]).toBe('n0 down: too many errors')
})

test.each([
  { bytes: 2_000_000, admitted: true },
  { bytes: 2_000, admitted: false },
])('a wait behind $bytes bytes for others: admitted $admitted', ({ bytes, admitted }) => {
  const router = makeRouter({ healthSettings: { timeoutMs: 60_000 }, coalesces: false })
  const client = router.connect()
  const others = Array.from({ length: 30 }, () => router.connect())
  client.send('get a\r\n')
  turn()
  for (const other of others) other.send('get b\r\n')
  turn()
  router.link(0).reply(`VALUE a 0 ${bytes}\r\n${'x'.repeat(bytes)}\r\nEND\r\n`)
  later(2500)
  expect(others.map(({ reply }) => reply)).toEqual(others.map(() => 'END\r\n'))
  expect(router.main.told[0]).toBe(admitted ? undefined : 'n0 down: too many errors')
})

test('a thread that was away reads what has come before it gives anything up', () => {
  const router = makeRouter()
  const client = router.connect()
  client.send('get a\r\n')
  later(60)
  vi.setSystemTime(Date.now() + 3 * REQUEST_MS)
  later(51)
  expect(client.reply).toBe('')
  router.link(0).reply('VALUE a 0 1\r\n1\r\nEND\r\n')
  turn()
  expect(client.reply).toBe('VALUE a 0 1\r\n1\r\nEND\r\n')
  expect(router.main.told).toEqual([])
})

test('more requests than may wait for a node fail at once, and it stays', () => {
  const router = makeRouter({ outstandingMax: 2 })
  const clients = [1, 2, 3].map(() => router.connect())
  for (const client of clients) client.send('set a 0 0 1\r\n1\r\n')
  turn()
  expect(clients.map(client => client.reply)).toEqual(['', '', 'SERVER_ERROR n0 is overloaded\r\n'])
  expect(router.main.told).toEqual([])
  router.link(0).reply('STORED\r\nSTORED\r\n')
  turn()
  expect(clients.map(client => client.reply)).toEqual(['STORED\r\n', 'STORED\r\n', ''])
})
