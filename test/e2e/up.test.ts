// `memring up` with real nodes and a real router: it serves, repairs what dies, and leaves nothing
// behind however it ends.

import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import {
  ask,
  childrenOf,
  childrenRunning,
  cluster,
  launchUp,
  type RunningUp,
  runs,
  startUp,
  until,
} from './up-process.ts'

/** A second or two where nothing else runs; there may be twenty others for each processor here. */
const SOON_MS = 12_000
/** What ends only because it is killed takes 5 s. */
const BEFORE_KILLED_MS = 4500

test('a cluster serves, through the router, on all its nodes', async () => {
  const up = await startUp(cluster(3))
  expect(up.startMs).toBeLessThan(SOON_MS)
  expect(up.nodes).toHaveLength(3)
  const connection = await TestConnection.open(up.router)
  for (let at = 0; at < 60; at += 1) {
    await connection.send(`set key${at} 0 0 2\r\nv${at % 10}\r\n`)
    expect(String(await connection.receiveUntil('\r\n'))).toBe('STORED\r\n')
  }
  connection.close()
  for (const node of up.nodes) expect(await itemsOf(node)).toBeGreaterThan(0)
})

test('a killed node is back soon, on its port, empty; the others keep their keys', async () => {
  const up = await startUp(cluster(3))
  const client = await TestConnection.open(up.router)
  for (let at = 0; at < 60; at += 1) await client.send(`set key${at} 0 0 1 noreply\r\nx\r\n`)
  const found = await hits(client)
  expect(found).toBe(60)
  const [node, ...others] = up.nodes
  if (node === undefined) throw new Error('no node')
  const lost = await itemsOf(node)
  const kept = await Promise.all(others.map(itemsOf))
  process.kill(childrenRunning(up.pid, 'node')[0] ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  await until(async () => (await ask(node, 'version'))?.startsWith('VERSION') === true, up.output)
  expect(performance.now() - killedAt).toBeLessThan(SOON_MS)
  expect(await itemsOf(node)).toBe(0)
  expect(await Promise.all(others.map(itemsOf))).toEqual(kept)
  // The client's connection to the router has seen none of it.
  await until(async () => (await hits(client)) === 60 - lost, up.output)
  await until(async () => (await stores(client)) === 60, up.output)
  client.close()
})

test('every child serves by the transport of the file, before that of the environment', async () => {
  const yaml = cluster(2)
    .replace('defaults: { threads: 1', 'defaults: { threads: 1, io: epoll')
    .replace('node-2, ', 'node-2, io: net, ')
    .replace('router: { ', 'router: { io: net, ')
  const up = await startUp(yaml, { env: { MEMRING_IO: 'uring' } })
  const lines = (): string[] =>
    up
      .output()
      .split('\n')
      .filter(line => line.includes('"Serving"') && line.endsWith('}'))
  // Who serves has said so to "up" before its line has come through.
  await until(async () => lines().length === 3, up.output)
  const serving = lines().map(line => JSON.parse(line) as { name: string; io: string })
  const found = serving.map(({ name, io }) => `${name}: ${io}`)
  expect(found.toSorted()).toEqual(['node-1: epoll', 'node-2: net', 'router: net'])
})

test('a killed router is back on its port soon', async () => {
  const up = await startUp(cluster(2))
  const [router] = childrenRunning(up.pid, 'router')
  process.kill(router ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  const version = async (): Promise<boolean> => (await ask(up.router, 'version')) !== undefined
  await until(async () => !(await version()) || performance.now() - killedAt > 500, up.output)
  await until(version, up.output)
  expect(performance.now() - killedAt).toBeLessThan(SOON_MS)
  expect(childrenRunning(up.pid, 'router')).toHaveLength(1)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends everything with exit code 0', async signal => {
  const up = await startUp(cluster(3))
  const children = childrenOf(up.pid)
  expect(children).toHaveLength(4)
  const idle = await TestConnection.open(up.router)
  const from = performance.now()
  process.kill(up.pid, signal)
  expect(await up.exited).toEqual({ code: 0, signal: null })
  expect(performance.now() - from).toBeLessThan(BEFORE_KILLED_MS)
  expect([up.pid, ...children].filter(runs)).toEqual([])
  idle.close()
})

test('a second signal does not wait for a child that hangs', async () => {
  const up = await startUp(cluster(2))
  const children = childrenOf(up.pid)
  for (const child of children) process.kill(child, 'SIGSTOP')
  process.kill(up.pid, 'SIGTERM')
  await sleep(200)
  const from = performance.now()
  process.kill(up.pid, 'SIGINT')
  expect(await up.exited).toEqual({ code: 130, signal: null })
  expect(performance.now() - from).toBeLessThan(BEFORE_KILLED_MS)
  expect(children.filter(runs)).toEqual([])
})

test('SIGKILL of the supervisor leaves no child behind', async () => {
  const up = await startUp(cluster(3))
  const children = childrenOf(up.pid)
  expect(children).toHaveLength(4)
  process.kill(up.pid, 'SIGKILL')
  await up.exited
  const from = performance.now()
  await until(() => !children.some(runs), up.output)
  expect(performance.now() - from).toBeLessThan(SOON_MS)
})

test('SIGKILL of the supervisor at any moment of the start leaves no child behind', async () => {
  for (const afterMs of [0, 100, 250, 400]) {
    const up = launchUp(cluster(2))
    const seen = new Set<number>()
    await until(() => childrenOf(up.pid).length > 0, up.output)
    await sleep(afterMs)
    for (const child of childrenOf(up.pid)) seen.add(child)
    process.kill(up.pid, 'SIGKILL')
    await up.exited
    await until(() => ![...seen].some(runs), up.output)
  }
})

test('a router port in use names the port and the flag, and leaves nothing', async () => {
  const port = await takenPort()
  const up = launchUp(cluster(2), { flags: ['-p', String(port)] })
  expect(await up.exited).toEqual({ code: 1, signal: null })
  expect(up.output()).toMatch(new RegExp(`Cannot listen on 127.0.0.1:${port}\\b.*in use`))
  expect(up.output()).toContain(`127.0.0.1:${port} (another port: -p PORT)`)
  expect(childrenOf(up.pid)).toEqual([])
})

test('a node port in use names the port and the line to change', async () => {
  const port = await takenPort()
  const up = launchUp(cluster(2).replace('127.0.0.1:0', `127.0.0.1:${port}`))
  expect(await up.exited).toEqual({ code: 1, signal: null })
  const where = `127.0.0.1:${port} (another port: nodes[0].address in ${up.file})`
  expect(up.output()).toContain(`Cannot start node-1: it ended with code`)
  expect(up.output()).toContain(where)
})

test('-p replaces the router’s port, and the port file says which', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'memring-port-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const portFile = join(directory, 'port')
  const yaml = cluster(1).replace(/listen: "127.0.0.1:0"/, 'listen: "127.0.0.1:1"')
  const env = { MEMCACHED_PORT_FILENAME: portFile }
  const up = await startUp(yaml, { flags: ['-p', '-1'], env })
  await until(() => existsSync(portFile), up.output)
  expect(readFileSync(portFile, 'utf8')).toBe(`TCP INET: ${up.router.port}\n`)
  expect(await ask(up.router, 'version')).toMatch(/^VERSION /)
  const node = up.nodes[0]?.port
  const fixed = cluster(1).replace('127.0.0.1:0', `127.0.0.1:${node}`)
  const clash = launchUp(fixed, { flags: ['-p', String(node)] })
  expect(await clash.exited).toMatchObject({ code: 1 })
  const text = `Cannot listen on 127.0.0.1:${node}: node node-1 has it, expected another -p`
  expect(clash.output()).toContain(text)
})

test.each([
  ['nodes: []', /cluster\.yaml:1:8: nodes: found 0 nodes/],
  ['nodes: [ "0.0.0.0:11311" ]', /Cannot start node 0\.0\.0\.0:11311 .*: open to everyone/],
])('what must not be started is said in one line: %s', async (yaml, message) => {
  const up = launchUp(yaml)
  expect(await up.exited).toEqual({ code: 1, signal: null })
  expect(up.output()).toMatch(message)
  expect(up.output()).not.toMatch(/^\s+at /m)
})

test('with users, the router lets them in and the nodes only the router', async () => {
  const users = 'users: [ { name: bob, password_file: bob.password } ]'
  const files = { 'bob.password': 'hunter2\n' }
  const up = await startUp(cluster(2, users), { files })
  for (const address of [up.router, ...up.nodes]) {
    expect(await ask(address, 'get a')).toMatch(/^CLIENT_ERROR/)
  }
  const client = await TestConnection.open(up.router)
  await client.send('set login 0 0 11\r\nbob hunter2\r\n')
  expect(String(await client.receiveUntil('\r\n'))).toBe('STORED\r\n')
  expect(await stores(client)).toBe(60)
  expect(await hits(client)).toBe(60)
  client.close()
  expect(up.output()).not.toContain('hunter2')
})

function user(name: string): string {
  return `  - { name: ${name}, password_file: ${name}.password }\n`
}

async function login(up: RunningUp, token: string): Promise<TestConnection> {
  const client = await TestConnection.open(up.router)
  expect(await client.ask(`set login 0 0 ${token.length}\r\n${token}`)).toMatch(/^STORED/)
  return client
}

test('SIGHUP: users of the file are exchanged while it runs, a bad file changes nothing', async () => {
  const files = { 'ann.password': 'first', 'bob.password': 'second', 'eve.password': 'third' }
  const yaml = cluster(2, `users:\n${user('ann')}${user('bob')}`)
  const up = await startUp(yaml, { files })
  const ann = await login(up, 'ann first')
  const bob = await login(up, 'bob second')
  const pids = childrenOf(up.pid)

  // A password file is not watched: nothing but the signal has it read.
  const password = join(dirname(up.file), 'bob.password')
  writeFileSync(password, 'altered')
  process.kill(up.pid, 'SIGHUP')
  await until(() => bob.ended, up.output)
  ;(await login(up, 'bob altered')).close()
  expect(await ann.ask('get a')).toBe('END')

  const bad = yaml.replace('bob.password', 'nobody.password')
  writeFileSync(up.file, bad)
  process.kill(up.pid, 'SIGHUP')
  const refusals = () => up.output().split('Not read again, everything stays').length - 1
  await until(() => refusals() > 0 && up.output().includes('users[1].password_file'), up.output)
  ;(await login(up, 'bob altered')).close()

  writeFileSync(up.file, cluster(2))
  process.kill(up.pid, 'SIGHUP')
  await until(() => up.output().includes('Cannot change to no users any more'), up.output)
  expect(await ask(up.router, 'get a')).toMatch(/^CLIENT_ERROR/)

  writeFileSync(up.file, cluster(2, `users:\n${user('ann')}${user('eve')}`))
  process.kill(up.pid, 'SIGHUP')
  await until(async () => {
    const client = await TestConnection.open(up.router)
    const answer = await client.ask('set login 0 0 9\r\neve third')
    client.close()
    return answer.startsWith('STORED')
  }, up.output)
  const gone = await TestConnection.open(up.router)
  expect(await gone.ask('set login 0 0 11\r\nbob altered')).toMatch(/^CLIENT_ERROR/)
  gone.close()
  // Who is in both is not disturbed, and nothing was started again.
  expect(await ann.ask('get a')).toBe('END')
  ann.close()
  expect(childrenOf(up.pid)).toEqual(pids)
  expect(up.output()).not.toMatch(/second|altered|third/)
})

async function itemsOf(node: RunningUp['router']): Promise<number> {
  const connection = await TestConnection.open(node)
  await connection.send('stats\r\n')
  const stats = String(await connection.receiveUntil('END\r\n'))
  connection.close()
  return Number(/STAT curr_items (\d+)/.exec(stats)?.[1])
}

/** How many of the 60 keys are found. */
async function hits(client: TestConnection): Promise<number> {
  const keys = Array.from({ length: 60 }, (_, at) => `key${at}`)
  await client.send(`get ${keys.join(' ')}\r\n`)
  const answer = String(await client.receiveUntil('END\r\n'))
  return answer.split('VALUE ').length - 1
}

/** How many of the 60 keys can be stored. */
async function stores(client: TestConnection): Promise<number> {
  for (let at = 0; at < 60; at += 1) await client.send(`set key${at} 0 0 1\r\nx\r\n`)
  const answer = String(await client.receiveLines(60))
  return answer.split('STORED').length - 1
}

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}
