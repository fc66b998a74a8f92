// Connections that belong to a router and a generation: what is left of an earlier one does nothing
// any more, whoever it is that has it.
import { describe, expect, test } from 'vitest'
import { Fences } from '../../../src/server/fences.ts'
import { makeNode } from '../session/support.ts'

const A = 'aaaaaaaaaaaaaaaa'
const B = 'bbbbbbbbbbbbbbbb'

describe('fence', () => {
  test('what an earlier generation still has to say is not carried out, and it is closed', () => {
    const node = makeNode()
    const old = node.connect()
    const other = node.connect()
    const stranger = node.connect()
    expect(old.ask(`fence ${A} 1\r\nset k 0 0 1\r\n1\r\n`)).toBe('OK\r\nSTORED\r\n')
    expect(other.ask(`fence ${B} 1\r\n`)).toBe('OK\r\n')
    const next = node.connect()
    expect(next.ask(`fence ${A} 2\r\ndelete k\r\n`)).toBe('OK\r\nDELETED\r\n')
    old.send('set k 0 0 1\r\n2\r\n')
    expect(old.stream.destroyed).toBe(true)
    expect(next.ask('get k\r\n')).toBe('END\r\n')
    expect(other.ask('get k\r\n')).toBe('END\r\n')
    expect(stranger.ask('set k 0 0 1\r\n3\r\n')).toBe('STORED\r\n')
    expect(other.stream.destroyed || stranger.stream.destroyed).toBe(false)
  })

  test('a value whose end comes too late is not stored', () => {
    const node = makeNode()
    const old = node.connect()
    old.send(`fence ${A} 1\r\nset k 0 0 10\r\n12345`)
    node.connect().send(`fence ${A} 2\r\n`)
    old.send('67890\r\n')
    expect(old.stream.destroyed).toBe(true)
    expect(node.connect().ask('get k\r\n')).toBe('END\r\n')
  })

  test('an earlier generation comes too late, the same and later ones do not', () => {
    const node = makeNode()
    const [first, second, third] = [node.connect(), node.connect(), node.connect()]
    expect(first.ask(`fence ${A} 7\r\n`)).toBe('OK\r\n')
    expect(second.ask(`fence ${A} 6\r\n`)).toBe('SERVER_ERROR fenced off\r\n')
    expect(second.ask(`fence ${A} 7\r\n`)).toBe('OK\r\n')
    expect(third.ask(`fence ${A} 9999999999999999\r\n`)).toBe('OK\r\n')
    first.send('version\r\n')
    expect(first.stream.destroyed).toBe(true)
    expect(second.ask(`fence ${A} 8\r\n`)).toBe('')
    expect(second.stream.destroyed).toBe(true)
  })

  test('a connection can go on to the next generation', () => {
    const node = makeNode()
    const client = node.connect()
    expect(client.ask(`fence ${A} 1\r\nfence ${A} 2\r\nversion\r\n`)).toMatch(
      /^OK\r\nOK\r\nVERSION /,
    )
    expect(client.stream.destroyed).toBe(false)
  })

  const bad = [
    'fence',
    `fence ${A}`,
    `fence ${A} -1`,
    `fence ${A} 1 2`,
    `fence ${A.slice(1)} 1`,
    `fence ${A}a 1`,
    `fence ${A.toUpperCase()} 1`,
    `fence ${A} 12345678901234567`,
    `fence ${A} 0x1`,
  ]
  test.each(bad)('%j is refused', line => {
    const client = makeNode().connect()
    expect(client.ask(`${line}\r\n`)).toBe('CLIENT_ERROR bad command line format\r\n')
  })

  test('full: one more is refused, until one is closed', () => {
    const node = makeNode({ fences: Fences.create(2) })
    const clients = [node.connect(), node.connect(), node.connect()]
    const said = clients.map(client => client.ask(`fence ${A} 1\r\n`))
    expect(said).toEqual(['OK\r\n', 'OK\r\n', 'SERVER_ERROR too many connections\r\n'])
    clients[0]!.session.onClose('')
    expect(clients[2]!.ask(`fence ${A} 1\r\n`)).toBe('OK\r\n')
  })

  test('a request under way on another thread is waited for', () => {
    const fences = Fences.create(4)
    const node = makeNode({ fences })
    // Another thread's connection: a view of its own on the same words, busy at the moment.
    const elsewhere = new Fences(fences.buffer).join(BigInt(`0x${A}`), 1n)!
    const client = node.connect()
    client.deliver(Buffer.from(`fence ${A} 2\r\nversion\r\n`))
    expect(client.reply).toBe('')
    elsewhere.leave()
    client.drain()
    expect(client.reply).toMatch(/^OK\r\nVERSION /)
    expect(elsewhere.enter()).toBe(false)
  })
})
