import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type DriverOptions, LoadDriver } from '../../../src/load/driver.ts'
import type { LoadResult } from '../../../src/load/tally.ts'
import { Certificates } from '../../support/certificates.ts'
import { TestConnection } from '../../support/connection.ts'
import { type ServerProcess, startMemcached } from '../../support/processes.ts'
import { FakeServer, type Script } from './fake-server.ts'

const cleanups: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

type Options = Omit<DriverOptions, 'host' | 'port'>

async function openDriver(port: number, options: Options = {}): Promise<LoadDriver> {
  const driver = await LoadDriver.open({ host: '127.0.0.1', port, ...options })
  cleanups.push(() => driver.close())
  return driver
}

async function fakeServer(script?: Script): Promise<FakeServer> {
  const fake = await FakeServer.start(script)
  cleanups.push(() => fake.stop())
  return fake
}

/** One connection, a few keys, impatient: what the faults are shown with. */
const small: Options = { connections: 1, requestTimeoutMs: 250, workload: { keyCount: 4 } }

async function runAgainst(script: Script, options: Options, requests: number): Promise<LoadResult> {
  const fake = await fakeServer(script)
  const driver = await openDriver(fake.port, { ...small, ...options })
  return driver.run({ requests })
}

const noTrouble = { misses: 0, errors: 0, lost: 0, connectionsLost: 0, complaints: [] }

describe('LoadDriver against memcached', () => {
  let memcached: ServerProcess
  beforeAll(async () => {
    memcached = await startMemcached(['-m', '64', '-I', '2m'])
    return async () => {
      await memcached.stop()
    }
  })

  test.each([
    { connections: 1, depth: 1, keyPattern: 'sequential', valueSize: 100 },
    { connections: 7, depth: 1, keyPattern: 'uniform', valueSize: 0 },
    { connections: 5, depth: 16, keyPattern: 'zipf', valueSize: 1 },
    { connections: 3, depth: 64, keyPattern: 'uniform', valueSize: 4_000 },
    { connections: 2, depth: 4, keyPattern: 'uniform', valueSize: 1_000_000 },
  ] as const)('$connections × $depth, $keyPattern, $valueSize bytes: all hits', async options => {
    const { connections, depth, keyPattern, valueSize } = options
    const keyCount = valueSize > 100_000 ? 5 : 400
    const workload = { keyCount, keyPattern, valueSize, keyPrefix: `${valueSize}-` }
    const driver = await openDriver(memcached.port, { connections, depth, workload })
    const preload = await driver.preload()
    expect(preload).toMatchObject({ stored: keyCount, hits: 0, ...noTrouble })

    const requests = valueSize > 100_000 ? 110 : 2_200
    const result = await driver.run({ requests })
    expect(result).toMatchObject(noTrouble)
    expect(result.hits + result.stored).toBe(requests)
    expect(result.total.count).toBe(requests)
    // Each connection is at most one cycle of 11 away from the exact ratio.
    expect(Math.abs(result.stored - requests / 11)).toBeLessThanOrEqual(connections)
    const getBytes = `get ${valueSize}-00000000\r\n`.length
    const setBytes = `set ${valueSize}-00000000 0 0 ${valueSize}\r\n\r\n`.length + valueSize
    expect(result.bytesSent).toBe(result.hits * getBytes + result.stored * setBytes)
    expect(result.bytesReceived).toBeGreaterThan(result.hits * valueSize)
    expect(result.total.latency.maxUs).toBeGreaterThan(0)
  })

  test('several keys a get: all hits, each key asked for', async () => {
    const workload = { keyCount: 50, keysPerGet: 10, keyPrefix: 'ten-' }
    const driver = await openDriver(memcached.port, { connections: 3, depth: 4, workload })
    await driver.preload()
    const observer = await TestConnection.open(memcached)
    cleanups.push(() => observer.close())
    await observer.ask('stats reset')
    const result = await driver.run({ requests: 1_100 })
    expect(result).toMatchObject(noTrouble)
    expect(result.total.count).toBe(1_100)
    await observer.send('stats\r\n')
    const stats = (await observer.receiveUntil('END\r\n')).toString()
    expect(stats).toContain(`STAT get_hits ${result.hits * 10}\r\n`)
  })

  test('a rate is kept to, however deep the pipeline', async () => {
    const driver = await openDriver(memcached.port, { connections: 5, depth: 64 })
    await driver.preload()
    const result = await driver.run({ seconds: 0.5, rate: 2_000 })
    expect(result).toMatchObject(noTrouble)
    // Due from the first moment on, every half millisecond; the last few may come too late.
    expect(result.total.count).toBeLessThanOrEqual(1_000)
    expect(result.total.count).toBeGreaterThan(800)
  })

  test('over TLS it is the same', async () => {
    const certificates = new Certificates()
    const { cert, key } = certificates.authority
    cleanups.push(() => certificates.remove())
    const flags = ['-Z', '-o', `ssl_chain_cert=${cert},ssl_key=${key}`]
    const encrypted = await startMemcached(flags)
    cleanups.push(() => encrypted.stop())
    const workload = { keyCount: 100 }
    const driver = await openDriver(encrypted.port, { connections: 3, tls: true, workload })
    expect((await driver.preload()).stored).toBe(100)
    const result = await driver.run({ requests: 500 })
    expect(result).toMatchObject({ ...noTrouble, hits: result.gets.count })
  })

  test('the server has counted exactly the requests that the driver reports', async () => {
    const observer = await TestConnection.open(memcached)
    cleanups.push(() => observer.close())
    const driver = await openDriver(memcached.port, { connections: 4, depth: 8 })
    await driver.preload()
    await observer.ask('stats reset')
    const result = await driver.run({ seconds: 0.3 })
    await observer.send('stats\r\n')
    const stats = (await observer.receiveUntil('END\r\n')).toString()
    const counted = (name: string): number =>
      Number(new RegExp(`STAT ${name} (\\d+)`).exec(stats)?.[1])
    expect([counted('cmd_get'), counted('get_hits'), counted('cmd_set')]).toEqual([
      result.hits,
      result.hits,
      result.stored,
    ])
    expect(result.hits).toBeGreaterThan(100)
    expect(result.seconds).toBeGreaterThanOrEqual(0.3)
    expect(result.seconds).toBeLessThan(5)
  })

  test('keys that are not there are counted as misses, not as errors', async () => {
    const workload = { setRatio: 0, keyPrefix: 'absent-' }
    const driver = await openDriver(memcached.port, { connections: 2, depth: 4, workload })
    const result = await driver.run({ requests: 500 })
    expect(result).toMatchObject({ ...noTrouble, hits: 0, misses: 500 })
  })

  test('values of another writer are noticed', async () => {
    const observer = await TestConnection.open(memcached)
    cleanups.push(() => observer.close())
    const driver = await openDriver(memcached.port, {
      connections: 1,
      workload: { keyCount: 2, setRatio: 0, keyPattern: 'sequential', keyPrefix: 'mine-' },
    })
    await driver.preload()
    expect(await observer.ask(`set mine-00000001 0 0 100\r\n${'x'.repeat(100)}`)).toBe('STORED')
    const result = await driver.run({ requests: 10 })
    expect(result).toMatchObject({ hits: 5, errors: 5, lost: 0 })
    expect(result.complaints).toEqual([
      { kind: 'value with other bytes', count: 5, example: expect.stringContaining('mine-0') },
    ])
  })

  test("a value that the server refuses is an error with the server's words", async () => {
    const driver = await openDriver(memcached.port, {
      connections: 1,
      workload: { valueSize: 3_000_000, keyCount: 2 },
    })
    const preload = await driver.preload()
    expect(preload).toMatchObject({ stored: 0, errors: 2, lost: 0, connectionsLost: 0 })
    const [complaint] = preload.complaints
    expect(complaint?.kind).toBe('SERVER_ERROR object too large for cache')
  })
})

