import { describe, expect, test } from 'vitest'
import { VerdictKind } from '../../../src/auth/authenticator.ts'
import { Counter } from '../../../src/observe/counters.ts'
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { commands, CommandClass } from '../../../src/protocol/command.ts'
import { error, plain, reply, request, set } from './binary-support.ts'
import { makeNode, type TestNode } from './support.ts'

const accounts = [
  { name: 'bob', password: 'secret' },
  { name: 'eve', password: 'pass word' },
]
const asciiOnly = { accounts, sasl: false }
const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n'
const FAILURE = 'CLIENT_ERROR authentication failure\r\n'

function ascii(data: string, key = 'x'): string {
  return `set ${key} 0 0 ${data.length}\r\n${data}\r\n`
}

function unchanged(node: TestNode): void {
  expect(node.counters.sum(Counter.cmdGet) + node.counters.sum(Counter.cmdSet)).toBe(0)
  expect(node.counters.sum(Counter.cmdFlush) + node.counters.sum(Counter.cmdTouch)).toBe(0)
  node.made.verify()
}

describe('ASCII login', () => {
  test('lets in with the right password, whatever key, flags and exptime', () => {
    for (const line of ['set x 0 0', 'set  y  junk  -1 ', 'set x 9999999999 x']) {
      const client = makeNode(asciiOnly).connect()
      client.send(`${line} 10\r\nbob secret\r\nset a 0 0 1\r\n1\r\nget a x\r\n`)
      expect(client.reply).toBe('STORED\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n')
      expect(client.session.login.user).toBe('bob')
    }
  })

  test('a password may have spaces; a name may not', () => {
    const client = makeNode(asciiOnly).connect()
    expect(client.ask(ascii('eve pass word'))).toBe('STORED\r\n')
    expect(client.session.login.user).toBe('eve')
  })

  const wrong = ['bob wrong', 'bob secret ', 'bob  secret', 'bo secret', 'bob ', ' secret', ' ']
  test.each([...wrong, 'eve secret', 'Bob secret', 'bob secret\0'])('refuses %j', data => {
    const node = makeNode(asciiOnly)
    const client = node.connect()
    expect(client.ask(`${ascii(data)}get a\r\n`)).toBe(FAILURE + UNAUTHENTICATED)
    expect(client.session.login.user).toBeUndefined()
    expect(client.ask(ascii('bob secret'))).toBe('STORED\r\n')
    expect(node.counters.sum(Counter.authCmds)).toBe(2)
    expect(node.counters.sum(Counter.authErrors)).toBe(1)
  })

  test('malformed attempts get their own errors, and count as none', () => {
    const node = makeNode(asciiOnly)
    const client = node.connect()
    expect(client.ask(ascii('nospace'))).toBe('CLIENT_ERROR bad authentication token format\r\n')
    const unended = 'set x 0 0 10\r\nbob secretXX'
    expect(client.ask(unended)).toBe('CLIENT_ERROR bad command line termination\r\n')
    expect(client.ask('set x 0 0 16385\r\n')).toBe('CLIENT_ERROR auth token too long\r\n')
    expect(client.ask(ascii('x'.repeat(16384)))).toBe(
      'CLIENT_ERROR bad authentication token format\r\n',
    )
    expect(client.ask('set x 0 0 -1\r\n')).toBe(UNAUTHENTICATED)
    expect(node.counters.sum(Counter.authCmds)).toBe(0)
    expect(client.ask(ascii('bob secret'))).toBe('STORED\r\n')
  })

  test('in pieces of any size', () => {
    const text = `${ascii('bob wrong')}get abc\r\n${ascii('bob secret')}version\r\n`
    const expected = `${FAILURE}${UNAUTHENTICATED}STORED\r\nVERSION 1.6.45\r\n`
    for (let at = 1; at < text.length; at += 1) {
      const client = makeNode(asciiOnly).connect()
      client.send(text, [at, 1, 2, 3])
      expect(client.reply).toBe(expected)
    }
  })

  test.each(commands)('before it, `$verb` executes nothing and is told nothing', row => {
    const node = makeNode(asciiOnly)
    const client = node.connect()
    if (row.verb === 'quit') {
      client.send('quit\r\n')
      expect(client.reply).toBe('')
      expect(client.stream.ended).toBe(true)
      return
    }
    if (row.verb === 'set') return
    const isStorage = row.class === CommandClass.storage
    const line = `${row.verb} abc 0 0 1 1${isStorage ? '' : ' noreply'}`
    expect(client.ask(`${line}\r\n`)).toBe(UNAUTHENTICATED)
    unchanged(node)
  })

  test('lines too short to be a login close the connection', () => {
    for (const line of ['mn\r\n', 'ab\n', '\r\n', '\n']) {
      const client = makeNode(asciiOnly).connect()
      client.send(`${line}${ascii('bob secret')}`)
      expect(client.reply).toBe('')
      expect(client.stream.ended).toBe(true)
    }
  })

  test('without a line end in 2048 bytes the connection is closed, a get no better', () => {
    for (const start of ['set x 0 0 ', 'get ', 'gets ']) {
      const client = makeNode(asciiOnly).connect()
      client.send(start.padEnd(2048, 'x'))
      expect(client.stream.ended, start).toBe(false)
      client.send('x')
      expect(client.stream.ended, start).toBe(true)
      expect(client.reply).toBe('')
    }
  })

  test('the binary protocol is not spoken beside it', () => {
    const node = makeNode(asciiOnly)
    const client = node.connect()
    client.send(`${request(Opcode.version)}\r\n`)
    expect(client.reply).toBe(UNAUTHENTICATED)
    unchanged(node)
  })
})

