// What is read and refused before a TLS listener opens.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTls, TlsError, type TlsFiles, TlsVerify } from '../../../src/net/tls-material.ts'
import { type Certificate, Certificates } from '../../support/certificates.ts'

let certificates: Certificates
let good: Certificate
beforeAll(() => {
  certificates = new Certificates()
  good = certificates.issue('good')
})
afterAll(() => certificates.remove())

const silent = (): void => {}

function files(changes: Partial<TlsFiles> = {}): TlsFiles {
  return {
    chainCert: good.cert,
    key: good.key,
    caCert: undefined,
    verify: TlsVerify.none,
    minVersion: 'TLSv1.2',
    ciphers: undefined,
    ...changes,
  }
}

test('readTls() gives what the files hold', () => {
  const warnings: string[] = []
  const material = readTls(files({ caCert: certificates.authority.cert }), warning =>
    warnings.push(warning),
  )
  expect(material.cert).toBe(certificates.read(good.cert))
  expect(material.key).toBe(certificates.read(good.key))
  expect(material.ca).toBe(certificates.read(certificates.authority.cert))
  expect(warnings).toEqual([])
})

test('readTls() names the file that cannot be used, and never what is in it', () => {
  const junk = join(certificates.folder, 'junk.pem')
  writeFileSync(junk, 'secret words, no PEM')
  const large = join(certificates.folder, 'large.pem')
  writeFileSync(large, Buffer.alloc(1024 * 1024 + 1, 0x41))
  const missing = join(certificates.folder, 'missing.pem')
  const refusals: readonly (readonly [Partial<TlsFiles>, RegExp])[] = [
    [{ chainCert: missing }, /^Cannot read certificate ".*missing\.pem": ENOENT$/],
    [{ key: missing }, /^Cannot read key ".*missing\.pem": ENOENT$/],
    [{ caCert: missing }, /^Cannot read CA certificate ".*missing\.pem": ENOENT$/],
    [{ chainCert: junk }, /junk\.pem": expected a PEM certificate/],
    [{ key: junk }, /junk\.pem": expected a PEM private key without a passphrase/],
    [{ caCert: junk }, /junk\.pem": expected a PEM certificate/],
    [{ key: certificates.authority.key }, /authority\.key": it is not that of ".*good\.crt"$/],
    [{ chainCert: large }, /large\.pem": expected at most 1048576 bytes$/],
    [{ key: '/dev/zero' }, /^Cannot use key "\/dev\/zero": expected at most 1048576 bytes$/],
    [{ caCert: certificates.folder }, /^Cannot read CA certificate ".*": EISDIR$/],
    [{ ciphers: 'NO-SUCH-CIPHER' }, /^Cannot use ssl_ciphers "NO-SUCH-CIPHER": /],
  ]
  for (const [changes, message] of refusals) {
    const read = (): unknown => readTls(files(changes), silent)
    expect(read).toThrow(TlsError)
    expect(read).toThrow(message)
    expect(read).not.toThrow(/secret|BEGIN/)
  }
})

test('readTls() warns of a certificate that ends within a month', () => {
  const brief = certificates.issue('brief', 3)
  const warnings: string[] = []
  readTls(files({ chainCert: brief.cert, key: brief.key }), warning => warnings.push(warning))
  expect(warnings).toEqual([expect.stringMatching(/brief\.crt" expires on /)])
})
