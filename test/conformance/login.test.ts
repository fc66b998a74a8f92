// Logging in: memcached's ASCII login (`-Y file`), and SASL PLAIN beside it (`-S -Y file`). Before
// a login nothing is executed, however it is sent; a wrong password is no login.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frame, Opcode, parseReplies, STORE_EXTRAS, saslPlain } from '../support/binary.ts'
import { TestConnection } from '../support/connection.ts'
import { type ServerProcess, startNode, startRouter } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { closes, conformance, transcript } from '../support/transcript.ts'
import { PASSWORD, textLogin, USER, writePasswordFile } from '../support/users.ts'
import { Newer } from './newer.ts'
import { Older } from './older.ts'

const passwords = writePasswordFile()
afterAll(() => passwords.remove())

const LOGIN = textLogin(USER, PASSWORD)
const FAILURE = 'CLIENT_ERROR authentication failure\r\n'
const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n'
const BAD_FORMAT = 'CLIENT_ERROR bad authentication token format\r\n'
const lost = { older: Newer.loginPipelined, newer: Newer.loginPipelined }
const out = { loggedOut: true, rowsOnlyOn: lost }
const alone = { rowsOnlyOn: lost }

conformance({
  title: 'text login (-Y)',
  flags: ['-Y', passwords.path],
  login: LOGIN,
  transcripts: [
    transcript('the right password opens the connection', [
      [LOGIN, 'STORED\r\n'],
      ['get login\r\n', 'END\r\n'],
      ['set a 0 0 1\r\n1\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
    ]),
    transcript('every user of the file may log in', [
      [textLogin('bob', 'builder'), 'STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('key, flags and exptime of a login mean nothing, nor does noreply', [
      ['set x y z 12 noreply\r\nalice secret\r\n', 'STORED\r\n'],
      ['get x\r\n', 'END\r\n'],
    ]),
    transcript('after a login a set is a set', [
      [LOGIN, 'STORED\r\n'],
      [LOGIN, 'STORED\r\n'],
      ['get login\r\n', 'VALUE login 0 12\r\nalice secret\r\nEND\r\n'],
    ]),
    transcript(
      'a wrong password, user or form is refused',
      [
        [textLogin(USER, 'wrong'), FAILURE],
        [textLogin('nobody', PASSWORD), FAILURE],
        [textLogin(USER, PASSWORD.toUpperCase()), FAILURE],
        [textLogin(USER, `${PASSWORD}x`), FAILURE],
        [textLogin(USER, PASSWORD.slice(0, -1)), FAILURE],
        [textLogin(USER, 'builder'), FAILURE],
        ['set login 0 0 11\r\nalicesecret\r\n', BAD_FORMAT],
        ['set login 0 0 0\r\n\r\n', BAD_FORMAT],
      ],
      out,
    ),
    transcript(
      'spaces are part of the password',
      [
        [textLogin(USER, ` ${PASSWORD}`), FAILURE],
        [textLogin(USER, `${PASSWORD} `), FAILURE],
      ],
      {
        loggedOut: true,
        notOn: { older: Older.loginSpaces },
        rowsOnlyOn: { newer: Newer.loginPipelined },
      },
    ),
    transcript(
      'after a wrong password another try is welcome',
      [
        [textLogin(USER, 'wrong'), FAILURE],
        ['get a\r\n', UNAUTHENTICATED],
        [LOGIN, 'STORED\r\n'],
        ['get a\r\n', 'END\r\n'],
      ],
      alone,
    ),
    transcript(
      'a login whose block does not end is refused',
      [['set x 0 0 12\r\nalice secretXX', 'CLIENT_ERROR bad command line termination\r\n']],
      out,
    ),
    transcript(
      'any other command is refused',
      [
        ['get a\r\n', UNAUTHENTICATED],
        ['version\r\n', UNAUTHENTICATED],
        ['stats\r\n', UNAUTHENTICATED],
        ['flush_all\r\n', UNAUTHENTICATED],
        ['delete a noreply\r\n', UNAUTHENTICATED],
        ['bogus\r\n', UNAUTHENTICATED],
        ['quit now\r\n', UNAUTHENTICATED],
        ['set x 0 0\r\n', UNAUTHENTICATED],
        ['set x 0 0 -1\r\n', UNAUTHENTICATED],
        ['set x 0 0 x\r\n', UNAUTHENTICATED],
        ['mg a v\r\n', UNAUTHENTICATED],
      ],
      out,
    ),
    transcript('quit is too short a line and closes', [['quit\r\n', closes()]], {
      notOn: { older: Older.loginShort },
    }),
    transcript('2048 bytes without a line end close', [['x'.repeat(2_049), closes()]]),
  ],
})

/** Item `kept` holds 5; nothing below may change it, the items, or what stats count. */
const forbidden = [
  'set kept 0 0 1\r\nx\r\n',
  'set new 0 0 1\r\nx\r\n',
  'add new 0 0 1\r\nx\r\n',
  'replace kept 0 0 1\r\nx\r\n',
  'append kept 0 0 1\r\nx\r\n',
  'prepend kept 0 0 1\r\nx\r\n',
  'cas kept 0 0 1 2\r\nx\r\n',
  'set kept 0 0 1 noreply\r\nx\r\n',
  'get kept\r\n',
  'gets kept\r\n',
  'gat -1 kept\r\n',
  'gats -1 kept\r\n',
  'delete kept\r\n',
  'delete kept noreply\r\n',
  'incr kept 1\r\n',
  'decr kept 1\r\n',
  'touch kept -1\r\n',
  'flush_all\r\n',
  'flush_all noreply\r\n',
  'stats\r\n',
  'stats reset\r\n',
  'verbosity 1\r\n',
  'version\r\n',
  'mg kept v\r\n',
  'md kept\r\n',
  'shutdown\r\n',
]

const forbiddenFrames = [
  frame(Opcode.set, { key: 'kept', extras: STORE_EXTRAS, value: 'x' }),
  frame(Opcode.setQuiet, { key: 'kept', extras: STORE_EXTRAS, value: 'x' }),
  frame(Opcode.add, { key: 'new', extras: STORE_EXTRAS, value: 'x' }),
  frame(Opcode.replace, { key: 'kept', extras: STORE_EXTRAS, value: 'x' }),
  frame(Opcode.get, { key: 'kept' }),
  frame(Opcode.getQuiet, { key: 'kept' }),
  frame(Opcode.getKey, { key: 'kept' }),
  frame(Opcode.delete, { key: 'kept' }),
  frame(Opcode.deleteQuiet, { key: 'kept' }),
  frame(Opcode.increment, { key: 'kept', extras: Buffer.alloc(20, 1) }),
  frame(Opcode.append, { key: 'kept', value: 'x' }),
  frame(Opcode.touch, { key: 'kept', extras: Buffer.alloc(4, 0xff) }),
  frame(Opcode.getAndTouch, { key: 'kept', extras: Buffer.alloc(4, 0xff) }),
  frame(Opcode.flush),
  frame(Opcode.flushQuiet),
  frame(Opcode.stat),
  frame(Opcode.noop),
]

const LEAKS = /VALUE|STORED|DELETED|TOUCHED|RESET|STAT |VERSION|\bOK\b|\bEND\b/

function expectOneRefusal(answer: Buffer): void {
  const replies = parseReplies(answer).map(reply => [reply.status, reply.value])
  expect(replies).toEqual([[0x20, 'Auth failure.']])
}

interface Guarded {
  readonly name: string
  readonly sasl: boolean
  start(): Promise<{ server: ServerProcess; others: readonly ServerProcess[] }>
}

const guarded: readonly Guarded[] = [
  { name: 'node -Y', sasl: false, start: () => node(['-Y', passwords.path]) },
  { name: 'node -S -Y', sasl: true, start: () => node(['-S', '-Y', passwords.path]) },
  { name: 'router -Y', sasl: true, start: router },
]

async function node(flags: readonly string[]): ReturnType<Guarded['start']> {
  return { server: await startNode(['-t', '2', '--login-wait', '0', ...flags]), others: [] }
}

async function router(): ReturnType<Guarded['start']> {
  const behind = await startNode(['-t', '1'])
  return {
    server: await startRouter([behind.address], ['-Y', passwords.path, '--login-wait', '0']),
    others: [behind],
  }
}

describe.each(guarded)('before a login ($name)', kind => {
  const { sasl } = kind
  let server: ServerProcess
  let others: readonly ServerProcess[]
  let insider: TestConnection
  beforeAll(async () => {
    ;({ server, others } = await kind.start())
    insider = await TestConnection.open(server)
    expect(await insider.ask(LOGIN.trimEnd())).toBe('STORED')
    expect(await insider.ask('set kept 7 0 1\r\n5')).toBe('STORED')
  })
  afterAll(async () => {
    insider.close()
    for (const one of [server, ...others]) await one.stop()
  })

  /** Item, and the counters of every command, as somebody who is logged in sees them. */
  async function state(): Promise<Record<string, string | undefined>> {
    await insider.send('get kept new\r\n')
    const items = (await insider.receiveUntil('END\r\n')).toString('latin1')
    expect(items).toBe('VALUE kept 7 1\r\n5\r\nEND\r\n')
    // On a router the counters that matter are those of the node behind it.
    const counting = others[0] === undefined ? insider : await TestConnection.open(others[0])
    const stats = await readStats(counting)
    if (counting !== insider) counting.close()
    const names = ['cmd_set', 'cmd_touch', 'cmd_flush', 'curr_items', 'total_items']
    const misses = ['delete_hits', 'delete_misses', 'incr_hits', 'cas_misses', 'get_misses']
    return Object.fromEntries([...names, ...misses].map(name => [name, stats.get(name)]))
  }

  async function unchanged(act: () => Promise<void>): Promise<void> {
    const before = await state()
    await act()
    const after = await state()
    // The look at the state before was itself a miss of `new`.
    expect(after).toEqual({ ...before, get_misses: String(Number(before['get_misses']) + 1) })
  }

  async function outsider(pieces: Iterable<string | Uint8Array>): Promise<Buffer> {
    const connection = await TestConnection.open(server)
    await connection.sendPieces(pieces)
    const answer = await connection.receiveBurst(20)
    connection.close()
    return answer
  }

  /** Sends and says that this was all: the server answers what it will, and closes. */
  async function leaver(pieces: Iterable<string | Uint8Array>): Promise<Buffer> {
    const connection = await TestConnection.open(server)
    await connection.sendPieces(pieces)
    connection.endSending()
    return connection.receiveEnd()
  }

  test('no text command is executed, one by one', async () => {
    await unchanged(async () => {
      for (const command of forbidden) {
        const answer = (await outsider([command])).toString('latin1')
        expect(answer, command).toMatch(/^(CLIENT_ERROR [^\r\n]*\r\n)+$/)
      }
    })
  })

  test('no text command is executed, pipelined, byte by byte, or half sent', async () => {
    await unchanged(async () => {
      const all = forbidden.join('')
      for (const pieces of [[all], all.split('')]) {
        const answer = (await leaver(pieces)).toString('latin1')
        expect(answer).toContain('CLIENT_ERROR')
        expect(answer).not.toMatch(LEAKS)
      }
      for (const command of forbidden) {
        const half = (await leaver([command.slice(0, -3)])).toString('latin1')
        expect(half).not.toMatch(LEAKS)
      }
    })
  })

  test('a wrong password in front of commands executes none of them', async () => {
    await unchanged(async () => {
      const wrong = textLogin(USER, 'wrong')
      const answer = (await outsider([wrong + forbidden.join('')])).toString('latin1')
      expect(answer.startsWith(FAILURE)).toBe(true)
      expect(answer).not.toMatch(LEAKS)
    })
  })

  test('no binary command is executed, one by one, pipelined, or half sent', async () => {
    await unchanged(async () => {
      for (const request of forbiddenFrames) {
        expect((await leaver([request.subarray(0, 23)])).length).toBe(0)
        // A header alone is enough to refuse; the body need not come.
        const half = await leaver([request.subarray(0, Math.max(24, request.length - 1))])
        if (half.length > 0) expectOneRefusal(half)
        if (sasl) expectOneRefusal(await refused(request))
        else expect((await leaver([request])).includes(0x81)).toBe(false)
      }
      if (sasl) expectOneRefusal(await refused(Buffer.concat(forbiddenFrames)))
    })
  })

  /** What a server that takes SASL answers before it closes by itself. */
  async function refused(request: Uint8Array): Promise<Buffer> {
    const connection = await TestConnection.open(server)
    await connection.send(request)
    return connection.receiveEnd()
  }

  test.runIf(sasl)('SASL PLAIN with the right password opens the connection', async () => {
    const connection = await TestConnection.open(server)
    await connection.send(
      Buffer.concat([
        frame(Opcode.saslMechanisms, { opaque: 1 }),
        saslPlain(USER, PASSWORD),
        frame(Opcode.get, { key: 'kept', opaque: 3 }),
        frame(Opcode.get, { key: 'missing', opaque: 4 }),
        frame(Opcode.quit, { opaque: 5 }),
      ]),
    )
    const replies = parseReplies(await connection.receiveEnd())
    expect(replies.map(reply => [reply.opcode, reply.status, reply.value])).toEqual([
      [Opcode.saslMechanisms, 0, 'SCRAM-SHA-512 SCRAM-SHA-256 PLAIN'],
      [Opcode.saslAuth, 0, 'Authenticated'],
      [Opcode.get, 0, '5'],
      [Opcode.get, 1, 'Not found'],
      [Opcode.quit, 0, ''],
    ])
    expect(replies[2]?.extras).toEqual(Buffer.from([0, 0, 0, 7]))
    expect(replies.map(reply => reply.opaque)).toEqual([1, 0, 3, 4, 5])
  })

  test.runIf(sasl)('SASL PLAIN with a wrong password opens nothing', async () => {
    const tries: [string, string][] = [
      [USER, 'wrong'],
      ['nobody', PASSWORD],
      [USER, ''],
      ['', ''],
      [USER, `${PASSWORD}x`],
    ]
    await unchanged(async () => {
      for (const [user, password] of tries) {
        const deletion = frame(Opcode.delete, { key: 'kept' })
        const replies = parseReplies(
          await refused(Buffer.concat([saslPlain(user, password), deletion])),
        )
        expect(replies.map(reply => reply.status)).toEqual([0x20, 0x20])
      }
    })
  })

  test.runIf(sasl)('after a wrong password SASL may be tried again', async () => {
    const connection = await TestConnection.open(server)
    await connection.send(saslPlain(USER, 'wrong'))
    await connection.send(saslPlain(USER, PASSWORD))
    await connection.send(frame(Opcode.noop))
    await connection.send(frame(Opcode.quit))
    const replies = parseReplies(await connection.receiveEnd())
    expect(replies.map(reply => reply.status)).toEqual([0x20, 0, 0, 0])
  })

  test.runIf(sasl)('VERSION is answered before a login', async () => {
    const [reply] = parseReplies(await outsider([frame(Opcode.version)]))
    expect([reply?.status, reply?.value]).toEqual([0, '1.6.45'])
  })
})
