// Replies never fall out of step: many clients pipeline requests of all three protocols through a
// router on two threads to memring nodes and Debian's memcached, quiet and malformed ones among
// them, in pieces cut anywhere, while others hang up in the middle of theirs. Every byte that comes
// back is compared with what a model says.
//
// 1. Keys belong to one client each, so every request has exactly one right answer.
// 2. Those who hang up use keys of their own, which nobody reads.
// 3. The seed is printed; MEMRING_SEED repeats what is asked, if not how it interleaves.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import {
  type ServerProcess,
  startMemcached,
  startNode,
  startRouterFrom,
} from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { TestConnection } from '../support/connection.ts'
import { binaryStep, withoutCas } from './step-binary.ts'
import { Model, StepClient } from './step-model.ts'
import { textStep } from './step-text.ts'

const isLong = process.env['MEMRING_TEST_ALL'] === '1'
const REQUESTS_MIN = isLong ? 1_000_000 : 60_000
const TEXT_CLIENTS = 12
const BINARY_CLIENTS = 6
const HANG_UP_MS = 10
const PATIENCE_MS = 20_000
const TIME_MAX_MS = isLong ? 900_000 : 25_000
/** Keys that only base64 can carry. */
const ODD = [' a b', '\r\nflush_all\r\n', '\0\n\xff']

test(
  `${REQUESTS_MIN} requests get the replies that are theirs`,
  async () => {
    const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 2 ** 31)
    console.log(`out of step: seed ${seed}`)
    const prng = new Prng(seed)
    const { router, stop } = await start()
    onTestFinished(stop)
    const clients = await open(router, prng)
    const began = performance.now()
    const total = (): number => clients.reduce((sum, { count }) => sum + count, 0)
    const goesOn = (): boolean =>
      total() < REQUESTS_MIN &&
      performance.now() - began < TIME_MAX_MS &&
      clients.every(({ wrong }) => wrong === '' || wrong === 'none')
    const [hungUp] = await Promise.all([
      hangUp(router, new Prng(seed + 1), goesOn),
      ...clients.map(client => client.run(goesOn)),
    ])
    expect(clients.map(({ wrong }) => wrong).filter(wrong => wrong !== 'none')).toEqual([])
    expect(total()).toBeGreaterThanOrEqual(REQUESTS_MIN)
    expect(hungUp).toBeGreaterThan(20)
    // Nobody else's connection to a node was given up for what one of them did.
    const watcher = await TestConnection.open(router)
    const stats = await readStats(watcher, 'stats proxy')
    watcher.close()
    const states = [...stats].filter(([name]) => name.endsWith(':state'))
    expect(states.map(([, state]) => state)).toEqual(['up', 'up', 'up'])
    expect(router.output().match(/Node is down/g)).toBeNull()
  },
  TIME_MAX_MS + 30_000,
)

async function start(): Promise<{ router: ServerProcess; stop: () => Promise<void> }> {
  const nodes = await Promise.all([
    startNode(['-t', '1', '-m', '256']),
    startNode(['-t', '2', '-m', '256']),
    startMemcached(['-t', '2', '-m', '256']),
  ])
  const directory = mkdtempSync(join(tmpdir(), 'memring-step-'))
  const file = join(directory, 'cluster.yaml')
  writeFileSync(file, clusterOf(nodes))
  const router = await startRouterFrom(file, ['-t', '2'])
  const stop = async (): Promise<void> => {
    await Promise.all([router, ...nodes].map(server => server.stop()))
    rmSync(directory, { recursive: true })
  }
  return { router, stop }
}

/** Patient: a machine that is busy with something else must not make nodes look dead. */
function clusterOf(nodes: readonly ServerProcess[]): string {
  const list = nodes.map(({ address }) => `  - ${address}\n`).join('')
  const patience = `  timeouts: { request: ${PATIENCE_MS} }\n  health: { timeout: ${PATIENCE_MS} }\n`
  return `nodes:\n${list}router:\n${patience}`
}

async function open(router: ServerProcess, prng: Prng): Promise<StepClient[]> {
  const clients: StepClient[] = []
  for (let i = 0; i < TEXT_CLIENTS; i += 1) {
    const model = new Model(`t${i}`)
    const mine = new Prng(prng.uint32())
    clients.push(await StepClient.open(router, mine, () => textStep(mine, model)))
  }
  for (let i = 0; i < BINARY_CLIENTS; i += 1) {
    const odd = ODD.map(key => `b${i}${key}`)
    const model = new Model(`b${i}`, odd)
    const mine = new Prng(prng.uint32())
    const next = () => binaryStep(mine, model)
    clients.push(await StepClient.open(router, mine, next, withoutCas))
  }
  return clients
}

/** Sends some requests, the last one not whole, or what is none, and resets; how often. */
async function hangUp(router: ServerProcess, prng: Prng, goesOn: () => boolean): Promise<number> {
  const model = new Model('gone')
  const odd = new Model('lost', ODD)
  let count = 0
  while (goesOn()) {
    const socket = connect({ host: router.host, port: router.port })
    socket.on('error', () => {})
    await once(socket, 'connect')
    const isBinary = prng.below(3) === 0
    const next = isBinary ? () => binaryStep(prng, odd) : () => textStep(prng, model)
    const steps = Array.from({ length: 1 + prng.below(40) }, next)
    const bytes = Buffer.from(steps.map(({ send }) => send).join(''), 'latin1')
    socket.write(bytes.subarray(0, 1 + prng.below(bytes.length)))
    if (prng.below(4) === 0) socket.write(noise(prng))
    await sleep(prng.below(HANG_UP_MS))
    if (prng.below(2) === 0) socket.resetAndDestroy()
    else socket.destroy()
    count += 1
  }
  return count
}

function noise(prng: Prng): Buffer {
  return Buffer.from(Array.from({ length: prng.below(300) }, () => prng.below(256)))
}
