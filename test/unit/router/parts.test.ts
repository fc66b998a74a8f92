import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryEncoder } from '../../../src/protocol/binary-encoder.ts'
import { Command } from '../../../src/protocol/command.ts'
import { Output } from '../../../src/protocol/output.ts'
import { Request } from '../../../src/protocol/request.ts'
import { Gathering } from '../../../src/router/gathering.ts'
import { NodeHealth } from '../../../src/router/health.ts'
import { LateWrites } from '../../../src/router/late-writes.ts'
import { type Outstanding, OutstandingQueue } from '../../../src/router/outstanding.ts'
import { putRequestLine } from '../../../src/router/request-text.ts'

describe('OutstandingQueue', () => {
  test('is first in, first out, through any mixture of pushes and shifts', () => {
    const property = fc.property(fc.array(fc.boolean(), { maxLength: 500 }), pushes => {
      const queue = new OutstandingQueue(new LateWrites(NodeHealth.create(1), 0))
      const model: Outstanding[] = []
      for (const [i, isPush] of pushes.entries()) {
        if (isPush) {
          const outstanding = queue.push()
          expect(outstanding.session).toBeUndefined()
          expect(outstanding.reply).toBeUndefined()
          expect(outstanding.hit).toBe(false)
          expect(outstanding.gathering).toBeUndefined()
          expect(model.includes(outstanding)).toBe(false)
          outstanding.sentAtMs = i
          outstanding.hit = true
          model.push(outstanding)
        } else if (model.length > 0) {
          queue.shift()
          model.shift()
        }
        expect(queue.length).toBe(model.length)
        expect(queue.first()).toBe(model[0])
        if (model.length > 0) expect(queue.at(model.length - 1)).toBe(model.at(-1))
      }
    })
    fc.assert(property, { numRuns: 100 })
  })

  test('never empty for long, it neither grows nor mixes up its order', () => {
    const queue = new OutstandingQueue(new LateWrites(NodeHealth.create(1), 0))
    let oldest = 0
    for (let i = 0; i < 20_000; i += 1) {
      queue.push().sentAtMs = i
      if (queue.length <= 100) continue
      expect(queue.first()!.sentAtMs).toBe(oldest)
      queue.shift()
      oldest += 1
    }
    expect(queue.length).toBe(100)
  })
})

test('Gathering is done once, when all have answered, with the first failure', () => {
  const done: string[] = []
  const gathering = new Gathering(3, failure => done.push(failure))
  gathering.answer('')
  gathering.answer('n1 is down')
  expect(done).toEqual([])
  gathering.answer('n2 timed out')
  expect(done).toEqual(['n1 is down'])
  new Gathering(1, failure => done.push(failure)).answer('')
  expect(done).toEqual(['n1 is down', ''])
})

function line(fields: Partial<Request>): string {
  const request = Object.assign(new Request(), fields)
  const key = Buffer.from('some key').subarray(5)
  Object.assign(request, { key, keyAt: 0, keySize: 3 })
  const output = new Output(new Uint8Array(1000), 100, 900)
  putRequestLine(output, request)
  return Buffer.from(output.bytes.slice(100, output.at)).toString('latin1')
}

describe('putRequestLine()', () => {
  const rows: readonly [Partial<Request>, string][] = [
    [{ command: Command.get }, 'get key\r\n'],
    [{ command: Command.gets }, 'gets key\r\n'],
    [{ command: Command.get, encoder: binaryEncoder }, 'gets key\r\n'],
    [{ command: Command.gat, exptime: -5 }, 'gat -5 key\r\n'],
    [{ command: Command.gats, exptime: 0 }, 'gats 0 key\r\n'],
    [{ command: Command.set, clientFlags: 4294967295, valueSize: 7 }, 'set key 4294967295 0 7\r\n'],
    [{ command: Command.set, exptime: -2147483648 }, 'set key 0 -2147483648 0\r\n'],
    [{ command: Command.set, exptime: 4294967295 }, 'set key 0 2147483647 0\r\n'],
    [{ command: Command.add }, 'add key 0 0 0\r\n'],
    [{ command: Command.replace }, 'replace key 0 0 0\r\n'],
    [{ command: Command.append }, 'append key 0 0 0\r\n'],
    [{ command: Command.prepend }, 'prepend key 0 0 0\r\n'],
    [
      { command: Command.cas, casLow: 4294967295, casHigh: 4294967295 },
      'cas key 0 0 0 18446744073709551615\r\n',
    ],
    [{ command: Command.cas, casLow: 1, casHigh: 1 }, 'cas key 0 0 0 4294967297\r\n'],
    [{ command: Command.delete, quiet: true }, 'delete key\r\n'],
    [{ command: Command.incr, delta: 2n ** 64n - 1n }, 'incr key 18446744073709551615\r\n'],
    [{ command: Command.decr, delta: 0n }, 'decr key 0\r\n'],
    [{ command: Command.touch, exptime: 2592001 }, 'touch key 2592001\r\n'],
  ]
  test.each(rows)('%o', (fields, expected) => {
    expect(line(fields)).toBe(expected)
  })

  test('flush_all has a delay and no key', () => {
    const request = new Request()
    request.command = Command.flushAll
    request.exptime = 30
    const output = new Output(new Uint8Array(100), 0, 100)
    putRequestLine(output, request)
    expect(Buffer.from(output.bytes.slice(0, output.at)).toString()).toBe('flush_all 30\r\n')
  })
})
