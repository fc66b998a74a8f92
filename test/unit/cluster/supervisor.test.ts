import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BackOff } from '../../../src/cluster/back-off.ts'
import { clusterConfig, greeting, nodeConfig, runs, superviseFixtures, until } from './children.ts'

const THREE = clusterConfig(['a', 'b', 'c'].map(name => nodeConfig(name)))

test('BackOff starts at once, doubles from 100 ms to 10 s, and forgets after 30 s up', () => {
  const backOff = new BackOff()
  const delays = Array.from({ length: 10 }, () => backOff.delayMs(0))
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  expect(backOff.delayMs(29_999)).toBe(10_000)
  expect([backOff.delayMs(30_000), backOff.delayMs(10), backOff.delayMs(0)]).toEqual([0, 100, 200])
})

test('nodes are started with memcached’s flags, the router last and told where they are', async () => {
  const node = nodeConfig('b', {
    host: '::1',
    label: 'ring-b',
    port: 11400,
    weight: 5,
    memoryMb: 128,
    threads: 2,
    maxItemSizeBytes: 4096,
    connectionLimit: 9,
  })
  const { supervisor, starts } = superviseFixtures(clusterConfig([nodeConfig('a'), node]))
  expect(await supervisor.start()).toBe(true)
  const [a] = starts('a')
  const flags = '-l 127.0.0.1 -m 64 -t 1 -I 1048576 -c 1024 --supervised'
  expect(a?.argv.join(' ')).toBe(`node -p -1 ${flags}`)
  expect(starts('b')[0]?.argv.join(' ')).toBe(
    'node -p 11400 -l ::1 -m 128 -t 2 -I 4096 -c 9 --supervised',
  )
  expect(a?.configure).toEqual({ type: 'configure', name: 'a', users: [] })
  const port = supervisor.nodes[0]?.listening[0]?.port
  expect(starts().at(-1)).toMatchObject({
    argv: ['router', '--config', '/etc/cluster.yaml', '--supervised'],
    configure: {
      type: 'configure',
      name: 'router',
      users: [],
      listen: [{ host: '127.0.0.1', port: 0 }],
      nodes: [
        { name: 'a', label: 'a', host: '127.0.0.1', port, weight: 1 },
        { name: 'b', label: 'ring-b', host: '::1', port: 11400, weight: 5 },
      ],
    },
  })
  expect(await greeting(supervisor.router.listening[0])).toBe('router')
})

test('with users, nodes ask for a login that only the supervisor’s children know', async () => {
  const users = [{ name: 'bob', password: 'hunter2' }]
  const config = clusterConfig([nodeConfig('a'), nodeConfig('b')], users)
  const first = superviseFixtures(config)
  await first.supervisor.start()
  const [router] = first.starts('router')
  expect(router?.configure.users).toEqual(users)
  const { nodeUser } = router?.configure ?? {}
  expect(nodeUser).toEqual({ name: 'router', password: expect.stringMatching(/^[\w-]{43}$/) })
  for (const name of ['a', 'b']) expect(first.starts(name)[0]?.configure.users).toEqual([nodeUser])
  const argv = first.starts().flatMap(start => start.argv)
  for (const secret of ['hunter2', nodeUser?.password]) expect(argv).not.toContain(secret)
  const second = superviseFixtures(config)
  await second.supervisor.start()
  expect(second.starts('router')[0]?.configure.nodeUser?.password).not.toBe(nodeUser?.password)
})

test('a killed node is back at once, on the port it had, and the log says so', async () => {
  const { supervisor, starts, lines } = superviseFixtures(THREE)
  await supervisor.start()
  const [endpoint] = supervisor.nodes
  const before = endpoint?.listening[0]
  const killedAt = performance.now()
  process.kill(starts('a')[0]?.pid ?? 0, 'SIGKILL')
  await until(() => starts('a').length === 2, 'a second start')
  await until(async () => (await greeting(before)) === 'a', 'the node to serve again')
  expect(performance.now() - killedAt).toBeLessThan(10_000)
  expect(starts('a')[1]?.argv.slice(1, 3)).toEqual(['-p', String(before?.port)])
  expect(starts()).toHaveLength(5)
  expect(lines).toContainEqual({
    level: 'warn',
    message: 'Died, starting again',
    fields: expect.objectContaining({ child: 'a', reason: 'SIGKILL', restartInMs: 0 }),
  })
})