describe('LoadDriver against a server that answers wrongly', () => {
  test('the fake server is right where no script says otherwise', async () => {
    const fake = await fakeServer()
    const driver = await openDriver(fake.port, { connections: 3, depth: 5 })
    expect(await driver.preload()).toMatchObject({ stored: 10_000, ...noTrouble })
    const result = await driver.run({ requests: 1_000 })
    expect(result).toMatchObject(noTrouble)
    expect(result.total.count).toBe(1_000)
    expect(fake.requestCount).toBe(11_000)
  })

  test('an error line is counted and the connection goes on', async () => {
    const result = await runAgainst(
      ({ index, rightReply }) =>
        index % 10 === 3 ? 'SERVER_ERROR out of memory storing object\r\n' : rightReply,
      { depth: 4 },
      100,
    )
    expect(result).toMatchObject({ errors: 10, lost: 0, connectionsLost: 0 })
    expect(result.complaints).toHaveLength(1)
    expect(result.complaints[0]?.kind).toBe('SERVER_ERROR out of memory storing object')
    expect(result.total.count).toBe(100)
  })

  test('two replies in the wrong order are noticed', async () => {
    const workload = { keyCount: 100, setRatio: 0, keyPattern: 'sequential' } as const
    let held = ''
    const fake = await fakeServer(({ verb, index, rightReply }) => {
      if (verb === 'set' || index % 10 !== 0) {
        const both = rightReply + held
        held = ''
        return both
      }
      held = rightReply
      return ''
    })
    const driver = await openDriver(fake.port, { ...small, depth: 4, workload })
    const preload = await driver.preload()
    expect(preload.stored).toBe(100)
    const result = await driver.run({ requests: 100 })
    expect(result.errors).toBe(20)
    expect(result.complaints[0]).toMatchObject({ kind: 'value of another key', count: 20 })
  })

  test('replies out of step cost the connection, and the run goes on with another', async () => {
    const result = await runAgainst(
      ({ index, rightReply }) => (index === 5 ? 'HELLO\r\n' : rightReply),
      { depth: 2 },
      50,
    )
    expect(result.connectionsLost).toBe(1)
    expect(result.lost).toBeGreaterThanOrEqual(1)
    expect(result.total.count + result.lost).toBe(50)
    expect(result.complaints.map(({ kind }) => kind)).toEqual([
      'unexpected reply',
      'connection given up',
    ])
    expect(result.complaints[0]?.example).toContain('"HELLO" after')
  })

  test('one reply too many is noticed', async () => {
    const result = await runAgainst(
      ({ index, rightReply }) => (index === 7 ? rightReply + rightReply : rightReply),
      {},
      50,
    )
    expect(result.connectionsLost).toBe(1)
    expect(result.complaints.length).toBeGreaterThan(0)
  })

  test('a missing reply is lost after the time allowed, and the run ends', async () => {
    const result = await runAgainst(
      ({ index, rightReply }) => (index === 9 ? '' : rightReply),
      {},
      50,
    )
    expect(result).toMatchObject({ lost: 1, connectionsLost: 1 })
    expect(result.total.count).toBe(49)
    expect(result.complaints).toEqual([
      { kind: 'no reply in time', count: 1, example: 'expected one within 250 ms' },
    ])
  })

  test('a server that answers nothing ends the run in time, all requests lost', async () => {
    const fake = await fakeServer(() => '')
    const driver = await openDriver(fake.port, { ...small, depth: 3 })
    const startedAtMs = performance.now()
    const result = await driver.run({ seconds: 0.1 })
    expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    expect(result).toMatchObject({ lost: 3, connectionsLost: 1, hits: 0, stored: 0 })
    expect(result.total.count).toBe(0)
    expect(result.seconds).toBeCloseTo(0.1, 6)
  })

  test('with a rate, latency counts from when a request was due', async () => {
    const delayMs = 200
    const fake = await fakeServer(({ index, rightReply }) => {
      // Everything waits behind the first answer, and there is one place in the pipeline.
      const until = performance.now() + (index === 0 ? delayMs : 0)
      while (performance.now() < until);
      return rightReply
    })
    const options = { connections: 1, depth: 1, workload: { keyCount: 4, getRatio: 0 } }
    const driver = await openDriver(fake.port, options)
    const result = await driver.run({ seconds: 0.5, rate: 100 })
    expect(result).toMatchObject(noTrouble)
    expect(result.total.count).toBeGreaterThan(20)
    // The twenty that came due meanwhile waited 200, 190, 180 … ms: half of them 100 and more.
    expect(result.total.latency.maxUs).toBeGreaterThan(delayMs * 900)
    expect(result.total.latency.meanUs).toBeGreaterThan(20_000)
  })

  test('a rate that nobody can keep ends in time', async () => {
    const fake = await fakeServer(() => '')
    const driver = await openDriver(fake.port, { ...small, depth: 3 })
    const result = await driver.run({ seconds: 0.1, rate: 1_000_000 })
    expect(result).toMatchObject({ lost: 3, hits: 0, stored: 0 })
    for (const rate of [0, 0.5, 10_000_001, 1e12]) {
      expect(() => driver.run({ seconds: 1, rate })).toThrow(`Cannot use rate ${rate}: expected`)
    }
  })

  test('a connection that the server closes is made again, its requests are lost', async () => {
    const fake = await fakeServer(({ index, rightReply }) => (index === 20 ? null : rightReply))
    const driver = await openDriver(fake.port, { ...small, depth: 4 })
    const result = await driver.run({ requests: 100 })
    expect(result.connectionsLost).toBe(1)
    expect(result.lost).toBeGreaterThanOrEqual(1)
    expect(result.lost).toBeLessThanOrEqual(4)
    expect(result.total.count + result.lost).toBe(100)
    expect(fake.connectionCount).toBe(2)
    const [complaint] = result.complaints
    expect(complaint?.kind).toBe('connection broke')
  })

  test('a server that stops for good ends a preload instead of hanging it', async () => {
    const fake = await FakeServer.start(({ rightReply, index }) => {
      if (index === 10) setImmediate(() => void fake.stop())
      return rightReply
    })
    const driver = await openDriver(fake.port, { ...small, workload: { keyCount: 1_000_000 } })
    const startedAtMs = performance.now()
    const result = await driver.preload()
    expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    expect(result.connectionsLost).toBeGreaterThanOrEqual(2)
    expect(result.stored).toBeLessThan(1_000_000)
    const examples = result.complaints.map(({ example }) => example).join()
    expect(examples).toContain('ECONNREFUSED')
  })

  test('what happened between two runs is reported by the second', async () => {
    const fake = await fakeServer()
    const driver = await openDriver(fake.port, { ...small, connections: 2 })
    expect(await driver.run({ requests: 20 })).toMatchObject({ lost: 0, connectionsLost: 0 })
    fake.sendToAll('STORED\r\n')
    await sleep(50)
    const result = await driver.run({ requests: 20 })
    expect(result).toMatchObject({ connectionsLost: 2, lost: 0 })
    expect(result.total.count).toBe(20)
    expect(result.complaints).toEqual([
      {
        kind: 'connection was lost while idle',
        count: 2,
        example: expect.stringContaining('reply without a request: "STORED" after no request'),
      },
    ])
    fake.dropConnections()
    await sleep(50)
    expect(await driver.run({ requests: 20 })).toMatchObject({ connectionsLost: 2, lost: 0 })
  })
})

