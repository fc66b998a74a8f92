// A cluster that loses a node under load: the other shards do not notice, the clients keep their
// connections, and no reply is wrong, lost or out of place.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { Ring } from '../../src/ring/ring.ts'
import { ask, cluster, type RunningUp, startUp, until } from '../e2e/up-process.ts'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { ModelClient, type ModelKey, type NodeHealth } from './model-client.ts'

/** It takes one second or two; other tests run on the same machine meanwhile. */
const BACK_WITHIN_MS = 12_000
const KEYS = 150
const CLIENTS = 4
const names = ['node-1', 'node-2', 'node-3'] as const
const ring = Ring.build(
  'ketama',
  names.map(label => ({ label, weight: 1 })),
)

test('SIGKILL of nodes under load costs their keys, and nothing else', async () => {
  const { up, nodes, clients, running } = await startLoad(Date.now() % 1e6)
  // The second and third death of one node come soon after the one before.
  for (const index of [0, 1, 1, 1, 2]) {
    await sleep(150)
    const node = nodes[index]!
    const repliesBefore = total(clients)
    const killedAt = await kill(up, nodes, index)
    await sleep(100)
    // The others go on while it is away.
    expect(total(clients)).toBeGreaterThan(repliesBefore)
    await until(async () => (await stat(up, index, 'pid')) !== undefined, up.output)
    const backMs = performance.now() - killedAt
    await until(async () => await stores(up, index), up.output)
    node.state = 'well'
    const servedMs = performance.now() - killedAt
    expect.soft(backMs, `${node.name} is back`).toBeLessThan(BACK_WITHIN_MS)
    expect.soft(servedMs, `${node.name} is served`).toBeLessThan(BACK_WITHIN_MS)
    expect(clients.flatMap(client => client.wrong)).toEqual([])
  }
  await running.stop()
  for (const client of clients) {
    await client.storeAll()
    await client.readAll()
    expect(client.wrong).toEqual([])
    expect(client.closed).toBe(false)
    expect(client.counts.refused).toBeGreaterThan(0)
    expect(client.counts.hits).toBeGreaterThan(client.counts.refused)
  }
})

test('a node that was killed comes back empty, the others as they were', async () => {
  const { up, nodes, clients, running } = await startLoad(7)
  await running.stop()
  for (const client of clients) await client.storeAll()
  const before = await Promise.all(names.map((_, index) => itemsOf(up, index)))
  expect(before.reduce((sum, count) => sum + count, 0)).toBe(CLIENTS * KEYS)
  await kill(up, nodes, 1)
  await until(async () => (await stat(up, 1, 'pid')) !== undefined, up.output)
  expect(await itemsOf(up, 1)).toBe(0)
  expect([await itemsOf(up, 0), await itemsOf(up, 2)]).toEqual([before[0], before[2]])
  nodes[1]!.state = 'well'
  await until(async () => await stores(up, 1), up.output)
  for (const client of clients) {
    const own = client.keys.filter(({ node }) => node === nodes[1]).length
    client.counts.misses = 0
    await client.readAll()
    expect(client.counts.misses).toBe(own)
    expect(client.wrong).toEqual([])
  }
})