const step = (value: string, key = 'PLAIN'): string => request(Opcode.saslStep, { key, value })

describe('SASL login', () => {
  const options = { accounts, sasl: true }

  test('PLAIN lets in, with or without naming oneself twice', () => {
    for (const authzid of ['', 'bob']) {
      const client = makeNode(options).connect()
      client.send(plain('bob', 'secret', authzid) + set('a', '1'))
      const expected =
        reply(Opcode.saslAuth, 0, { value: 'Authenticated' }) + reply(Opcode.set, 0, { cas: 2 })
      expect(client.reply).toBe(expected)
      expect(client.session.login.user).toBe('bob')
    }
  })

  test('mechanisms and version are told before it', () => {
    const client = makeNode(options).connect()
    client.send(request(Opcode.saslListMechs, { opaque: 5 }) + request(Opcode.version))
    const mechanisms = reply(Opcode.saslListMechs, 0, {
      value: 'SCRAM-SHA-512 SCRAM-SHA-256 PLAIN',
      opaque: 5,
    })
    expect(client.reply).toBe(mechanisms + reply(Opcode.version, 0, { value: '1.6.45' }))
  })

  const refused: readonly [string, string, number][] = [
    ['a wrong password', plain('bob', 'wrong'), Opcode.saslAuth],
    ['an unknown name', plain('mallory', 'secret'), Opcode.saslAuth],
    ['acting for somebody else', plain('bob', 'secret', 'eve'), Opcode.saslAuth],
    ['an empty name', plain('', 'secret'), Opcode.saslAuth],
    ['an empty password', plain('bob', ''), Opcode.saslAuth],
    [
      'one NUL only',
      request(Opcode.saslAuth, { key: 'PLAIN', value: '\0bob secret' }),
      Opcode.saslAuth,
    ],
    [
      'another mechanism',
      request(Opcode.saslAuth, { key: 'CRAM-MD5', value: '\0bob\0secret' }),
      Opcode.saslAuth,
    ],
    [
      'a step that nothing went before',
      request(Opcode.saslStep, { key: 'PLAIN', value: '\0bob\0secret' }),
      Opcode.saslStep,
    ],
  ]
  test.each(refused)('refuses %s and keeps the connection', (_, bytes, opcode) => {
    const node = makeNode(options)
    const client = node.connect()
    const failure = error(opcode, BinaryStatus.authError, 'Auth failure.')
    expect(client.ask(bytes)).toBe(failure)
    expect(client.session.login.user).toBeUndefined()
    const success = reply(Opcode.saslAuth, 0, { value: 'Authenticated' })
    expect(client.ask(plain('bob', 'secret'))).toBe(success)
    expect(node.counters.sum(Counter.authErrors)).toBe(1)
    expect(node.counters.sum(Counter.authCmds)).toBe(2)
  })

  const allowed = new Set<number>([0x0b, 0x20, 0x21, 0x22])
  const before = Array.from({ length: 256 }, (_, opcode) => opcode).filter(o => !allowed.has(o))
  test('before it, every other opcode is refused and closes', () => {
    for (const opcode of before) {
      const node = makeNode(options)
      const client = node.connect()
      client.send(request(opcode, { key: 'a', value: '1', extras: '\0'.repeat(8) }) + set('b', '2'))
      expect(client.reply).toBe(error(opcode, BinaryStatus.authError, 'Auth failure.'))
      expect(client.stream.ended).toBe(true)
      unchanged(node)
    }
  })

  test('after a refusal the next command is refused too, and closes', () => {
    const client = makeNode(options).connect()
    client.send(plain('bob', 'wrong') + set('a', '1'))
    const failure = error(Opcode.saslAuth, BinaryStatus.authError, 'Auth failure.')
    expect(client.reply).toBe(failure + error(Opcode.set, BinaryStatus.authError, 'Auth failure.'))
    expect(client.stream.ended).toBe(true)
  })

  const begun = reply(Opcode.saslAuth, BinaryStatus.authContinue)
  test('PLAIN may begin with nothing, and say all with a STEP, once', () => {
    const node = makeNode(options)
    const client = node.connect()
    const begin = request(Opcode.saslAuth, { key: 'PLAIN' })
    const failure = error(Opcode.saslStep, BinaryStatus.authError, 'Auth failure.')
    const right = '\0bob\0secret'
    expect(client.ask(begin + begin)).toBe(begun + begun)
    expect(node.counters.sum(Counter.authCmds)).toBe(0)
    for (const wrong of [step('\0bob\0wrong'), step(''), step(right, 'CRAM-MD5')]) {
      expect(client.ask(begin + wrong + step(right))).toBe(begun + failure + failure)
    }
    expect(client.session.login.user).toBeUndefined()
    const success = reply(Opcode.saslStep, 0, { value: 'Authenticated' })
    expect(client.ask(begin + step(right))).toBe(begun + success)
    expect(client.session.login.user).toBe('bob')
    expect(node.counters.sum(Counter.authErrors)).toBe(6)
    expect(node.counters.sum(Counter.authCmds)).toBe(7)
  })

  test('that PLAIN has begun with nothing opens nothing', () => {
    const client = makeNode(options).connect()
    const get = error(Opcode.get, BinaryStatus.authError, 'Auth failure.')
    const begin = request(Opcode.saslAuth, { key: 'PLAIN' })
    expect(client.ask(begin + request(Opcode.get, { key: 'a' }))).toBe(begun + get)
    expect(client.stream.ended).toBe(true)
  })

  const malformed: readonly [string, string, number][] = [
    ['without bounds', request(Opcode.saslAuth, { key: 'PLAIN', value: 'x'.repeat(5_000) }), 0x21],
    ['without a mechanism', request(Opcode.saslAuth, { value: '\0bob\0secret' }), 0x21],
    ['a step without a mechanism', request(Opcode.saslStep, { value: 'x' }), 0x22],
    ['a list with a key', request(Opcode.saslListMechs, { key: 'x' }), 0x20],
    ['a list with a value', request(Opcode.saslListMechs, { value: 'x' }), 0x20],
  ]
  test.each(malformed)('%s it closes', (_, bytes, opcode) => {
    const client = makeNode(options).connect()
    client.send(bytes + request(Opcode.version))
    expect(client.reply).toBe(error(opcode, BinaryStatus.invalid, 'Invalid arguments'))
    expect(client.stream.ended).toBe(true)
  })

  test('a mechanism name over 32 bytes is no attempt, and what stands behind it is read', () => {
    const node = makeNode(options)
    const client = node.connect()
    const version = reply(Opcode.version, 0, { value: '1.6.45' })
    for (const opcode of [Opcode.saslAuth, Opcode.saslStep]) {
      for (const value of ['', 'x', 'x'.repeat(4_000)]) {
        client.send(request(opcode, { key: 'P'.repeat(33), value }) + request(Opcode.version))
        const refusal = error(opcode, BinaryStatus.invalid, 'Invalid arguments')
        expect(client.reply).toBe(refusal + version)
      }
    }
    expect(node.counters.sum(Counter.authCmds)).toBe(0)
    expect(client.ask(request(Opcode.saslAuth, { key: 'P'.repeat(32) }))).toBe(
      error(Opcode.saslAuth, BinaryStatus.authError, 'Auth failure.'),
    )
  })

  test('extras are no part of it', () => {
    const client = makeNode(options).connect()
    const value = 'PLAIN\0bob\0secret'
    client.send(request(Opcode.saslAuth, { key: 'PLAIN', extras: 'PLAI', value: value.slice(4) }))
    expect(client.reply).toBe(error(Opcode.saslAuth, BinaryStatus.invalid, 'Invalid arguments'))
    expect(client.session.login.user).toBeUndefined()
  })

  test('a text client logs in as with ASCII credentials', () => {
    const client = makeNode(options).connect()
    expect(client.ask('get abc\r\n')).toBe(UNAUTHENTICATED)
    expect(client.ask(`${ascii('bob secret')}get abc\r\n`)).toBe('STORED\r\nEND\r\n')
  })
})

