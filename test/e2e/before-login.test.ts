// Who has not logged in is told nothing and changes nothing, through every door: TCP on each
// transport, a unix socket, TLS. Every verb, every opcode; alone, half sent, around a wrong login,
// in place of a login's second half, and in the other protocol.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Opcode as AllOpcodes } from '../../src/protocol/binary-layout.ts'
import { commands } from '../../src/protocol/command.ts'
import { frame, Opcode, parseReplies, STORE_EXTRAS, saslPlain } from '../support/binary.ts'
import { Certificates } from '../support/certificates.ts'
import { TestConnection } from '../support/connection.ts'
import { type ServerProcess, startNode } from '../support/processes.ts'
import { answerChallenge, clientFirst } from '../support/scram-client.ts'
import { readStats } from '../support/stats.ts'
import { PASSWORD, textLogin, USER, writePasswordFile } from '../support/users.ts'

const passwords = writePasswordFile()
const certificates = new Certificates()
const folder = mkdtempSync(join(tmpdir(), 'memring-doors-'))
afterAll(() => {
  passwords.remove()
  certificates.remove()
  rmSync(folder, { recursive: true, force: true })
})

const LOGIN = textLogin(USER, PASSWORD)
const WRONG = textLogin(USER, 'wrong')
const socketPath = join(folder, 'socket')
const { cert, key } = certificates.authority

interface Door {
  readonly name: string
  readonly flags: readonly string[]
  readonly kind: 'tcp' | 'unix' | 'tls'
}

const doors: readonly Door[] = [
  { name: 'io_uring', flags: ['--io', 'uring'], kind: 'tcp' },
  { name: 'epoll', flags: ['--io', 'epoll'], kind: 'tcp' },
  { name: 'net', flags: ['--io', 'net'], kind: 'tcp' },
  { name: 'a unix socket', flags: ['-s', socketPath], kind: 'unix' },
  { name: 'TLS', flags: ['-Z', '-o', `ssl_chain_cert=${cert},ssl_key=${key}`], kind: 'tls' },
]

/** What each verb is tried with: item `kept` is there, `new` is not. */
const lines: Readonly<Record<string, readonly string[]>> = {
  get: ['get kept', 'get kept new'],
  gets: ['gets kept'],
  gat: ['gat -1 kept'],
  gats: ['gats -1 kept'],
  set: ['set kept 0 0 1\r\nx', 'set new 0 0 1 noreply\r\nx'],
  add: ['add new 0 0 1\r\nx'],
  replace: ['replace kept 0 0 1\r\nx'],
  append: ['append kept 0 0 1\r\nx'],
  prepend: ['prepend kept 0 0 1\r\nx'],
  cas: ['cas kept 0 0 1 2\r\nx', 'cas kept 0 0 4\r\nquit'],
  delete: ['delete kept', 'delete kept noreply'],
  incr: ['incr kept 1'],
  decr: ['decr kept 1'],
  touch: ['touch kept -1'],
  flush_all: ['flush_all', 'flush_all noreply'],
  stats: [
    'stats',
    'stats settings',
    'stats items',
    'stats slabs',
    'stats conns',
    'stats sizes',
    'stats sizes_enable',
    'stats reset',
    'stats detail on',
    'stats detail dump',
    'stats cachedump 1 0',
  ],
  version: ['version'],
  verbosity: ['verbosity 2'],
  cache_memlimit: ['cache_memlimit 16'],
  lru_crawler: [
    'lru_crawler metadump all',
    'lru_crawler mgdump all',
    'lru_crawler disable',
    'lru_crawler sleep 7',
  ],
  lru: ['lru mode flat', 'lru temp_ttl 7'],
  slabs: ['slabs automove 2'],
  watch: ['watch', 'watch fetchers mutations evictions connevents deletions'],
  shutdown: ['shutdown', 'shutdown graceful'],
  refresh_certs: ['refresh_certs'],
  debugtime: ['debugtime p'],
  fence: ['fence 1 2'],
  config: ['config get cluster', 'config set cluster 0 1\r\nx'],
  quit: ['quit now'],
  mg: ['mg kept v', 'mg new N0'],
  ms: ['ms kept 1\r\nx', 'ms new 1 q\r\nx'],
  md: ['md kept', 'md kept I x q'],
  ma: ['ma kept', 'ma new N0 q'],
  mn: ['mn x y'],
  me: ['me kept'],
}
const texts = Object.values(lines)
  .flat()
  .map(line => `${line}\r\n`)

