// How processes end: in order, on a signal, whatever they are doing; and at once, with code 70 and
// one last line, when anything is thrown that nobody catches. A full pipe as standard error must
// not keep them.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { complaints } from './clients.ts'
import { DeafClient } from './deaf-client.ts'
import { PipelinedLoad } from './pipelined-load.ts'
import {
  endAfter,
  fullPipe,
  logLines,
  nodeFlags,
  type Program,
  type ProgramOptions,
  routerFlags,
  startProgram,
} from './program.ts'

type Server = {
  name: string
  start: (options?: ProgramOptions, ...flags: string[]) => Promise<Program>
}

function node(threads: number): Server {
  return {
    name: `node, ${threads} threads`,
    start: (options, ...more) => startProgram(nodeFlags(threads, ...more), options),
  }
}

function router(threads: number): Server {
  return {
    name: `router, ${threads} threads`,
    start: async (options, ...more) => {
      const nodes = [await startProgram(nodeFlags(1)), await startProgram(nodeFlags(1))]
      return startProgram([...routerFlags(threads, nodes), ...more], options)
    },
  }
}

const WITHIN_MS = 1000
/** Ends are timed, and on a busy machine a process sometimes waits a second for its turn. */
const TIMED = { retry: 2 }
const ORDERLY = { code: 0, signal: null }
const FATAL = { code: 70, signal: null }
const signals = ['SIGTERM', 'SIGINT'] as const
const servers = [node(1), node(4), router(1), router(4)]

describe.each(servers)('the orderly end ($name)', TIMED, server => {
  test.each(signals)('%s ends an idle process with code 0', async signal => {
    const program = await server.start()
    const idle = await TestConnection.open(program)
    expect(await idle.ask('version')).toMatch(/^VERSION/)
    const from = performance.now()
    program.signal(signal)
    const end = await endAfter(program, from)
    expect(end).toMatchObject(ORDERLY)
    expect(end.afterMs).toBeLessThan(WITHIN_MS)
    expect(await idle.receiveEnd()).toHaveLength(0)
    expect(complaints(program)).toEqual([])
  })

  test.each(signals)('%s ends a loaded process with code 0', async signal => {
    const program = await server.start()
    const load = await PipelinedLoad.start(program, 6, 4)
    const before = load.replies
    const from = performance.now()
    program.signal(signal)
    const end = await endAfter(program, from)
    load.stop()
    expect(before).toBeGreaterThan(0)
    expect(end).toMatchObject(ORDERLY)
    expect(end.afterMs).toBeLessThan(WITHIN_MS)
    expect(load.faults()).toEqual([])
    expect(complaints(program)).toEqual([])
  })

  test('a client that reads nothing does not keep it', async () => {
    const program = await server.start()
    const client = await TestConnection.open(program)
    expect(await client.ask(`set big 0 0 1000000\r\n${'x'.repeat(1_000_000)}`)).toBe('STORED')
    const deaf = await DeafClient.open(program)
    deaf.send('get big\r\n'.repeat(200))
    // In order on the server's side, so the other client's answer says that it has begun.
    expect(await client.ask('version')).toMatch(/^VERSION/)
    const from = performance.now()
    program.signal('SIGTERM')
    const end = await endAfter(program, from)
    deaf.close()
    client.close()
    expect(end).toMatchObject(ORDERLY)
    expect(end.afterMs).toBeLessThan(WITHIN_MS)
  })
})

const nodeFaults: Fault[] = [
  { name: 'a throw in a data thread', key: 'throw-now' },
  { name: 'a throw in a timer of a data thread', key: 'throw-later', says: 'throw-now' },
  // Only where data threads have an event loop: promises do nothing elsewhere.
  { name: 'a rejection in a data thread', key: 'reject-now', env: { MEMRING_IO: 'net' } },
  { name: 'a throw with a lock held', key: 'throw-locked' },
  { name: 'a throw in main', signal: 'SIGUSR2' },
  { name: 'a rejection in main', signal: 'SIGALRM' },
]
const routerFaults = nodeFaults.filter(({ key }) => key !== 'throw-locked')

type Fault = {
  name: string
  key?: string
  signal?: NodeJS.Signals
  says?: string
  env?: Record<string, string>
}

const MESSAGES: Readonly<Record<string, string>> = {
  'throw-now': 'throw in a data thread',
  'reject-now': 'rejection in a data thread',
  'throw-locked': 'throw with a lock held',
  SIGUSR2: 'throw in main',
  SIGALRM: 'rejection in main',
}

describe.each([
  ...[node(1), node(4)].map(server => ({ ...server, faults: nodeFaults })),
  ...[router(1), router(2)].map(server => ({ ...server, faults: routerFaults })),
])('the fatal end ($name)', TIMED, server => {
  test.each(server.faults)('$name ends an idle process with code 70', async fault => {
    const program = await server.start({ faults: true, env: fault.env ?? {} })
    await expectFatal(program, fault)
  })

  test.each(server.faults)('$name ends a loaded process with code 70', async fault => {
    const program = await server.start({ faults: true, env: fault.env ?? {} })
    const load = await PipelinedLoad.start(program, 6, 4)
    await expectFatal(program, fault)
    load.stop()
    expect(load.faults()).toEqual([])
  })
})

