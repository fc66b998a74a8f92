// Discovery against a real name server, dnsmasq, whose records change while it runs.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Resolver } from 'node:dns/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AddressNodes, SrvNodes } from '../../src/cluster/discovery/dns-nodes.ts'
import { type ServerProcess, startMemcached, startNode } from '../support/processes.ts'

let folder: string
let server: string
let dns: ChildProcess
let port: number

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port: found } = socket.address()
  socket.close()
  return found
}

/** @param records lines of dnsmasq's configuration */
async function serve(records: readonly string[]): Promise<void> {
  const file = join(folder, 'dnsmasq.conf')
  const alone = ['no-resolv', 'no-hosts', 'no-daemon', 'bind-interfaces', 'local=/test/']
  const lines = [`port=${port}`, 'listen-address=127.0.0.1', ...alone, ...records]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn('dnsmasq', ['-C', file, '-u', 'root'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => (said += piece.toString()))
  child.on('error', () => (said = 'Debian package dnsmasq-base is needed'))
  dns = child
  const resolver = new Resolver({ timeout: 200, tries: 1 })
  resolver.setServers([server])
  await expect
    .poll(() => resolver.resolve4('alive.test').catch(() => said), { timeout: 10_000 })
    .toEqual(['127.0.0.9'])
}

async function stop(): Promise<void> {
  if (dns.exitCode !== null) return
  dns.kill()
  await once(dns, 'exit')
}

const ALIVE = 'address=/alive.test/127.0.0.9'
const options = () => ({ server, timeoutMs: 1000 })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'memring-dns-'))
  port = await freeUdpPort()
  server = `127.0.0.1:${port}`
})
afterAll(async () => {
  await stop()
  rmSync(folder, { recursive: true, force: true })
})

function srv(target: string): string {
  return `srv-host=_memcached._tcp.cache.test,${target}.cache.test,11300`
}

test('SRV: the target is the label, whatever its address', async () => {
  await serve([
    ALIVE,
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
  await stop()
  await serve([ALIVE, srv('a'), 'address=/a.cache.test/10.0.0.7'])
  expect(await source.find()).toEqual([
    { label: 'a.cache.test:11300', host: '10.0.0.7', port: 11300 },
  ])
  await stop()
  await serve([ALIVE])
  await expect(source.find()).rejects.toThrow(
    /SRV _memcached._tcp.cache.test: .*(ENOTFOUND|ENODATA)/,
  )
  await stop()
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
    await serve([ALIVE, 'host-record=cache.test,127.0.0.1', 'host-record=cache.test,127.0.0.2'])
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
    await stop()
  })

  test('a node that comes back under another address keeps its label', async () => {
    const moved = await startNode(['-l', '127.0.0.3', '--node-name', 'blue'])
    nodes.push(moved)
    await serve([ALIVE, 'host-record=cache.test,127.0.0.3'])
    const source = new AddressNodes('cache.test', moved.port, {
      ...options(),
      onNameless: () => {},
    })
    expect(await source.find()).toEqual([{ label: 'blue', host: '127.0.0.3', port: moved.port }])
    await stop()
  })

  test('one that cannot be asked spoils the answer, not the nodes known before', async () => {
    await serve([ALIVE, 'host-record=cache.test,127.0.0.4'])
    const source = new AddressNodes('cache.test', 1, { ...options(), onNameless: () => {} })
    await expect(source.find()).rejects.toThrow('127.0.0.4:1 cannot be asked')
    await stop()
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
