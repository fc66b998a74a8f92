// `memring ring` and `memring ring match` as processes: what they print, and their exit codes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Ring } from '../../src/ring/ring.ts'
import { TestConnection } from '../support/connection.ts'
import {
  runMemring,
  type ServerProcess,
  startMemcached,
  startNode,
  startRouter,
} from '../support/processes.ts'

const directory = mkdtempSync(join(tmpdir(), 'memring-ring-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const NODES = 'a:11211,b:11211,c:11211'

describe('memring ring', () => {
  test('prints the shares of a cluster file', async () => {
    const { code, output } = await runMemring(['ring', 'cluster-config/local.yaml'])
    expect(output).toMatch(/^cluster-config\/local.yaml: 3 nodes, ketama, the greatest share is /)
    expect(output).toMatch(/\nnode-2 +127\.0\.0\.1:11312 +1 +33\.71 % +160\n/)
    expect(code).toBe(0)
  })

  test('says where keys live, from flags and from a file', async () => {
    const list = file('keys.txt', 'key1\n\nkey2\n')
    const args = [
      'ring',
      '--nodes',
      NODES,
      '--placement',
      'modulo',
      '--key',
      'key0',
      '--keys',
      list,
    ]
    const { code, output } = await runMemring(args)
    // one_at_a_time(key0) = 1952532230
    expect(output).toMatch(/^key0\tc\tc:11211\nkey1\t[abc]\t[abc]:11211\nkey2\t/)
    expect(code).toBe(0)
  })

  test('compares with a change, as JSON and as a plot', async () => {
    const plot = join(directory, 'ring.svg')
    const change = ['--add', 'x=d:11211', '--remove', 'a', '--plot', plot, '--json']
    const { code, output } = await runMemring(['ring', '--nodes', NODES, ...change])
    const { movement, after } = JSON.parse(output)
    expect(after.nodes.map((node: { label: string }) => node.label)).toEqual(['b', 'c', 'x'])
    expect(movement.keys).toBe(100_000)
    expect(movement.nodes.map((node: { label: string }) => node.label)).toEqual([
      'a',
      'b',
      'c',
      'x',
    ])
    expect(movement.moved).toBeGreaterThan(33_000)
    expect(readFileSync(plot, 'utf8')).toMatch(/^<svg /)
    expect(code).toBe(0)
  })

  test.each([
    [['ring'], 64, 'expected a cluster file, or --nodes'],
    [['ring', '--nodes', 'a:1,a:1'], 64, 'label "a:1" twice'],
    [['ring', '--nodes', 'a:1', '--placement', 'x'], 64, 'expected one of ketama'],
    [['ring', '--nodes', 'a:1,b:1', '--remove', 'c'], 64, 'Cannot remove "c": expected one of a:1'],
    [['ring', '--nodes', 'a:1', '--key', 'k'.repeat(251)], 64, 'expected 1 to 250 bytes'],
    [['ring', 'no-such.yaml'], 1, 'there is no such file'],
    [['ring', '--nodes', 'a:1', '--keys', 'no-such.txt'], 1, 'ENOENT'],
    [['ring', 'match', '--nodes', 'a:1'], 64, 'one node has every key'],
  ])('%j ends with %i', async (args, status, message) => {
    const { code, output } = await runMemring(args)
    expect(output).toContain(message)
    expect(code).toBe(status)
  })
})

describe('memring ring match', () => {
  let servers: ServerProcess[] = []
  beforeAll(async () => {
    servers = await Promise.all([
      startMemcached(),
      startMemcached(),
      startNode(['-t', '1', '-m', '64']),
    ])
  })
  afterAll(async () => {
    await Promise.all(servers.map(server => server.stop()))
  })

  /** Sets each key on the server with that index. */
  async function store(keys: readonly string[], owners: readonly number[]): Promise<void> {
    for (const [index, server] of servers.entries()) {
      const own = keys.filter((_, at) => owners[at] === index)
      const connection = await TestConnection.open(server)
      await connection.send(own.map(key => `set ${key} 0 0 1\r\nx\r\n`).join(''))
      await connection.receive('STORED\r\n'.length * own.length)
      connection.close()
    }
  }

  test('finds the placement of a list of keys', async () => {
    const nodes = ['a', 'b', 'c'].map(label => ({ label: `${label}:11211`, weight: 1 }))
    const ring = Ring.build('dalli', nodes)
    const lines = Array.from({ length: 500 }, (_, i) => {
      const key = Buffer.from(`user:${i}`)
      return `${key.toString()} ${nodes[ring.locate(key, 0, key.length)]!.label}\n`
    })
    const list = file('list.txt', lines.join(''))
    const { code, output } = await runMemring(['ring', 'match', list, '--nodes', NODES])
    expect(output).toMatch(/^500 keys on 3 nodes: placement: dalli\n/)
    expect(output).toMatch(/\n100\.00 % +dalli/)
    expect(code).toBe(0)
    const one = file('one.txt', lines.filter(line => line.endsWith(' a:11211\n')).join(''))
    const oneNode = await runMemring(['ring', 'match', one, '--nodes', NODES])
    expect(oneNode.output).toContain('all keys are on one node')
    expect(oneNode.code).toBe(1)
    const wrong = file('wrong.txt', `${lines.join('')}key elsewhere\n`)
    const refused = await runMemring(['ring', 'match', wrong, '--nodes', NODES])
    expect(refused.output).toContain(
      'wrong.txt:501: found "key elsewhere", expected a key and a node',
    )
    expect(refused.code).toBe(1)
  })

  test('asks running nodes, and says so when nothing explains them', async () => {
    const nodes = servers.map(({ host, port }) => ({ label: `${host}:${port}`, weight: 1 }))
    const ring = Ring.build({ preset: 'twemproxy', hash: 'murmur' }, nodes)
    const keys = Array.from({ length: 600 }, (_, i) => `some/key:${i}`)
    const owners = keys.map(key => ring.locate(Buffer.from(key), 0, key.length))
    await store(keys, owners)
    const list = servers.map(server => server.address).join(',')
    const args = ['ring', 'match', '--nodes', list]
    const { code, output } = await runMemring(args)
    expect(output).toMatch(/^600 keys on 3 nodes: placement: ketama,hash=murmur\n/)
    expect(output).toContain('twemproxy,hash=murmur')
    expect(code).toBe(0)
    const few = await runMemring([...args, '--keys', '10', '--json'])
    const { keys: count, matches } = JSON.parse(few.output)
    expect([count, matches[0].explained]).toEqual([30, 1])

    await store(
      keys,
      keys.map((_, at) => at % 3),
    )
    const lost = await runMemring(args)
    expect(lost.output).toContain('no placement explains these keys')
    expect(lost.code).toBe(1)
  })

  test.each(['pymemcache', 'twemproxy,hash=crc32a,distribution=modula', 'aws-java'])(
    'a router with placement %s puts keys where it says',
    async placement => {
      const addresses = servers.map(server => server.address)
      const router = await startRouter(addresses, ['--placement', placement])
      const connection = await TestConnection.open(router)
      await connection.send('flush_all\r\n')
      await connection.receive('OK\r\n'.length)
      const keys = Array.from({ length: 400 }, (_, i) => `${placement.slice(0, 3)}:${i * 7919}`)
      await connection.send(keys.map(key => `set ${key} 0 0 1\r\nx\r\n`).join(''))
      await connection.receive('STORED\r\n'.length * keys.length)
      connection.close()
      await router.stop()
      const args = ['ring', 'match', '--nodes', addresses.join(','), '--json']
      const { keys: count, matches } = JSON.parse((await runMemring(args)).output)
      expect([count, matches[0].explained]).toEqual([400, 1])
      const found = matches[0].placements.map((match: { placement: string }) => match.placement)
      expect(found).toContain(placement)
    },
  )
})