describe('the fatal end of a node', TIMED, () => {
  test('a throw in the thread that accepts', async () => {
    const program = await startProgram(nodeFlags(2), { faults: true, env: { FAULT: 'acceptor' } })
    for (let i = 0; i < 10; i += 1) await TestConnection.open(program)
    const from = performance.now()
    const last = await TestConnection.open(program)
    const end = await endAfter(program, from)
    last.close()
    expect(end).toMatchObject(FATAL)
    expect(end.afterMs).toBeLessThan(WITHIN_MS)
    expect(lastMessage(program)).toBe('Fault put in by a test: throw in the acceptor')
  })

  test('threads that wait for the lock of a thread that died do not keep it', async () => {
    const program = await startProgram(nodeFlags(4), { faults: true })
    const waiting = await Promise.all(Array.from({ length: 8 }, () => TestConnection.open(program)))
    const from = performance.now()
    await Promise.all(waiting.map(client => client.send('get throw-locked\r\n'.repeat(50))))
    const end = await endAfter(program, from)
    expect(end).toMatchObject(FATAL)
    expect(end.afterMs).toBeLessThan(WITHIN_MS)
    for (const client of waiting) client.close()
  })
})

describe.each([node(1), node(4), router(1)])(
  'a full pipe as standard error ($name)',
  TIMED,
  server => {
    test.each(signals)('does not keep %s', async signal => {
      const program = await server.start({ stderr: fullPipe() })
      const client = await TestConnection.open(program)
      expect(await client.ask('version')).toMatch(/^VERSION/)
      const from = performance.now()
      program.signal(signal)
      const end = await endAfter(program, from)
      client.close()
      expect(end).toMatchObject(ORDERLY)
      expect(end.afterMs).toBeLessThan(WITHIN_MS)
    })

    test.each(routerFaults)('does not keep $name', async fault => {
      // With -v there are lines that wait to be written when the end comes.
      const program = await server.start(
        { stderr: fullPipe(), faults: true, env: fault.env ?? {} },
        '-v',
      )
      await sayThreeLines(program)
      const from = performance.now()
      const client = await inject(program, fault)
      const end = await endAfter(program, from)
      client.close()
      expect(end).toMatchObject(FATAL)
      expect(end.afterMs).toBeLessThan(WITHIN_MS)
    })
  },
)

test('a full pipe as standard error does not keep a node from serving', async () => {
  const program = await startProgram(nodeFlags(1, '-v'), { stderr: fullPipe() })
  for (let i = 0; i < 300; i += 1) {
    const client = await TestConnection.open(program)
    expect(await client.ask('version')).toMatch(/^VERSION/)
    client.close()
  }
  const from = performance.now()
  program.signal('SIGTERM')
  const end = await endAfter(program, from)
  expect(end).toMatchObject(ORDERLY)
  expect(end.afterMs).toBeLessThan(WITHIN_MS)
})

test('a log that nobody reads takes a bounded amount of memory', () => {
  const file = fileURLToPath(new URL('fixtures/unread-log.ts', import.meta.url))
  const run = spawnSync(process.execPath, [file], {
    stdio: ['ignore', 'pipe', fullPipe()],
    encoding: 'utf8',
    timeout: 20_000,
  })
  // Some 150 MB of lines were said.
  expect(Number(run.stdout)).toBeGreaterThan(0)
  expect(Number(run.stdout)).toBeLessThan(64 * 1024 * 1024)
})

async function sayThreeLines(program: Program): Promise<void> {
  const clients = [0, 1, 2].map(() => TestConnection.open(program))
  for (const client of await Promise.all(clients)) client.close()
  // The main thread looks for events every tenth of a second.
  await sleep(250)
}

async function inject(program: Program, { key, signal }: Fault): Promise<TestConnection> {
  const client = await TestConnection.open(program)
  if (signal !== undefined) program.signal(signal)
  else await client.send(`get ${key}\r\n`)
  return client
}

async function expectFatal(program: Program, fault: Fault): Promise<void> {
  const from = performance.now()
  const client = await inject(program, fault)
  const end = await endAfter(program, from)
  client.close()
  expect(end).toMatchObject(FATAL)
  expect(end.afterMs).toBeLessThan(WITHIN_MS)
  const message = MESSAGES[fault.says ?? fault.key ?? fault.signal ?? '']
  expect(lastMessage(program)).toBe(`Fault put in by a test: ${message}`)
  const fatal = logLines(program.stderr()).filter(line => line['level'] === 60)
  expect(fatal).toHaveLength(1)
}

function lastMessage(program: Program): unknown {
  const last = logLines(program.stderr()).at(-1)
  return (last?.['err'] as { message?: string } | undefined)?.message
}
