// What costs nobody anything: connections that say nothing, or have not for a while, and a node at
// rest. What the first ones bring with them is not theirs: by the time that memory is first looked
// at, what connections need has been compiled, which takes megabytes.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { loadLibc } from '../../src/net/libc.ts'
import { uringRefusal } from '../../src/net/uring/probe.ts'
import { openMany } from './clients.ts'
import { nodeFlags, type Program, processorMs, residentBytes, startProgram } from './program.ts'

const isLong = process.env['MEMRING_TEST_ALL'] === '1'
/** With the client's end of each, within the 20,000 descriptors that this process may have. */
const CONNECTIONS = isLong ? 10_000 : 6000
const WARM_UP_ROUNDS = 2
const WARM_UP_GETS = 20
const BYTES_MAX = 2048
const AT_ONCE = 250
/** Until the threads have collected what garbage there is and main has given memory back. */
const CALM_MS = 1000
const REST_MS = isLong ? 20_000 : 3000
/** Of one CPU; of a short time, ticks of 10 ms allow no closer look. */
const REST_SHARE_MAX = isLong ? 0.005 : 0.01

const transports = [
  { io: 'uring', isHere: uringRefusal() === undefined },
  { io: 'epoll', isHere: loadLibc() !== undefined },
].filter(({ isHere }) => isHere)

const name = 'an idle connection costs at most 2 KiB (--io $io)'

test.each(transports)(name, { timeout: isLong ? 120_000 : 60_000 }, async ({ io }) => {
  const program = await startProgram(nodeFlags(1, '--io', io, '-c', '16384'))
  await warmUp(program)
  const sockets = await openMany(program, AT_ONCE)
  await ask(sockets)
  await sleep(CALM_MS)
  const before = residentBytes(program.pid)
  sockets.push(...(await openMany(program, CONNECTIONS)))
  await sleep(CALM_MS)
  const silent = (residentBytes(program.pid) - before) / CONNECTIONS
  await ask(sockets)
  await sleep(CALM_MS)
  const spoken = (residentBytes(program.pid) - before) / CONNECTIONS
  console.log(`${io}: ${silent.toFixed(0)} bytes silent, ${spoken.toFixed(0)} after a get`)
  expect(silent).toBeLessThan(BYTES_MAX)
  expect(spoken).toBeLessThan(BYTES_MAX)
  const from = processorMs(program.pid)
  await sleep(REST_MS)
  const share = (processorMs(program.pid) - from) / REST_MS
  console.log(`${io}: ${(share * 100).toFixed(2)} % of a CPU at rest`)
  expect(share).toBeLessThan(REST_SHARE_MAX)
  for (const socket of sockets) socket.destroy()
})

async function warmUp(program: Program): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    const sockets = await openMany(program, AT_ONCE)
    for (let gets = 0; gets < WARM_UP_GETS; gets += 1) await ask(sockets)
    for (const socket of sockets) socket.destroy()
  }
}

/** A get and its answer on each. */
async function ask(sockets: readonly Socket[]): Promise<void> {
  for (let at = 0; at < sockets.length; at += AT_ONCE) {
    const some = sockets.slice(at, at + AT_ONCE)
    await Promise.all(
      some.map(socket => {
        socket.write('get some-key\r\n')
        return once(socket, 'data')
      }),
    )
  }
}