const EXTRAS: Readonly<Record<string, Buffer>> = {
  increment: Buffer.alloc(20, 1),
  touch: Buffer.alloc(4, 0xff),
  set: STORE_EXTRAS,
}

/** One right request of every opcode that may not be said before a login. */
const OPEN: readonly string[] = ['version', 'saslListMechs', 'saslAuth', 'saslStep']
const frames = Object.entries(AllOpcodes)
  .filter(([name]) => !OPEN.includes(name))
  .map(([name, opcode]) => {
    const isTouch = /^(touch|gat)/.test(name)
    const isCount = /^(incr|decr)/.test(name)
    const isStore = /^(set|add|replace)/.test(name)
    const extras = EXTRAS[isTouch ? 'touch' : isCount ? 'increment' : isStore ? 'set' : '']
    const keyless = /^(quit|flush|noop|stat)/.test(name)
    const hasValue = isStore || /^(append|prepend)/.test(name)
    return frame(opcode as Opcode, {
      key: keyless ? '' : name.startsWith('add') ? 'new' : 'kept',
      ...(extras === undefined ? {} : { extras }),
      value: hasValue ? 'x' : '',
    })
  })

const REFUSED =
  /^(CLIENT_ERROR (unauthenticated|authentication failure|bad authentication token format|bad command line termination)\r\n)*$/

/** Nothing but refusals, in whatever protocol. */
function expectToldNothing(answer: Buffer, sent: string): void {
  if (answer[0] !== 0x81) {
    expect(answer.toString('latin1'), sent).toMatch(REFUSED)
    return
  }
  for (const { status, value } of parseReplies(answer)) {
    expect([status, value], sent).toEqual([0x20, 'Auth failure.'])
  }
}

test('every verb is tried', () => {
  expect(Object.keys(lines)).toEqual(expect.arrayContaining(commands.map(({ verb }) => verb)))
})

