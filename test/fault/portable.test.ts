// Without koffi: threads that listen by themselves, and no kernel calls. What a node answers and how
// it ends is the same. On a SharedArrayBuffer it is the command line on a machine without koffi; on
// mapped memory, which takes koffi, the node is told to do without it otherwise.

import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import {
  binary,
  complaints as allComplaints,
  greeting,
  halfSend,
  openMany,
  readRepeated,
  settled,
  speaks,
} from './clients.ts'
import { DeafClient } from './deaf-client.ts'
import { PipelinedLoad } from './pipelined-load.ts'
import {
  descriptorsOf,
  endAfter,
  fullPipe,
  logLines,
  nodeFlags,
  PORTABLE_NODE,
  type Program,
  type ProgramOptions,
  startProgram,
} from './program.ts'

const WITHIN_MS = 1000
const MIB = 1024 * 1024
const LARGE = 'L'.repeat(300_000)

const shapes = [
  { threads: 1, region: 'shared' },
  { threads: 4, region: 'shared' },
  { threads: 1, region: 'mapped' },
  { threads: 4, region: 'mapped' },
] as const
type Shape = (typeof shapes)[number]

function start(shape: Shape, options: ProgramOptions = {}): Promise<Program> {
  if (shape.region === 'shared') {
    const flags = nodeFlags(shape.threads, '-c', '200')
    return startProgram(flags, { ...options, withoutKoffi: true })
  }
  const wanted = JSON.stringify({ ...shape, useKernel: false })
  return startProgram([wanted], { ...options, file: PORTABLE_NODE })
}

