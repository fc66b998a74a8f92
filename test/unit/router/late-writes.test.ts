// A write that was answered as timed out may be carried out later: nothing that is acknowledged
// meanwhile may be undone by it, whichever connection or thread it came through.
import { expect, test } from 'vitest'
import { LATE_SLOTS, NodeHealth } from '../../../src/router/health.ts'
import { LateWrites, NOT_LATE } from '../../../src/router/late-writes.ts'
import { Command } from '../../../src/protocol/command.ts'
import { Request } from '../../../src/protocol/request.ts'
import { ADMITTED_AFTER_MS, later, makeRouter, REQUEST_MS, turn } from './support.ts'

const TIMED_OUT = 'SERVER_ERROR n0 timed out\r\n'
const REFUSED = 'SERVER_ERROR n0 is overloaded\r\n'

function lateOver(connectionsPerNode: number) {
  const router = makeRouter({ connectionsPerNode })
  const [late, other] = [router.connect(), router.connect()]
  late.send('set k 0 0 1\r\n1\r\n')
  turn()
  const [first, second] = router.links
  expect(first!.requests).toBe('set k 0 0 1\r\n1\r\n')
  later(REQUEST_MS + 100)
  expect(late.reply).toBe(TIMED_OUT)
  return { router, late, other, first: first!, second: second! }
}

test('a write of the same key waits for no connection but the late one’s own', () => {
  const { router, late, other, first, second } = lateOver(2)
  for (const line of ['set k 0 0 1\r\n2', 'delete k', 'ms k 1\r\n2', 'flush_all']) {
    other.send(`${line}\r\n`)
    turn()
    expect(other.reply, line).toBe(REFUSED)
  }
  expect(second.requests).toBe('')
  // Nothing of it is missed: the node has the last acknowledged value.
  expect(router.main.told).toEqual([])
  other.send('get k\r\nset another 0 0 1\r\n2\r\n')
  turn()
  expect(second.requests).toBe('get k\r\nset another 0 0 1\r\n2\r\n')
  second.reply('END\r\nSTORED\r\n')
  expect(other.reply).toBe('END\r\nSTORED\r\n')
  late.send('set k 0 0 1\r\n3\r\n')
  turn()
  expect(first.requests).toContain('set k 0 0 1\r\n3\r\n')
  first.reply('STORED\r\nSTORED\r\n')
  expect(late.reply).toBe('STORED\r\n')
  other.send('set k 0 0 1\r\n4\r\n')
  turn()
  expect(second.requests).toBe('set k 0 0 1\r\n4\r\n')
})

test('it is over when the late one’s connection is, whose key is missed', () => {
  const { router, other, first } = lateOver(2)
  first.close('ECONNRESET')
  expect(router.main.told).toContain('n0 missed k')
  later(ADMITTED_AFTER_MS + 1)
  const fresh = router.links.slice(2)
  expect(fresh).toHaveLength(2)
  for (const link of fresh) link.open()
  other.send('set k 0 0 1\r\n2\r\n')
  turn()
  expect(fresh.map(link => link.requests).join('')).toBe('set k 0 0 1\r\n2\r\n')
})

test('with one connection there is nothing to refuse', () => {
  const { other, first } = lateOver(1)
  other.send('set k 0 0 1\r\n2\r\n')
  turn()
  expect(first.requests).toContain('set k 0 0 1\r\n2\r\n')
})

test('LateWrites: one thread’s are known to all, for as many keys as there may be', () => {
  const health = NodeHealth.create(2)
  const [mine, others] = [new LateWrites(health, 1), new LateWrites(health, 1)]
  const elsewhere = new LateWrites(health, 0)
  const requests = Array.from({ length: LATE_SLOTS * 20 }, (_, at) => requestOf(`key-${at}`))
  const slots = requests.map(request => mine.add(request))
  expect(new Set(slots).size).toBe(LATE_SLOTS)
  for (const request of requests) {
    expect([mine, others, elsewhere].map(one => one.blocks(request))).toEqual([false, true, false])
  }
  const flush = requestOf('', Command.flushAll)
  expect([mine.blocks(flush), others.blocks(flush)]).toEqual([false, true])
  expect([mine.add(flush), mine.add(requestOf('k', Command.get))]).toEqual([NOT_LATE, NOT_LATE])
  expect(others.blocks(requestOf('key-1', Command.get))).toBe(false)
  for (const slot of slots) mine.end(slot)
  for (const request of requests) expect(others.blocks(request)).toBe(false)
})

function requestOf(key: string, command: Command = Command.set): Request {
  const request = new Request()
  request.reset(command)
  request.key = Buffer.from(key)
  request.keyAt = 0
  request.keySize = request.key.length
  return request
}
