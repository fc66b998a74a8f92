// Handshakes: who comes in, who does not, and that each of them is heard of exactly once.

import { createServer, connect as plainConnect, type Server, Socket } from 'node:net'
import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { loadKernel } from '../../../src/net/kernel.ts'
import { TlsDoor } from '../../../src/net/tls-door.ts'
import { readTls, type TlsMaterial, TlsVerify } from '../../../src/net/tls-material.ts'
import { type Certificate, Certificates } from '../../support/certificates.ts'

let certificates: Certificates
let first: Certificate
let second: Certificate
beforeAll(() => {
  certificates = new Certificates()
  first = certificates.issue('first')
  second = certificates.issue('second')
})
afterAll(() => certificates.remove())

function material(pair: Certificate, verify: TlsVerify): TlsMaterial {
  const caCert = certificates.authority.cert
  const rules = { caCert, verify, minVersion: 'TLSv1.2', ciphers: undefined } as const
  return readTls({ chainCert: pair.cert, key: pair.key, ...rules }, () => {})
}

let server: Server | undefined
afterEach(() => server?.close())

async function open(verify: TlsVerify, handshakeMs?: number) {
  const seen = { secured: 0, failed: 0, counted: 0, started: 0 }
  const counters = {
    handshakeFailed: (): void => {
      seen.counted += 1
    },
    sessionStarted: (): void => {
      seen.started += 1
    },
    protocolFailed: (): void => {},
  }
  const door = new TlsDoor(material(first, verify), counters, handshakeMs)
  server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    door.secure(socket, {
      secured: secured => {
        seen.secured += 1
        secured.on('error', () => {})
        secured.pipe(secured)
      },
      failed: () => {
        seen.failed += 1
      },
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { door, port, seen }
}

/** The certificate's name when the server answers, undefined when it does not. */
async function visit(port: number, options: ConnectionOptions = {}): Promise<string | undefined> {
  const ca = certificates.read(certificates.authority.cert)
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, ...options })
  const answer = once(socket, 'data').then(() => {
    const { CN } = socket.getPeerCertificate().subject
    return typeof CN === 'string' ? CN : undefined
  })
  const gone = once(socket, 'close').then(() => undefined)
  socket.on('error', () => {})
  socket.on('secureConnect', () => socket.write('hello'))
  const name = await Promise.race([answer.catch(() => undefined), gone.catch(() => undefined)])
  socket.destroy()
  return name
}

function own(pair: Certificate): ConnectionOptions {
  return { cert: certificates.read(pair.cert), key: certificates.read(pair.key) }
}

test('TLS 1.2 and 1.3 come in, older versions do not', async () => {
  const { port, seen } = await open(TlsVerify.none)
  expect(await visit(port, { minVersion: 'TLSv1.3' })).toBe('first')
  expect(await visit(port, { maxVersion: 'TLSv1.2' })).toBe('first')
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const
  expect(await visit(port, old)).toBeUndefined()
  await expect.poll(() => seen).toEqual({ secured: 2, failed: 1, counted: 1, started: 2 })
})

test('a client certificate: none, request, require', async () => {
  const client = certificates.issue('client')
  const stranger = certificates.selfSigned('stranger')
  const expected = {
    [TlsVerify.none]: ['first', 'first', 'first'],
    [TlsVerify.request]: ['first', undefined, 'first'],
    [TlsVerify.require]: [undefined, undefined, 'first'],
    [TlsVerify.once]: [undefined, undefined, 'first'],
  }
  for (const [verify, names] of Object.entries(expected)) {
    const { port, seen } = await open(Number(verify) as TlsVerify)
    const visits = [await visit(port), await visit(port, own(stranger))]
    expect([...visits, await visit(port, own(client))]).toEqual(names)
    await expect.poll(() => seen.secured + seen.failed).toBe(3)
    server?.close()
  }
})

test('who does not speak TLS, says nothing, or leaves is closed and counted', async () => {
  const { port, seen } = await open(TlsVerify.none, 200)
  for (const text of ['get a\r\n', '', '\x16\x03\x01']) {
    const socket = plainConnect(port, '127.0.0.1')
    socket.on('error', () => {})
    if (text !== '') socket.write(text)
    socket.resume()
    await once(socket, 'close')
  }
  const socket = plainConnect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
  await expect.poll(() => seen).toEqual({ secured: 0, failed: 4, counted: 4, started: 0 })
})

test('replace() shows new connections the new certificate and leaves the old ones alone', async () => {
  const { door, port } = await open(TlsVerify.none)
  const ca = certificates.read(certificates.authority.cert)
  const kept = connect({ host: '127.0.0.1', port, ca })
  await once(kept, 'secureConnect')
  door.replace(material(second, TlsVerify.none))
  expect(await visit(port)).toBe('second')
  kept.write('still here')
  expect(String((await once(kept, 'data'))[0])).toBe('still here')
  kept.destroy()
})

test('close() ends handshakes under way', async () => {
  const { door, port, seen } = await open(TlsVerify.none)
  const socket = plainConnect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  await new Promise(resolve => setTimeout(resolve, 50))
  door.close()
  socket.resume()
  await once(socket, 'close')
  await expect.poll(() => seen.failed).toBe(1)
})

test('peers that reset before anybody looks have no address, and are each counted out', async () => {
  const { door, seen } = await open(TlsVerify.none)
  const kernel = loadKernel()!
  const listener = kernel.listen('127.0.0.1', 0, 5)
  const peers = [1, 2, 3].map(() => plainConnect(kernel.portOf(listener), '127.0.0.1'))
  await Promise.all(peers.map(peer => once(peer, 'connect')))
  const accepted = peers.map(() => kernel.accept(listener))
  for (const peer of peers) peer.resetAndDestroy()
  await new Promise(resolve => setTimeout(resolve, 50))
  const handshakes = { secured: 0, failed: 0 }
  for (const fd of accepted) {
    door.secure(new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }), {
      secured: () => {
        handshakes.secured += 1
      },
      failed: () => {
        handshakes.failed += 1
      },
    })
  }
  kernel.close(listener)
  await expect.poll(() => handshakes).toEqual({ secured: 0, failed: 3 })
  expect(seen.counted).toBe(3)
})
