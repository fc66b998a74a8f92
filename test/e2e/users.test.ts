/** `memring user`, the users file, and what a running node makes of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { frame, Opcode, parseReplies, saslPlain } from '../support/binary.ts'
import { TestConnection } from '../support/connection.ts'
import { runMemring, type ServerProcess, startNode, startRouter } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { answerChallenge, clientFirst } from '../support/scram-client.ts'
import { temporaryDirectory, textLogin } from '../support/users.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const directory = temporaryDirectory()
const users = join(directory, 'users.yaml')

/** `memring user …` with a password on standard input; code and output. */
async function user(password: string, ...args: string[]): Promise<[number | null, string]> {
  const child = spawn(process.execPath, [MAIN, 'user', ...args, '--users', users])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      output += piece.toString()
    })
  }
  // A command that asks for no password ends without reading one.
  child.stdin.on('error', () => {})
  child.stdin.end(password)
  const [code] = (await once(child, 'close')) as [number | null]
  return [code, output]
}

async function logIn(
  server: ServerProcess,
  name: string,
  password: string,
): Promise<TestConnection> {
  const connection = await TestConnection.open(server)
  await connection.send(textLogin(name, password))
  expect((await connection.receiveUntil('\r\n')).toString()).toBe('STORED\r\n')
  return connection
}

beforeAll(async () => {
  expect(await user('app-pw\n', 'add', 'app', '--prefix', 'app:', '--scram')).toEqual([
    0,
    'app added: read, write\n',
  ])
  expect((await user('ops-pw', 'add', 'ops', '--rights', 'read,write,admin', '--scram'))[0]).toBe(0)
})

describe('memring user', () => {
  test('keeps no password, and lists users', async () => {
    expect(readFileSync(users, 'utf8')).not.toMatch(/app-pw|ops-pw/)
    const [code, output] = await user('', 'list')
    expect([code, output.split('\n')]).toEqual([
      0,
      [
        'app  read,write  keys app:  SCRAM-SHA-256 SCRAM-SHA-512',
        'ops  read,write,admin  any key  SCRAM-SHA-256 SCRAM-SHA-512',
        '',
      ],
    ])
  })

  const wrong: readonly [string, string, string[], RegExp][] = [
    ['somebody who is there', 'x', ['add', 'app'], /there is such a user/],
    ['an empty password', '\n', ['add', 'new'], /expected 1 to 1024 bytes/],
    ['no password', '', ['add', 'new'], /expected 1 to 1024 bytes/],
    ['a password of 1025 bytes', 'x'.repeat(1025), ['add', 'new'], /expected 1 to 1024 bytes/],
    ['a megabyte of password', 'x'.repeat(1 << 20), ['add', 'new'], /expected 1 to 1024 bytes/],
    ['a name with a colon', 'x', ['add', 'a:b'], /expected a name/],
    ['a right that is none', 'x', ['add', 'new', '--rights', 'root'], /expected a list of read/],
    ['another password for nobody', 'x', ['passwd', 'new'], /there is no such user/],
    ['nobody', '', ['remove', 'new'], /there is no such user/],
  ]
  test.each(wrong)('refuses %s', async (_, password, args, message) => {
    const before = readFileSync(users, 'utf8')
    const [code, output] = await user(password, ...args)
    expect(code).not.toBe(0)
    expect(output).toMatch(message)
    expect(output).not.toMatch(/^ {4}at /m)
    expect(readFileSync(users, 'utf8')).toBe(before)
  })
})

describe.each(['epoll', 'net'])('a node with --users, --io %s', io => {
  let node: ServerProcess
  beforeAll(async () => {
    node = await startNode(['-t', '2', '--users', users, '--io', io, '--login-wait', '0'])
  })
  afterAll(async () => {
    await node.stop()
  })

  test('lets in by text, PLAIN and SCRAM, and holds users to their rules', async () => {
    const text = await logIn(node, 'app', 'app-pw')
    expect(await text.ask('set app:1 0 0 1\r\nx')).toBe('STORED')
    expect(await text.ask('set other 0 0 1\r\nx')).toBe('CLIENT_ERROR key not allowed')
    expect(await text.ask('flush_all')).toBe('CLIENT_ERROR command not allowed')
    const binary = await TestConnection.open(node)
    await binary.send(
      Buffer.concat([saslPlain('app', 'app-pw'), frame(Opcode.get, { key: 'app:1' })]),
    )
    await binary.send(frame(Opcode.quit))
    expect(parseReplies(await binary.receiveEnd()).map(({ status }) => status)).toEqual([0, 0, 0])
    expect((await logIn(node, 'ops', 'ops-pw')).ended).toBe(false)
  })

  test.each(['sha256', 'sha512'] as const)('SCRAM with %s', async hash => {
    const key = hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
    const connection = await TestConnection.open(node)
    const exchange = async (
      opcode: typeof Opcode.saslAuth | typeof Opcode.saslStep,
      value: string,
    ) => {
      await connection.send(frame(opcode, { key, value }))
      const head = await connection.receive(24)
      const body = await connection.receive(head.readUInt32BE(8))
      return { status: head.readUInt16BE(6), value: body.toString() }
    }
    const first = clientFirst('ops', 'abcdefgh')
    const challenge = await exchange(Opcode.saslAuth, first)
    expect(challenge.status).toBe(0x21)
    const right = answerChallenge(hash, 'ops-pw', first, challenge.value)
    const verdict = await exchange(Opcode.saslStep, right.clientFinal)
    expect(verdict).toEqual({ status: 0, value: right.serverFinal })
    connection.close()
  })
})