describe('LoadDriver options', () => {
  test('a greeting comes before everything, on every connection, and its answer is no reply', async () => {
    const greeting = { send: 'set hello 0 0 2\r\nhi\r\n', answer: 'STORED\r\n' }
    const seen: string[] = []
    const fake = await fakeServer(({ key, rightReply }) => {
      seen.push(key)
      return rightReply
    })
    const driver = await openDriver(fake.port, { ...small, connections: 3, greeting })
    expect(seen).toEqual(['hello', 'hello', 'hello'])
    expect(await driver.run({ requests: 30 })).toMatchObject({ errors: 0, lost: 0 })
    expect(fake.requestCount).toBe(33)
  })

  test('a greeting that is answered otherwise is an error that says how', async () => {
    const greeting = { send: 'set hello 0 0 2\r\nhi\r\n', answer: 'STORED\r\n' }
    const fake = await fakeServer(() => 'CLIENT_ERROR authentication failure\r\n')
    await expect(openDriver(fake.port, { ...small, greeting })).rejects.toThrow(
      'Cannot begin: answered "CLIENT_ERROR authentication failure',
    )
  })

  test('a run takes turns with itself: a second one at the same time is refused', async () => {
    const fake = await fakeServer()
    const driver = await openDriver(fake.port, small)
    const first = driver.run({ requests: 100 })
    await expect(driver.run({ requests: 1 })).rejects.toThrow('another one is under way')
    expect((await first).total.count).toBe(100)
    expect((await driver.run({ requests: 1 })).total.count).toBe(1)
  })

  test('closing ends a run that is under way', async () => {
    const fake = await fakeServer(() => '')
    const driver = await openDriver(fake.port, small)
    const run = driver.run({ seconds: 60 })
    await sleep(20)
    driver.close()
    expect((await run).total.count).toBe(0)
  })

  test('a port where nobody listens is an error that says so', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await new Promise(resolve => server.close(resolve))
    await expect(openDriver(port, { connections: 3 })).rejects.toThrow(
      `connect ECONNREFUSED 127.0.0.1:${port}`,
    )
  })

  test.each([
    ['port', [0, 65_536, 1e9]],
    ['connections', [0, 10_001, 1e9, 1.5]],
    ['depth', [0, 1_025, 1e9, Number.NaN]],
    ['requestTimeoutMs', [0, 600_001, 1e12]],
  ] as const)('%s out of range is refused', async (name, values) => {
    for (const value of values) {
      const options = { host: '127.0.0.1', port: 1, [name]: value }
      await expect(LoadDriver.open(options)).rejects.toThrow(
        `Cannot use ${name} ${value}: expected`,
      )
    }
  })

  test('more pipelined bytes than 1 GiB are refused, just as much is taken', async () => {
    const fake = await fakeServer()
    // With 30 bytes of line and line ends, a set is exactly 2^24 bytes on the wire.
    const workload = { keyPrefix: 'k', valueSize: 2 ** 24 - 30, keyCount: 1 }
    const open = (depth: number): Promise<LoadDriver> =>
      openDriver(fake.port, { connections: 1, depth, workload })
    await expect(open(65)).rejects.toThrow(/Cannot hold the requests: 1 connections of depth 65/)
    await expect(open(1_024)).rejects.toThrow('expected 1073741824 at most')
    await expect(open(64)).resolves.toBeInstanceOf(LoadDriver)
  })

  test.each([0, -1, Number.NaN, 604_801, 1e12])('a run of %d seconds is refused', async seconds => {
    const fake = await fakeServer()
    const driver = await openDriver(fake.port, small)
    expect(() => driver.run({ seconds })).toThrow(`Cannot run for ${seconds} seconds: expected`)
    expect(() => driver.run({ requests: seconds === 604_801 ? 0.5 : seconds - 1e13 })).toThrow(
      'Cannot use requests',
    )
  })
})