test('SIGSTOP of a node: its requests time out, the other shards keep answering', async () => {
  const { up, nodes, clients, running } = await startLoad(11)
  await running.stop()
  const [well, ...mixed] = clients
  const others = well!.keys.filter(({ node }) => node !== nodes[2])
  const prng = new Prng(5)
  const apart = await ModelClient.open(up.router, others, prng)
  onTestFinished(() => apart.close())
  // The second time long enough for the router to give the connection up.
  for (const stoppedMs of [1500, 4500]) {
    let goesOn = true
    const runs = [apart, ...mixed].map(client => client.run(() => goesOn))
    await sleep(150)
    const pid = Number(await stat(up, 2, 'pid'))
    apart.slowestMs = 0
    nodes[2]!.state = 'stopped'
    nodes[2]!.wasStopped = true
    process.kill(pid, 'SIGSTOP')
    const before = { replies: apart.replies, refused: refused(mixed) }
    await sleep(stoppedMs)
    process.kill(pid, 'SIGCONT')
    const stoppedFor = { replies: apart.replies, refused: refused(mixed) }
    await until(async () => await stores(up, 2), up.output)
    nodes[2]!.state = 'well'
    goesOn = false
    await Promise.all(runs)
    expect(stoppedFor.replies - before.replies).toBeGreaterThan(1000)
    // Nobody waits for the timeout, 1 s, who wants nothing of that node.
    expect(apart.slowestMs).toBeLessThan(950)
    // They are told within the timeout of 1 s, again and again.
    expect(stoppedFor.refused - before.refused).toBeGreaterThan(0)
    for (const client of [apart, ...mixed]) {
      expect(client.wrong).toEqual([])
      expect(client.closed).toBe(false)
      expect(client.slowestMs).toBeLessThan(5000)
    }
  }
  expect(up.output()).not.toMatch(/Died/)
})

function refused(clients: readonly ModelClient[]): number {
  return clients.reduce((sum, client) => sum + client.counts.refused, 0)
}

function total(clients: readonly ModelClient[]): number {
  return clients.reduce((sum, client) => sum + client.replies, 0)
}

type Load = {
  up: RunningUp
  nodes: NodeHealth[]
  clients: ModelClient[]
  running: { stop(): Promise<void> }
}

async function startLoad(seed: number): Promise<Load> {
  console.log(`cluster faults: seed ${seed}`)
  const up = await startUp(cluster(names.length))
  const nodes = names.map((name): NodeHealth => {
    return { name, state: 'well', life: 0, wasStopped: false }
  })
  const clients: ModelClient[] = []
  for (let at = 0; at < CLIENTS; at += 1) {
    const keys = Array.from({ length: KEYS }, (_, key) => modelKey(`c${at}-k${key}`, nodes))
    clients.push(await ModelClient.open(up.router, keys, new Prng(seed + at)))
  }
  let goesOn = true
  const runs = clients.map(client => client.run(() => goesOn))
  const stop = async (): Promise<void> => {
    goesOn = false
    await Promise.all(runs)
  }
  onTestFinished(async () => {
    await stop()
    for (const client of clients) client.close()
  })
  return { up, nodes, clients, running: { stop } }
}

function modelKey(name: string, nodes: readonly NodeHealth[]): ModelKey {
  const bytes = Buffer.from(name)
  const node = nodes[ring.locate(bytes, 0, bytes.length)]!
  return { name, node, value: undefined, life: 0, version: 0 }
}

async function itemsOf(up: RunningUp, index: number): Promise<number> {
  return Number(await stat(up, index, 'curr_items'))
}

/** A key of the test's own that lives on a node. */
function keyOn(index: number): string {
  for (let at = 0; ; at += 1) {
    const key = Buffer.from(`probe${at}`)
    if (ring.locate(key, 0, key.length) === index) return key.toString()
  }
}

/** Returns when it was. */
async function kill(up: RunningUp, nodes: readonly NodeHealth[], index: number): Promise<number> {
  const pid = Number(await stat(up, index, 'pid'))
  nodes[index]!.state = 'killed'
  nodes[index]!.life += 1
  process.kill(pid, 'SIGKILL')
  return performance.now()
}

/** What a node says of itself; undefined while it cannot be reached. */
async function stat(up: RunningUp, index: number, name: string): Promise<string | undefined> {
  let connection: TestConnection | undefined
  try {
    connection = await TestConnection.open(up.nodes[index]!)
    return (await readStats(connection)).get(name)
  } catch {
    // Nobody listens there at the moment.
    return undefined
  } finally {
    connection?.close()
  }
}

/** Whether the router stores what belongs to a node. */
async function stores(up: RunningUp, index: number): Promise<boolean> {
  return (await ask(up.router, `set ${keyOn(index)} 0 0 1\r\nx`)) === 'STORED'
}