describe('a login whose verdict takes its time', () => {
  const options = { accounts, sasl: true }

  function slow() {
    const node = makeNode(options)
    node.authenticator!.isSlow = true
    return { node, authenticator: node.authenticator!, client: node.connect() }
  }

  test('nothing behind it is looked at before, and all of it afterwards', () => {
    const { node, authenticator, client } = slow()
    client.send(`${ascii('bob secret')}set a 0 0 1\r\n1\r\nget a\r\nget`)
    client.send(' a\r\n')
    expect(client.reply).toBe('')
    expect(client.stream.paused).toBe(true)
    unchanged(node)
    authenticator.release()
    expect(client.reply).toBe('STORED\r\nSTORED\r\n' + 'VALUE a 0 1\r\n1\r\nEND\r\n'.repeat(2))
    expect(client.stream.paused).toBe(false)
  })

  test('refused: what was sent behind it is refused too', () => {
    const { node, authenticator, client } = slow()
    client.send(`${ascii('bob wrong')}get a\r\nflush_all\r\n`)
    authenticator.release()
    expect(client.reply).toBe(FAILURE + UNAUTHENTICATED.repeat(2))
    unchanged(node)
  })

  test('in binary, and a STEP sent before the challenge is known waits for it', () => {
    const { node, authenticator, client } = slow()
    client.send(plain('bob', 'secret') + set('a', '1'))
    expect(client.reply).toBe('')
    unchanged(node)
    authenticator.release()
    const success = reply(Opcode.saslAuth, 0, { value: 'Authenticated' })
    expect(client.reply).toBe(success + reply(Opcode.set, 0, { cas: 2 }))
  })

  test('one client waits, others do not', () => {
    const { node, authenticator, client } = slow()
    client.send(ascii('bob secret'))
    authenticator.isSlow = false
    const other = node.connect()
    expect(other.ask(`${ascii('eve pass word')}get a\r\n`)).toBe('STORED\r\nEND\r\n')
    expect(client.reply).toBe('')
    expect(authenticator.waitingCount).toBe(1)
  })

  test('a client that hangs up meanwhile is forgotten', () => {
    const { authenticator, client } = slow()
    client.send(ascii('bob secret'))
    client.disconnect()
    expect(authenticator.waitingCount).toBe(0)
    authenticator.release()
    expect(client.reply).toBe('')
  })

  test('the end of what a client sends is no end before the verdict', () => {
    const { authenticator, client } = slow()
    client.send(`${ascii('bob secret')}get a\r\n`)
    client.session.onEnd()
    expect(client.stream.ended).toBe(false)
    authenticator.release()
    expect(client.reply).toBe('STORED\r\nEND\r\n')
    expect(client.stream.ended).toBe(true)
  })

  test('turned away: answered and closed, the rest not looked at', () => {
    const { node, authenticator } = slow()
    authenticator.verdict = { kind: VerdictKind.turnedAway }
    for (const send of [ascii('bob secret'), plain('bob', 'secret')]) {
      const client = node.connect()
      client.send(send + send)
      authenticator.release()
      const [answer] = [client.reply]
      expect([FAILURE, error(Opcode.saslAuth, BinaryStatus.authError, 'Auth failure.')]).toContain(
        answer,
      )
      expect(client.stream.ended).toBe(true)
    }
    expect(node.counters.sum(Counter.authErrors)).toBe(2)
  })

  test('an account that changes ends its connections behind what is due', () => {
    const { node, authenticator, client } = slow()
    client.send(ascii('bob secret'))
    authenticator.release()
    expect(client.reply).toBe('STORED\r\n')
    client.send('set a 0 0 5\r\n12')
    authenticator.revokeAll()
    expect(client.stream.ended).toBe(true)
    client.deliver(Buffer.from('345\r\nget a\r\n'))
    expect(client.reply).toBe('')
    unchanged(node)
  })

  test('a new AUTH ends the login before it', () => {
    const node = makeNode(options)
    const client = node.connect()
    client.send(plain('bob', 'secret') + plain('eve', 'wrong') + set('a', '1'))
    expect(client.session.login.user).toBeUndefined()
    expect(client.stream.ended).toBe(true)
    unchanged(node)
  })
})

describe('binary only (-S alone)', () => {
  test('text closes without an answer', () => {
    for (const text of ['get a\r\n', ascii('bob secret'), '\x81'.padEnd(24, '\0')]) {
      const node = makeNode({ accounts, sasl: true, protocol: 'binary' })
      const client = node.connect()
      client.send(text)
      expect(client.reply).toBe('')
      expect(client.stream.ended).toBe(true)
      unchanged(node)
    }
  })

  test('SASL lets in', () => {
    const client = makeNode({ accounts, sasl: true, protocol: 'binary' }).connect()
    client.send(plain('bob', 'secret'))
    expect(client.session.login.user).toBe('bob')
  })
})
