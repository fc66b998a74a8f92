// TLS at a router's door and towards its nodes: memring's and memcached's.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect as connectPlain, createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificate, Certificates } from '../support/certificates.ts'
import {
  runMemring,
  type ServerProcess,
  startMemcached,
  startNode,
  startRouter,
} from '../support/processes.ts'
import { countChecks } from './scripts.ts'

const VALUE = 'v'.repeat(300_000)

const CONFIG = 'cluster-config/local.yaml'

let certificates: Certificates
let first: Certificate
let second: Certificate
let folder: string
const processes: ServerProcess[] = []
beforeAll(() => {
  certificates = new Certificates()
  first = certificates.issue('first')
  second = certificates.issue('second')
  folder = mkdtempSync(join(tmpdir(), 'memring-router-tls-'))
})
afterAll(async () => {
  await Promise.all(processes.map(server => server.stop()))
  certificates.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function kept(started: Promise<ServerProcess>): Promise<ServerProcess> {
  const server = await started
  processes.push(server)
  return server
}

function nodeFlags(): string[] {
  return ['-Z', '-o', `ssl_chain_cert=${first.cert},ssl_key=${first.key}`]
}

function doorFlags({ cert, key }: Certificate): string[] {
  copyFileSync(cert, join(folder, 'router.crt'))
  copyFileSync(key, join(folder, 'router.key'))
  const ca = ['--tls-ca', certificates.authority.cert]
  return ['--tls-cert', join(folder, 'router.crt'), '--tls-key', join(folder, 'router.key'), ...ca]
}

function caller(port: number, own?: Certificate): TLSSocket {
  const ca = certificates.read(certificates.authority.cert)
  const pair = own && { cert: certificates.read(own.cert), key: certificates.read(own.key) }
  const socket = connect({ host: '127.0.0.1', port, ca, ...pair })
  socket.on('error', () => {})
  return socket
}

/** What comes back until `last` is seen or the connection is over. */
async function ask(socket: TLSSocket, text: string, last = '\r\n'): Promise<string> {
  let answer = ''
  socket.write(text)
  await new Promise<void>(resolve => {
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1')
      if (answer.endsWith(last)) resolve()
    })
    socket.on('close', () => resolve())
  })
  socket.removeAllListeners('data')
  return answer
}