test('a killed router is back on its port with the same nodes', async () => {
  const { supervisor, starts } = superviseFixtures(THREE)
  await supervisor.start()
  const [before] = supervisor.router.listening
  process.kill(starts('router')[0]?.pid ?? 0, 'SIGKILL')
  await until(() => starts('router').length === 2, 'a second start')
  await until(async () => (await greeting(before)) === 'router', 'the router to serve again')
  const [first, second] = starts('router')
  expect(first?.configure).toMatchObject({ nodesAreEmpty: true, stateDir: expect.any(String) })
  // What the first one wrote down about the nodes is still there, and so are they.
  const changed = { listen: [before], nodesAreEmpty: false }
  expect(second?.configure).toEqual({ ...first?.configure, ...changed })
})

test('a child that keeps dying is tried again later and later', async () => {
  const { supervisor, starts, lines } = superviseFixtures(THREE, {
    b: ['ok', 'exit', 'exit', 'exit', 'ok'],
  })
  await supervisor.start()
  process.kill(starts('b')[0]?.pid ?? 0, 'SIGKILL')
  await until(() => starts('b').length === 5, 'a fifth start')
  const deaths = lines.filter(line => line.message === 'Died, starting again')
  expect(deaths.map(({ fields }) => [fields['reason'], fields['restartInMs']])).toEqual([
    ['SIGKILL', 0],
    ['code 3', 100],
    ['code 3', 200],
    ['code 3', 400],
  ])
  await until(async () => (await greeting(supervisor.nodes[1]?.listening[0])) === 'b', 'b to serve')
})

test.each([
  ['a node', 'b'],
  ['the router', 'router'],
])('%s that dies before it ever served fails the start, and all is stopped', async (_, name) => {
  const { supervisor, starts } = superviseFixtures(THREE, { [name]: ['exit'] })
  await expect(supervisor.start()).rejects.toThrow(`Cannot start ${name}: it ended with code 3`)
  expect(starts(name)).toHaveLength(1)
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})

test('a command that cannot be run fails the start', async () => {
  const { supervisor } = superviseFixtures(THREE, {}, { command: '/no/such/node' })
  await expect(supervisor.start()).rejects.toThrow(
    /^Cannot start (a|b|c|router): it ended with spawn \/no\/such\/node ENOENT$/,
  )
})

test('a child that never says that it serves is killed and fails the start', async () => {
  const { supervisor, starts } = superviseFixtures(
    THREE,
    { c: ['silent'] },
    {
      startTimeoutMs: 1500,
    },
  )
  await expect(supervisor.start()).rejects.toThrow('Cannot start c: it ended with SIGKILL')
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})

test('a message that is not in the protocol is logged and changes nothing', async () => {
  const { supervisor, lines } = superviseFixtures(THREE, { a: ['unknown-message'] })
  expect(await supervisor.start()).toBe(true)
  expect(lines.filter(({ level }) => level === 'warn')).toEqual([
    { level: 'warn', message: 'Sent an unknown message, ignored', fields: { child: 'a' } },
  ])
})

test('stop() ends the router first, then the nodes, and nothing starts again', async () => {
  const { supervisor, starts, endings } = superviseFixtures(THREE)
  await supervisor.start()
  await Promise.all([supervisor.stop(), supervisor.stop()])
  expect(endings()).toHaveLength(4)
  expect(endings()[0]).toBe('router')
  await sleep(200)
  expect(starts()).toHaveLength(4)
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})

test('stop() while a node waits to be started again leaves it dead', async () => {
  const { supervisor, starts, lines } = superviseFixtures(THREE, { a: ['ok', 'exit', 'exit'] })
  await supervisor.start()
  process.kill(starts('a')[0]?.pid ?? 0, 'SIGKILL')
  await until(() => lines.some(({ fields }) => fields['restartInMs'] === 200), 'a wait of 200 ms')
  await supervisor.stop()
  const count = starts('a').length
  await sleep(400)
  expect(starts('a')).toHaveLength(count)
})

test('stop() during the start ends it quietly', async () => {
  const { supervisor, starts } = superviseFixtures(THREE, { router: ['silent'] })
  const started = supervisor.start()
  await until(() => starts('router').length === 1, 'the router to be started')
  await supervisor.stop()
  expect(await started).toBe(false)
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})

test('what does not end when asked is killed after 5 s', async () => {
  const { supervisor, starts } = superviseFixtures(THREE, { b: ['ignore-term'] })
  await supervisor.start()
  const from = performance.now()
  await supervisor.stop()
  const tookMs = performance.now() - from
  expect(tookMs).toBeGreaterThan(4900)
  expect(tookMs).toBeLessThan(15_000)
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})

test('kill() during stop() ends everything at once', async () => {
  const { supervisor, starts } = superviseFixtures(THREE, { router: ['ignore-term'] })
  await supervisor.start()
  const from = performance.now()
  const stopped = supervisor.stop()
  supervisor.kill()
  await stopped
  expect(performance.now() - from).toBeLessThan(4500)
  expect(starts().filter(({ pid }) => runs(pid))).toEqual([])
})
