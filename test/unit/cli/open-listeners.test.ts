import { expect, test } from 'vitest'
import { openListeners } from '../../../src/cli/open-listeners.ts'
import { TlsVerify } from '../../../src/net/tls-material.ts'
import type { Secure } from '../../../src/net/transport.ts'

const ANY = '0.0.0.0'

function tlsWith(verify: TlsVerify) {
  const files = { chainCert: 'c', key: 'k', caCert: 'ca', ciphers: undefined }
  return { ...files, verify, minVersion: 'TLSv1.2' as const }
}

type Case = [host: string, secure: Secure | undefined, verify: TlsVerify, isOpen: boolean]

const cases: Case[] = [
  [ANY, undefined, TlsVerify.none, true],
  ['::', undefined, TlsVerify.require, true],
  ['10.1.2.3', undefined, TlsVerify.require, true],
  ['127.0.0.1', undefined, TlsVerify.none, false],
  ['::1', undefined, TlsVerify.none, false],
  ['/tmp/socket', undefined, TlsVerify.none, false],
  [ANY, 'tls', TlsVerify.none, true],
  [ANY, 'tls', TlsVerify.request, true],
  [ANY, 'tls', TlsVerify.require, false],
  [ANY, 'tls', TlsVerify.once, false],
  [ANY, 'btls', TlsVerify.require, true],
  [ANY, 'mtls', TlsVerify.none, false],
]

test.each(cases)('openListeners() %s %s, verify %s: %s', (host, secure, verify, isOpen) => {
  const listen = [{ host, port: 1, secure }]
  const tls = secure === undefined ? undefined : tlsWith(verify)
  expect(openListeners({ listen, tls, allow: undefined })).toEqual(isOpen ? listen : [])
  expect(openListeners({ listen, tls, allow: ['10.0.0.0/8'] })).toEqual([])
})

test('openListeners() names every open one, and none that is guarded', () => {
  const listen = [
    { host: ANY, port: 1, secure: 'mtls' as const },
    { host: ANY, port: 2 },
    { host: '127.0.0.1', port: 3 },
    { host: ANY, port: 4, secure: 'btls' as const },
  ]
  const tls = tlsWith(TlsVerify.require)
  expect(openListeners({ listen, tls, allow: undefined })).toEqual([listen[1], listen[3]])
})