/** Classic commands, each with the whole of its answer. */
const transcript: readonly (readonly [string, string])[] = [
  ['set a 7 0 3\r\nabc\r\n', 'STORED\r\n'],
  ['get a b\r\n', 'VALUE a 7 3\r\nabc\r\nEND\r\n'],
  ['add a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
  ['append a 0 0 3\r\ndef\r\n', 'STORED\r\n'],
  ['prepend a 0 0 1\r\n>\r\n', 'STORED\r\n'],
  ['get a\r\n', 'VALUE a 7 7\r\n>abcdef\r\nEND\r\n'],
  ['cas a 0 0 1 999999\r\nx\r\n', 'EXISTS\r\n'],
  ['replace b 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
  ['set n 0 0 1 noreply\r\n9\r\nincr n 2\r\n', '11\r\n'],
  ['decr n 20\r\n', '0\r\n'],
  ['incr a 1\r\n', 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'],
  ['touch a 100\r\n', 'TOUCHED\r\n'],
  ['gat 0 a\r\n', 'VALUE a 7 7\r\n>abcdef\r\nEND\r\n'],
  [`set l 0 0 ${LARGE.length}\r\n${LARGE}\r\n`, 'STORED\r\n'],
  ['get l a\r\n', `VALUE l 0 ${LARGE.length}\r\n${LARGE}\r\nVALUE a 7 7\r\n>abcdef\r\nEND\r\n`],
  ['set a 0 0 3\r\nabcdefghij\r\n', 'CLIENT_ERROR bad data chunk\r\nERROR\r\n'],
  ['no such command\r\n', 'ERROR\r\n'],
  ['delete a\r\n', 'DELETED\r\n'],
  ['delete a\r\n', 'NOT_FOUND\r\n'],
  ['flush_all\r\n', 'OK\r\n'],
  ['get l n\r\n', 'END\r\n'],
]

/** Ends are timed, and on a busy machine a process sometimes waits a second for its turn. */
const TIMED = { retry: 2 }

describe.each(shapes)('without koffi ($threads threads, $region memory)', TIMED, shape => {
  test('answers as ever, whole and byte by byte', async () => {
    const program = await start(shape)
    for (const pieces of [false, true]) {
      const client = await TestConnection.open(program)
      for (const [send, expected] of transcript) {
        if (pieces && send.length < 1000) await client.sendPieces(send.match(/./gs) ?? [])
        else await client.send(send)
        expect(String(await client.receiveExpected(expected))).toBe(expected)
      }
      client.close()
    }
    const client = await TestConnection.open(program)
    await client.send(binary(0x0b, '', ''))
    expect((await client.receive(24))[0]).toBe(0x81)
    client.close()
    expect((await statsOf(program, 'stats settings')).get('memring_region')).toBe(shape.region)
    expect((await statsOf(program, 'stats')).get('threads')).toBe(String(shape.threads))
  })

  test('threads share one store, and all of them answer', async () => {
    const program = await start(shape)
    const clients = await Promise.all(
      Array.from({ length: 32 }, () => TestConnection.open(program)),
    )
    for (const [at, client] of clients.entries()) {
      expect(await client.ask(`set k${at} 0 0 3\r\n${100 + at}`)).toBe('STORED')
    }
    const keys = clients.map((_, at) => `k${at}`)
    const values = keys.map((key, at) => `VALUE ${key} 0 3\r\n${100 + at}\r\n`)
    for (const client of clients) {
      await client.send(`get ${keys.join(' ')}\r\n`)
      const expected = `${values.join('')}END\r\n`
      expect(String(await client.receiveExpected(expected))).toBe(expected)
      client.close()
    }
  })

  test('clients that go away leak nothing, too many are refused', async () => {
    const program = await start(shape)
    const pieces = [
      Buffer.from('get half-of-a-k'),
      Buffer.from(`set half 0 0 100000\r\n${'x'.repeat(50_000)}`),
      Buffer.from(`set half 0 0 100\r\n${'x'.repeat(50)}`),
    ]
    const client = await TestConnection.open(program)
    let before = 0
    for (const way of ['FIN', 'RST', 'FIN', 'RST'] as const) {
      await halfSend(program, pieces, way, 150)
      await settled(client, 1)
      before ||= descriptorsOf(program.pid)
    }
    expect(descriptorsOf(program.pid)).toBeLessThanOrEqual(before)
    expect(complaints(program)).toEqual([])
    const others = await openMany(program, 199)
    await settled(client, 200)
    expect(await greeting(program)).toBe('ERROR Too many open connections\r\n')
    for (const socket of others) socket.destroy()
    await expect.poll(async () => await speaks(program)).toBe(true)
    client.close()
  })

  test('a client that does not read keeps nobody waiting and gets every byte', async () => {
    const program = await start(shape)
    const client = await TestConnection.open(program)
    const value = 'v'.repeat(MIB - 200)
    expect(await client.ask(`set big 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
    const deaf = await DeafClient.open(program)
    deaf.send('get big\r\n'.repeat(40))
    for (let i = 0; i < 50; i += 1) expect(await client.ask('version')).toMatch(/^VERSION/)
    const answer = Buffer.from(`VALUE big 0 ${value.length}\r\n${value}\r\nEND\r\n`)
    expect(await readRepeated(deaf, answer, 40)).toBe(-1)
    deaf.close()
    client.close()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with code 0, idle', async signal => {
    const program = await start(shape)
    const idle = await TestConnection.open(program)
    expect(await idle.ask('version')).toMatch(/^VERSION/)
    const from = performance.now()
    program.signal(signal)
    expect(await endWithin(program, from)).toBe(0)
    idle.close()
  })

  test('SIGTERM ends it with code 0, loaded', async () => {
    const program = await start(shape)
    const load = await PipelinedLoad.start(program, 6, 4)
    const from = performance.now()
    program.signal('SIGTERM')
    expect(await endWithin(program, from)).toBe(0)
    load.stop()
    expect(load.faults()).toEqual([])
    expect(complaints(program)).toEqual([])
  })

  test.each(['throw-now', 'throw-locked', 'reject-now', 'SIGUSR2', 'SIGALRM'] as const)(
    '%s ends it with code 70, loaded',
    async fault => {
      const program = await start(shape, { faults: true })
      const load = await PipelinedLoad.start(program, 4, 4)
      const client = await TestConnection.open(program)
      const from = performance.now()
      if (fault.startsWith('SIG')) program.signal(fault as NodeJS.Signals)
      else await client.send(`get ${fault}\r\n`)
      expect(await endWithin(program, from)).toBe(70)
      load.stop()
      client.close()
      expect(logLines(program.stderr()).at(-1)).toMatchObject({
        level: 60,
        err: { message: expect.stringContaining('Fault put in by a test') },
      })
    },
  )
})

describe.each(shapes.slice(0, 2))(
  'without koffi ($threads threads): nothing keeps the end',
  TIMED,
  shape => {
    test.each([
      { fault: 'SIGTERM', code: 0 },
      { fault: 'SIGUSR2', code: 70 },
      { fault: 'throw-now', code: 70 },
    ] as const)('a full pipe as standard error does not: $fault', async ({ fault, code }) => {
      const program = await start(shape, { faults: true, stderr: fullPipe() })
      const client = await TestConnection.open(program)
      const from = performance.now()
      if (fault === 'throw-now') await client.send('get throw-now\r\n')
      else program.signal(fault)
      expect(await endWithin(program, from)).toBe(code)
      client.close()
    })

    test('threads that wait for the lock of a thread that died do not', async () => {
      const program = await start(shape, { faults: true })
      const waiting = await Promise.all(
        Array.from({ length: 8 }, () => TestConnection.open(program)),
      )
      const from = performance.now()
      await Promise.all(waiting.map(client => client.send('get throw-locked\r\n'.repeat(50))))
      expect(await endWithin(program, from)).toBe(70)
      for (const client of waiting) client.close()
    })
  },
)

/** But for the one that it says about koffi when it starts. */
function complaints(program: Program): unknown[] {
  return allComplaints(program).filter(line => !/koffi/.test(JSON.stringify(line)))
}

async function endWithin(program: Program, from: number): Promise<number | null> {
  const end = await endAfter(program, from)
  expect(end.afterMs).toBeLessThan(WITHIN_MS)
  return end.code
}

async function statsOf(program: Program, command: string): Promise<Map<string, string>> {
  const client = await TestConnection.open(program)
  const stats = await readStats(client, command)
  client.close()
  return stats
}
