// What clients are told in place of a node that is down, as the cluster file says.
import { describe, expect, test } from 'vitest'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { error, request } from '../session/binary-support.ts'
import { later, makeRouter, turn, type TestRouter } from './support.ts'

const DOWN = 'SERVER_ERROR n0 is down\r\n'
const TEMPORARY_FAILURE = 0x86

function deadRouter(deadNode: object, isFenceable = true): TestRouter {
  const router = makeRouter({ nodes: 2, deadNode })
  router.health.setFenceable(0, isFenceable)
  router.shut(0)
  return router
}

describe('writes: discard', () => {
  const asked: readonly [string, string][] = [
    ['set KEY 0 0 1\r\n1', 'STORED'],
    ['add KEY 0 0 1\r\n1', 'STORED'],
    ['replace KEY 0 0 1\r\n1', 'NOT_STORED'],
    ['append KEY 0 0 1\r\n1', 'NOT_STORED'],
    ['cas KEY 0 0 1 5\r\n1', 'NOT_FOUND'],
    ['delete KEY', 'NOT_FOUND'],
    ['incr KEY 1', 'NOT_FOUND'],
    ['touch KEY 1', 'NOT_FOUND'],
    ['ms KEY 1 k\r\n1', 'HD kKEY'],
    ['ms KEY 1 MA\r\n1', 'NS'],
    ['ms KEY 1 C5\r\n1', 'NF'],
    ['md KEY', 'NF'],
    ['ma KEY', 'NF'],
  ]
  test.each(asked)('%j is answered %s', (line, said) => {
    const router = deadRouter({ writes: 'discard' })
    const key = router.keyOn(0)
    const client = router.connect()
    client.send(`${line.replace('KEY', key)}\r\n`)
    turn()
    expect(client.reply).toBe(`${said.replace('KEY', key)}\r\n`)
    expect(router.main.told).toContain(`n0 missed ${key}`)
  })

  test('not where it cannot be known that old connections are gone, and no flush_all', () => {
    const router = deadRouter({ writes: 'discard' }, false)
    const client = router.connect()
    client.send(`set ${router.keyOn(0)} 0 0 1\r\n1\r\n`)
    turn()
    expect(client.reply).toBe(DOWN)
    const other = deadRouter({ writes: 'discard' })
    const flusher = other.connect()
    flusher.send('flush_all\r\n')
    turn()
    other.link(1).reply('OK\r\n')
    turn()
    expect(flusher.reply).toBe(DOWN)
  })

  test('a disk that does not answer makes it an error', () => {
    const router = makeRouter({ deadNode: { writes: 'discard' }, waitsForMark: true })
    router.health.setFenceable(0, true)
    router.shut(0)
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\n')
    later(1200)
    expect(client.reply).toBe(DOWN)
  })

  test('reads are misses all the same', () => {
    const router = deadRouter({ writes: 'discard' })
    const client = router.connect()
    client.send(`get ${router.keyOn(0)}\r\n`)
    turn()
    expect(client.reply).toBe('END\r\n')
  })
})

describe('reads: error', () => {
  test('a get of its key is an error, others are not', () => {
    const router = deadRouter({ reads: 'error' })
    const client = router.connect()
    const [dead, live] = [router.keyOn(0), router.keyOn(1)]
    client.send(`get ${dead}\r\nmg ${dead} v\r\nget ${live}\r\n`)
    turn()
    router.link(1).reply('END\r\n')
    turn()
    expect(client.reply).toBe(`${DOWN}${DOWN}END\r\n`)
  })

  test('among several keys it ends the answer, as a node does that runs out of memory', () => {
    const router = deadRouter({ reads: 'error' })
    const client = router.connect()
    const [dead, live] = [router.keyOn(0), router.keyOn(1)]
    client.send(`get ${live} ${dead} ${live}\r\nversion\r\n`)
    turn()
    router.link(1).reply(`VALUE ${live} 0 1\r\n1\r\nEND\r\n`)
    turn()
    expect(client.reply).toBe(`VALUE ${live} 0 1\r\n1\r\n${DOWN}VERSION 1.6.45\r\n`)
  })
})

test('binary: status 0x86', () => {
  const router = deadRouter({ reads: 'error' })
  const client = router.connect()
  const key = router.keyOn(0)
  client.send(request(Opcode.delete, { key }))
  turn()
  expect(client.reply).toBe(error(Opcode.delete, TEMPORARY_FAILURE, 'n0 is down'))
  client.send(request(Opcode.get, { key }))
  turn()
  expect(client.reply).toBe(error(Opcode.get, TEMPORARY_FAILURE, 'n0 is down'))
})
