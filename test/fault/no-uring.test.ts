// A machine that refuses io_uring: the node serves by epoll and says why, or does not start when
// io_uring was asked for.

import { expect, test } from 'vitest'
import { loadLibc } from '../../src/net/libc.ts'
import { uringRefusal } from '../../src/net/uring/probe.ts'
import { TestConnection } from '../support/connection.ts'
import { runMemring } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { logLines, nodeFlags, startProgram } from './program.ts'

const fixture = new URL('fixtures/no-uring.ts', import.meta.url).href
const REASON = "refused by seccomp, as Docker's default profile does"

test('auto: epoll serves, and the log says once why', async () => {
  const program = await startProgram(nodeFlags(1, '--io', 'auto'), { withoutUring: true })
  const client = await TestConnection.open(program)
  expect(await client.ask('set a 0 0 1\r\nx')).toBe('STORED')
  expect((await readStats(client, 'stats settings')).get('memring_io')).toBe('epoll')
  client.close()
  expect(program.stderr().split(REASON).length).toBe(2)
})

test('asked for by name: refused before anything listens', async () => {
  const env = { NODE_OPTIONS: `--import ${fixture}` }
  const run = await runMemring(nodeFlags(1, '--io', 'uring'), { env })
  expect(run.code).toBe(64)
  expect(run.output).toContain(`Cannot use --io uring: ${REASON}`)
})

test.skipIf(process.getuid?.() !== 0)('the user of -u is who has to be allowed it', async () => {
  const forRoot = new URL('fixtures/uring-for-root.ts', import.meta.url).href
  const env = { NODE_OPTIONS: `--import ${forRoot}` }
  const run = await runMemring(nodeFlags(1, '--io', 'uring', '-u', 'nobody'), { env })
  expect(run.code).toBe(64)
  expect(run.output).toContain(`Cannot use --io uring: ${REASON}`)
})

/** Of this machine itself, asked in this process. */
const refusal = uringRefusal()

test(`auto takes what this machine has: ${refusal ?? 'io_uring'}`, async () => {
  const program = await startProgram(nodeFlags(1, '--io', 'auto'))
  const client = await TestConnection.open(program)
  const io = (await readStats(client, 'stats settings')).get('memring_io')
  client.close()
  const [serving] = logLines(program.stderr())
  if (refusal === undefined) {
    expect(io).toBe('uring')
    expect(serving).not.toHaveProperty('ioReason')
  } else {
    expect(io).toBe(loadLibc() === undefined ? 'net' : 'epoll')
    expect(serving).toMatchObject({ io, ioReason: expect.stringContaining(refusal) })
  }
})
