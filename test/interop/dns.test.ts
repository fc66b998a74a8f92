// Discovery against a real name server, dnsmasq, whose records change while it runs.

import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AddressNodes, SrvNodes } from '../../src/cluster/discovery/dns-nodes.ts'
import { NameServer } from '../support/name-server.ts'
import { type ServerProcess, startMemcached, startNode } from '../support/processes.ts'

let dns: NameServer

const options = () => ({ server: dns.address, timeoutMs: 1000 })

beforeAll(async () => {
  dns = await NameServer.create()
})
afterAll(() => dns.remove())

function srv(target: string): string {
  return `srv-host=_memcached._tcp.cache.test,${target}.cache.test,11300`
}

test('SRV: the target is the label, whatever its address', async () => {
  await dns.serve([
    srv('b'),
    srv('a'),
    'address=/a.cache.test/10.0.0.1',
    'address=/b.cache.test/10.0.0.2',
  ])
  const source = new SrvNodes('_memcached._tcp.cache.test', options())
  expect(await source.find()).toEqual([
    { label: 'a.cache.test:11300', host: '10.0.0.1', port: 11300 },
    { label: 'b.cache.test:11300', host: '10.0.0.2', port: 11300 },
  ])
  await dns.stop()
  await dns.serve([srv('a'), 'address=/a.cache.test/10.0.0.7'])
  expect(await source.find()).toEqual([
    { label: 'a.cache.test:11300', host: '10.0.0.7', port: 11300 },
  ])
  await dns.stop()
  await dns.serve([])
  await expect(source.find()).rejects.toThrow(
    /SRV _memcached._tcp.cache.test: .*(ENOTFOUND|ENODATA)/,
  )
  await dns.stop()
})

describe('addresses', () => {
  const nodes: ServerProcess[] = []
  afterAll(async () => {
    await Promise.all(nodes.map(node => node.stop()))
  })

  test('a node is asked for its name; memcached stands by its address, said once', async () => {
    const own = await startNode(['-l', '127.0.0.1', '--node-name', 'blue'])
    nodes.push(own)
    nodes.push(await startMemcached(['-l', '127.0.0.2', '-p', String(own.port)]))
    await dns.serve(['host-record=cache.test,127.0.0.1', 'host-record=cache.test,127.0.0.2'])
    const nameless: string[] = []
    const source = new AddressNodes('cache.test', own.port, {
      ...options(),
      onNameless: address => nameless.push(address),
    })
    const expected = [
      { label: `127.0.0.2:${own.port}`, host: '127.0.0.2', port: own.port },
      { label: 'blue', host: '127.0.0.1', port: own.port },
    ]
    expect(await source.find()).toEqual(expected)
    expect(await source.find()).toEqual(expected)
    expect(nameless).toEqual(['127.0.0.2'])
    await dns.stop()
  })

  test('a node that comes back under another address keeps its label', async () => {
    const moved = await startNode(['-l', '127.0.0.3', '--node-name', 'blue'])
    nodes.push(moved)
    await dns.serve(['host-record=cache.test,127.0.0.3'])
    const source = new AddressNodes('cache.test', moved.port, {
      ...options(),
      onNameless: () => {},
    })
    expect(await source.find()).toEqual([{ label: 'blue', host: '127.0.0.3', port: moved.port }])
    await dns.stop()
  })

  test('one that cannot be asked spoils the answer, not the nodes known before', async () => {
    await dns.serve(['host-record=cache.test,127.0.0.4'])
    const source = new AddressNodes('cache.test', 1, { ...options(), onNameless: () => {} })
    await expect(source.find()).rejects.toThrow('127.0.0.4:1 cannot be asked')
    await dns.stop()
  })
})

test('a name server that says nothing is not waited for', async () => {
  const mute = createSocket('udp4').bind(0, '127.0.0.1')
  await once(mute, 'listening')
  const silent = { server: `127.0.0.1:${mute.address().port}`, timeoutMs: 100 }
  const started = performance.now()
  await expect(new SrvNodes('x.test', silent).find()).rejects.toThrow(/ETIMEOUT/)
  expect(performance.now() - started).toBeLessThan(5000)
  mute.close()
})
