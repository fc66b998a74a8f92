// TLS at a node: clients that speak it, listeners with and without it on one store, certificates that
// change while it runs.

import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { connect as plainConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { once } from 'node:events'
import { MemcacheClient } from 'memcache-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificate, Certificates } from '../support/certificates.ts'
import { type ServerProcess, startNode } from '../support/processes.ts'
import { countChecks } from './scripts.ts'

const run = promisify(execFile)
const VALUE = 'v'.repeat(1_000_000)

let certificates: Certificates
let first: Certificate
let second: Certificate
let folder: string
beforeAll(() => {
  certificates = new Certificates()
  first = certificates.issue('first')
  second = certificates.issue('second')
  folder = mkdtempSync(join(tmpdir(), 'memring-tls-e2e-'))
})
afterAll(() => {
  certificates.remove()
  rmSync(folder, { recursive: true, force: true })
})

function install({ cert, key }: Certificate): void {
  copyFileSync(cert, join(folder, 'server.crt'))
  copyFileSync(key, join(folder, 'server.key'))
}

function tlsFlags(more = ''): string[] {
  install(first)
  const files = `ssl_chain_cert=${folder}/server.crt,ssl_key=${folder}/server.key`
  return ['-Z', '-o', `${files},ssl_ca_cert=${certificates.authority.cert}${more}`]
}

function caller(port: number, own?: Certificate): TLSSocket {
  const ca = certificates.read(certificates.authority.cert)
  const pair = own && { cert: certificates.read(own.cert), key: certificates.read(own.key) }
  const socket = connect({ host: '127.0.0.1', port, ca, ...pair })
  socket.on('error', () => {})
  return socket
}

/** What comes back until `last` is seen or the connection is over. */
async function ask(socket: Socket, text: string, last = '\r\n'): Promise<string> {
  let answer = ''
  socket.write(text)
  const done = new Promise<void>(resolve => {
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1')
      if (answer.endsWith(last)) resolve()
    })
    socket.on('close', () => resolve())
  })
  await done
  socket.removeAllListeners('data')
  return answer
}

async function subjectSeen(port: number): Promise<string> {
  const child = run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`])
  child.child.stdin?.end()
  const { stdout } = await child
  return /subject=.*CN = (\S+)/.exec(stdout)?.[1] ?? ''
}

describe.each([
  { name: 'portable threads', flags: ['-t', '2'] },
  { name: 'one thread, --io net', flags: ['-t', '1', '--io', 'net'] },
])('a node with -Z: $name', ({ flags }) => {
  let node: ServerProcess
  beforeAll(async () => {
    node = await startNode([...flags, ...tlsFlags()])
  })
  afterAll(async () => {
    await node.stop()
  })

  test('pymemcache', async () => {
    const args = [node.host, String(node.port), certificates.authority.cert]
    expect(await countChecks('python', 'pymemcache_client', args)).toBeGreaterThan(30)
  })

  test('memcache-client', async () => {
    const ca = certificates.read(certificates.authority.cert)
    const client = new MemcacheClient({ server: node.address, tls: { ca }, cmdTimeout: 5_000 })
    try {
      expect(await client.set('tls', 'one')).toEqual(['STORED'])
      expect((await client.get<string>('tls'))?.value).toBe('one')
    } finally {
      client.shutdown()
    }
  })

  test('values of a megabyte, both ways, in a pipeline', async () => {
    const socket = caller(node.port)
    expect(await ask(socket, `set large 0 0 ${VALUE.length}\r\n${VALUE}\r\n`)).toBe('STORED\r\n')
    const block = `VALUE large 0 ${VALUE.length}\r\n${VALUE}\r\nEND\r\n`
    expect(await ask(socket, 'get large\r\nget large\r\nmn\r\n', 'MN\r\n')).toBe(
      `${block}${block}MN\r\n`,
    )
    socket.destroy()
  })

  test('who speaks plain text is shut out, and others go on', async () => {
    const socket = plainConnect(node.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write('get a\r\nflush_all\r\n')
    await once(socket, 'close')
    const secure = caller(node.port)
    expect(await ask(secure, 'version\r\n')).toMatch(/^VERSION /)
    secure.destroy()
  })

  test('SIGHUP and refresh_certs: openssl sees the new certificate, old connections go on', async () => {
    const kept = caller(node.port)
    expect(await ask(kept, 'mn\r\n')).toBe('MN\r\n')
    expect(await subjectSeen(node.port)).toBe('first')
    install(second)
    node.signal('SIGHUP')
    await expect.poll(() => subjectSeen(node.port), { timeout: 5_000 }).toBe('second')
    expect(await ask(kept, 'mn\r\n')).toBe('MN\r\n')
    kept.destroy()
    copyFileSync(certificates.authority.key, join(folder, 'server.key'))
    node.signal('SIGHUP')
    await expect.poll(() => node.output(), { timeout: 5_000 }).toContain('Certificate not replaced')
    expect(await subjectSeen(node.port)).toBe('second')
    install(first)
    const operator = caller(node.port)
    expect(await ask(operator, 'refresh_certs\r\n')).toBe('OK\r\n')
    operator.destroy()
    await expect.poll(() => subjectSeen(node.port), { timeout: 5_000 }).toBe('first')
  })
})

test('plain, TLS and mutual listeners serve one store', async () => {
  const ports = await freePorts(3)
  const [plain, secure, mutual] = ports as [number, number, number]
  const addresses = [`notls:127.0.0.1:${plain}`, `btls:127.0.0.1:${secure}`]
  const listen = ['-l', [...addresses, `mtls:127.0.0.1:${mutual}`].join(',')]
  const node = await startNode(['-t', '2', ...tlsFlags(), ...listen])
  try {
    const open = plainConnect(plain, '127.0.0.1')
    expect(await ask(open, 'set shared 0 0 1\r\nx\r\n')).toBe('STORED\r\n')
    const reply = 'VALUE shared 0 1\r\nx\r\nEND\r\n'
    const one = caller(secure)
    expect(await ask(one, 'get shared\r\n', 'END\r\n')).toBe(reply)
    const stranger = caller(mutual)
    expect(await ask(stranger, 'get shared\r\n', 'END\r\n')).toBe('')
    const known = caller(mutual, certificates.issue('client'))
    expect(await ask(known, 'get shared\r\n', 'END\r\n')).toBe(reply)
    const settings = await ask(open, 'stats settings\r\n', 'END\r\n')
    expect(settings).toContain('STAT ssl_enabled yes\r\n')
    expect(settings).not.toContain('PRIVATE KEY')
    const general = await ask(open, 'stats\r\n', 'END\r\n')
    expect(general).toMatch(/STAT ssl_handshake_errors 1\r\nSTAT ssl_proto_errors 0\r\n/)
    expect(general).toMatch(/STAT time_since_server_cert_refresh \d\r\n/)
    for (const socket of [open, one, known]) socket.destroy()
  } finally {
    const { code } = await node.stop()
    expect(code).toBe(0)
  }
  expect(node.output()).not.toContain('PRIVATE KEY')
})

async function freePorts(count: number): Promise<number[]> {
  const { createServer } = await import('node:net')
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