async function subjectSeen(port: number): Promise<string> {
  const socket = caller(port)
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

describe('at the door', () => {
  let router: ServerProcess
  beforeAll(async () => {
    const nodes = await Promise.all([kept(startNode()), kept(startNode())])
    const flags = [...doorFlags(first), '-l', '127.0.0.1', '-t', '2']
    router = await kept(
      startRouter(
        nodes.map(({ address }) => address),
        flags,
      ),
    )
  })

  test('pymemcache works through it', async () => {
    const args = [router.host, String(router.port), certificates.authority.cert]
    expect(await countChecks('python', 'pymemcache_client', args)).toBeGreaterThan(30)
  })

  test('large values, multi-gets and what is pipelined', async () => {
    const socket = caller(router.port)
    const sets = ['a', 'b', 'c'].map(key => `set ${key} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`)
    expect(await ask(socket, sets.join(''), 'STORED\r\n'.repeat(3))).toBe('STORED\r\n'.repeat(3))
    const blocks = ['a', 'b', 'c'].map(key => `VALUE ${key} 0 ${VALUE.length}\r\n${VALUE}\r\n`)
    expect(await ask(socket, 'get a b c\r\n', 'END\r\n')).toBe(`${blocks.join('')}END\r\n`)
    socket.destroy()
  })

  test('SIGHUP: new connections see the new certificate, old ones go on', async () => {
    const old = caller(router.port)
    expect(await ask(old, 'mn\r\n')).toBe('MN\r\n')
    expect(await subjectSeen(router.port)).toBe('first')
    doorFlags(second)
    router.signal('SIGHUP')
    await expect.poll(() => subjectSeen(router.port), { timeout: 5_000 }).toBe('second')
    expect(await ask(old, 'mn\r\n')).toBe('MN\r\n')
    old.destroy()
  })
})

test('a plain and a mutual listener on one router; mtls: may be open to others', async () => {
  const node = await kept(startNode())
  const port = await freePort()
  const listen = ['-l', 'notls:127.0.0.1', '-l', `mtls:0.0.0.0:${port}`]
  const router = await kept(startRouter([node.address], [...doorFlags(first), ...listen]))
  expect(router.port).not.toBe(port)
  const stranger = caller(port)
  expect(await ask(stranger, 'mn\r\n')).toBe('')
  const known = caller(port, second)
  expect(await ask(known, 'set a 0 0 1\r\nx\r\n')).toBe('STORED\r\n')
  known.destroy()
  const plain = connectPlain(router.port, router.host)
  plain.write('get a\r\n')
  const [answer] = (await once(plain, 'data')) as [Buffer]
  expect(answer.toString()).toBe('VALUE a 0 1\r\nx\r\nEND\r\n')
  plain.destroy()
})

/** Free when asked. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

describe('towards nodes', () => {
  test.each([
    ['memring', startNode],
    ['memcached', startMemcached],
  ] as const)('%s with -Z', async (_, start) => {
    const nodes = await Promise.all([kept(start(nodeFlags())), kept(start(nodeFlags()))])
    const flags = ['--node-ca', certificates.authority.cert]
    const addresses = nodes.map(({ address }) => address)
    const router = await kept(startRouter(addresses, [...doorFlags(first), ...flags]))
    await expect.poll(() => router.output(), { timeout: 5_000 }).toContain('TLS towards nodes')
    const socket = caller(router.port)
    const set = `set k 0 0 ${VALUE.length}\r\n${VALUE}\r\n`
    expect(await ask(socket, set)).toBe('STORED\r\n')
    const block = `VALUE k 0 ${VALUE.length}\r\n${VALUE}\r\nEND\r\n`
    expect(await ask(socket, 'get k\r\n', 'END\r\n')).toBe(block)
    socket.destroy()
  })

  test('a node whose certificate nobody vouches for is down, and nothing was sent to it', async () => {
    const node = await kept(startNode(nodeFlags()))
    const router = await kept(startRouter([node.address], ['--node-tls', ...doorFlags(first)]))
    const socket = caller(router.port)
    expect(await ask(socket, 'set a 0 0 1\r\nx\r\n')).toMatch(/^SERVER_ERROR .* is down\r\n$/)
    await expect.poll(() => router.output(), { timeout: 5_000 }).toMatch(/certificate/i)
    socket.destroy()
  })

  test('a node without TLS is down', async () => {
    const node = await kept(startNode())
    const flags = ['--node-ca', certificates.authority.cert]
    const router = await kept(startRouter([node.address], [...flags, ...doorFlags(first)]))
    const socket = caller(router.port)
    expect(await ask(socket, 'set a 0 0 1\r\nx\r\n')).toMatch(/^SERVER_ERROR .* is down\r\n$/)
    socket.destroy()
  })
})

test.each([
  [
    ['--config', CONFIG, '--tls-cert', 'x', '--tls-key', 'y'],
    `Cannot use --tls-cert: expected router.tls in ${CONFIG}`,
  ],
  [['--tls-cert', 'x.crt'], 'Cannot listen with TLS: expected both --tls-cert FILE and --tls-key'],
  [['--tls-verify', 'require'], 'Cannot use --tls-ca or --tls-verify: expected --tls-cert FILE'],
  [
    ['--node-cert', 'x'],
    'Cannot speak TLS to nodes: expected both --node-cert FILE and --node-key',
  ],
  [['--node-ca', '/nowhere'], 'Cannot read "/nowhere"'],
  [['--tls-cert', '/nowhere', '--tls-key', '/nowhere'], 'Cannot read certificate "/nowhere"'],
  [['-l', 'mtls:127.0.0.1'], 'Cannot listen on "mtls:127.0.0.1": expected --tls-cert FILE'],
])('%j is refused before anything starts', async (flags, message) => {
  const ended = await runMemring(['router', '--nodes', '127.0.0.1:1', '-p', '-1', ...flags])
  expect(ended.output).toContain(message)
  expect(ended.code).toBe(64)
})