describe('SIGHUP', () => {
  test('other users from then on; whoever has not changed stays connected', async () => {
    const node = await startNode(['-t', '2', '--users', users])
    const stays = await logIn(node, 'ops', 'ops-pw')
    const goes = await logIn(node, 'app', 'app-pw')
    expect((await user('new-pw', 'passwd', 'app', '--scram'))[0]).toBe(0)
    expect((await user('', 'list'))[0]).toBe(0)
    expect(await goes.ask('get app:1')).toBe('END')
    node.signal('SIGHUP')
    expect((await goes.receiveEnd()).toString()).toBe('')
    expect(await stays.ask('get app:1')).toBe('END')
    const again = await TestConnection.open(node)
    await again.send(textLogin('app', 'app-pw'))
    expect(String(await again.receiveUntil('\r\n'))).toBe('CLIENT_ERROR authentication failure\r\n')
    const renewed = await logIn(node, 'app', 'new-pw')
    // A file that is wrong changes nothing, and is said with its place.
    const before = readFileSync(users, 'utf8')
    writeFileSync(users, 'users:\n  - name: app\n    verifiers: [hunter2]\n')
    node.signal('SIGHUP')
    await vi.waitFor(() =>
      expect(node.output()).toContain('users.yaml:3:17: users[0].verifiers[0]'),
    )
    expect(node.output()).not.toContain('hunter2')
    writeFileSync(users, before)
    expect(await renewed.ask('get app:1')).toBe('END')
    expect(await stays.ask('get app:1')).toBe('END')
    for (const one of [stays, renewed, again]) one.close()
    await node.stop()
  })
})

describe('-S alone', () => {
  test('speaks binary only, with the users of MEMCACHED_SASL_PWDB', async () => {
    const path = join(directory, 'sasldb')
    writeFileSync(path, 'alice:secret\n')
    const node = await startNode(['-t', '1', '-S'], { env: { MEMCACHED_SASL_PWDB: path } })
    const text = await TestConnection.open(node)
    await text.send(textLogin('alice', 'secret'))
    expect(String(await text.receiveEnd())).toBe('')
    const binary = await TestConnection.open(node)
    await binary.send(Buffer.concat([saslPlain('alice', 'secret'), frame(Opcode.quit)]))
    expect(parseReplies(await binary.receiveEnd()).map(({ status }) => status)).toEqual([0, 0])
    await node.stop()
  })

  test('without credentials nothing is started', async () => {
    const { code, output } = await runMemring(['node', '-S', '-p', '-1'])
    expect([code, output]).toEqual([64, expect.stringContaining('expected credentials')])
  })
})

test('MEMRING_USERNAME and MEMRING_PASSWORD_FILE are a user of node and router', async () => {
  const path = join(directory, 'password')
  writeFileSync(path, 'a long one\n')
  const env = { MEMRING_USERNAME: 'env', MEMRING_PASSWORD_FILE: path }
  const node = await startNode(['-t', '1'])
  const router = await startRouter([node.address], [], { env })
  const guarded = await startNode(['-t', '1'], { env })
  for (const server of [router, guarded]) {
    const stranger = await TestConnection.open(server)
    expect(await stranger.ask('get a')).toBe('CLIENT_ERROR unauthenticated')
    stranger.close()
    const connection = await logIn(server, 'env', 'a long one')
    expect(await connection.ask('get a')).toBe('END')
    connection.close()
  }
  for (const server of [router, guarded, node]) await server.stop()
})

test('guesses are slowed down; others hardly notice, and it is counted and logged', async () => {
  const node = await startNode(['-t', '1', '--users', users])
  const insider = await logIn(node, 'ops', 'ops-pw')
  const started = performance.now()
  const guesses = Array.from({ length: 8 }, async (_, i) => {
    const connection = await TestConnection.open(node)
    for (let j = 0; j < 3; j += 1) await connection.send(textLogin('app', `guess ${i} ${j}`))
    const answers = await connection.receiveLines(2, 1500)
    connection.close()
    return answers.toString().split('\r\n').length - 1
  })
  const latencies: number[] = []
  while (performance.now() - started < 1000) {
    const before = performance.now()
    expect(await insider.ask('get a')).toBe('END')
    latencies.push(performance.now() - before)
  }
  const answered = (await Promise.all(guesses)).reduce((sum, count) => sum + count, 0)
  // Five are free, then 100, 200, 400 and 800 ms: some ten in the time given, of 24.
  expect(answered).toBeLessThan(16)
  latencies.sort((one, other) => one - other)
  expect(latencies.length).toBeGreaterThan(100)
  const stats = await readStats(insider)
  expect(Number(stats.get('auth_errors'))).toBeGreaterThanOrEqual(5)
  await vi.waitFor(() => expect(node.output()).toContain('Login refused'))
  expect(node.output()).not.toMatch(/guess \d/)
  insider.close()
  await node.stop()
})