describe.each(doors)('before a login, through $name', door => {
  let server: ServerProcess
  let insider: TestConnection
  beforeAll(async () => {
    const shared = ['-S', '-Y', passwords.path, '-A', '--login-wait', '0', '-t', '2']
    const options = ['-o', 'debug_commands,track_sizes']
    server = await startNode([...shared, ...options, ...door.flags])
    insider = await open()
    expect(await insider.ask(LOGIN.trimEnd())).toBe('STORED')
    expect(await insider.ask('set kept 7 0 1\r\n5')).toBe('STORED')
  })
  afterAll(async () => {
    insider.close()
    await server.stop()
  })

  async function open(): Promise<TestConnection> {
    const { port } = server
    if (door.kind === 'tcp') return TestConnection.open(server)
    if (door.kind === 'unix') {
      const socket = connect({ path: socketPath, allowHalfOpen: true })
      await once(socket, 'connect')
      return TestConnection.over(socket)
    }
    const where = { host: '127.0.0.1', port, allowHalfOpen: true }
    const socket = connectTls({ ...where, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    return TestConnection.over(socket)
  }

  /** Sends and says that this was all: the server answers what it will, and closes. */
  async function leave(pieces: Iterable<string | Uint8Array>): Promise<Buffer> {
    const connection = await open()
    await connection.sendPieces(pieces)
    connection.endSending()
    const answer = await connection.receiveEnd()
    connection.close()
    return answer
  }

  /** Items, counters and settings, as somebody who is logged in sees them. */
  async function state(): Promise<Record<string, unknown>> {
    await insider.send('gets kept new\r\n')
    const items = (await insider.receiveUntil('END\r\n')).toString('latin1')
    const stats = await readStats(insider)
    const settings = await readStats(insider, 'stats settings')
    const moving =
      /^(time|uptime|rusage|bytes_|total_conn|curr_conn|cmd_get|get_|auth_|conn_yields)/
    const still = [...stats, ...settings].filter(
      ([name]) => !moving.test(name) && !/^(response_obj|read_buf|connection_struct)/.test(name),
    )
    const gets = Number(stats.get('cmd_get'))
    return { items, gets, ...Object.fromEntries(still) }
  }

  async function unchanged(act: () => Promise<void>): Promise<void> {
    const before = await state()
    await act()
    const after = await state()
    // The second look counts its own two keys.
    expect(after).toEqual({ ...before, gets: Number(before['gets']) + 2 })
  }

  test('no line is carried out: alone, half sent, around a wrong login', async () => {
    await unchanged(async () => {
      for (const text of texts) {
        for (const sent of [text, text.slice(0, -2), WRONG + text, text + WRONG]) {
          expectToldNothing(await leave([sent]), sent)
        }
      }
      const all = texts.join('')
      expectToldNothing(await leave([all]), 'all in one write')
      expectToldNothing(await leave(all.split('')), 'all byte by byte')
    })
  })

  test('no frame is carried out: alone, half sent, around a wrong login', async () => {
    const wrong = saslPlain(USER, 'wrong')
    await unchanged(async () => {
      for (const request of frames) {
        const half = request.subarray(0, request.length - 1)
        const both = [Buffer.concat([wrong, request]), Buffer.concat([request, wrong])]
        for (const sent of [request, half, ...both]) {
          expectToldNothing(await leave([sent]), sent.toString('hex'))
        }
      }
      expectToldNothing(await leave([Buffer.concat(frames)]), 'all in one write')
    })
  })

  test('commands in place of the second half of a login are its password', async () => {
    await unchanged(async () => {
      for (const text of texts) {
        const sent = `set login 0 0 12\r\nalice ${text}`
        expectToldNothing(await leave([sent]), sent)
      }
    })
  })

  test('a login of the one protocol is none for the other', async () => {
    await unchanged(async () => {
      for (const text of texts) {
        // A frame that is not one closes; before it, the login itself is answered.
        const answer = parseReplies(await leave([saslPlain(USER, PASSWORD), text]))
        expect(answer.map(({ opcode, status }) => [opcode, status])).toEqual([[0x21, 0]])
      }
      for (const request of frames) {
        const answer = (await leave([LOGIN, request])).toString('latin1')
        expect(answer).toMatch(/^STORED\r\n((CLIENT_)?ERROR[^\r\n]*\r\n)*$/)
      }
    })
  })

  test.each(['sha256', 'sha512'] as const)('SCRAM, %s: half a login is none', async hash => {
    const mechanism = `SCRAM-SHA-${hash.slice(3)}`
    const first = clientFirst(USER, 'fyko+d2lbbFgONRv9qkxdawL')
    const begin = frame(Opcode.saslAuth, { key: mechanism, value: first })
    await unchanged(async () => {
      for (const request of frames) {
        const answer = parseReplies(await leave([begin, request]))
        expect(answer.map(({ status }) => status)).toEqual([0x21, 0x20])
      }
    })
    const connection = await open()
    await connection.send(begin)
    const [challenge] = parseReplies(await connection.receiveBurst(20))
    expect(challenge?.status).toBe(0x21)
    const answer = answerChallenge(hash, PASSWORD, first, challenge!.value)
    const step = frame(Opcode.saslStep, { key: mechanism, value: answer.clientFinal })
    await connection.send(Buffer.concat([step, frame(Opcode.get, { key: 'kept' })]))
    connection.endSending()
    const [final, hit] = parseReplies(await connection.receiveEnd())
    expect([final?.status, final?.value]).toEqual([0, answer.serverFinal])
    expect([hit?.status, hit?.value]).toEqual([0, '5'])
    connection.close()
  })

  test('of commands around a right login, only those behind it are carried out', async () => {
    const around = `incr kept 1\r\nget kept\r\n${LOGIN}incr kept 1\r\nget kept\r\ndecr kept 1\r\n`
    const unauthenticated = 'CLIENT_ERROR unauthenticated\r\n'
    for (const pieces of [[around], around.split('')]) {
      const answer = (await leave(pieces)).toString('latin1')
      const hit = 'VALUE kept 7 1\r\n6\r\nEND\r\n'
      expect(answer).toBe(`${unauthenticated.repeat(2)}STORED\r\n6\r\n${hit}5\r\n`)
    }
  })
})
