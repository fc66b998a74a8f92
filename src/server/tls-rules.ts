/** What TLS listeners are told (memcached's `-o ssl_…`), before any file is read. */
export type TlsRules = {
  /** PEM file: the certificate, then those that signed it. */
  chainCert: string | undefined
  /** PEM file: the private key, without a passphrase. */
  key: string | undefined
  /** 1 is PEM, the only form taken. */
  keyFormat: number
  /** PEM file: who signs client certificates. */
  caCert: string | undefined
  /** 0 none, 1 request, 2 require, 3 once. */
  verifyMode: number
  /** 2 is TLS 1.2, 3 is TLS 1.3. */
  minVersion: number
  ciphers: string | undefined
  /** For `stats settings`: node:tls has its own buffers. */
  wbufBytes: number
  sessionCache: boolean
}

export const tlsDefaults: TlsRules = {
  chainCert: undefined,
  key: undefined,
  keyFormat: 1,
  caCert: undefined,
  verifyMode: 0,
  minVersion: 2,
  ciphers: undefined,
  wbufBytes: 16 * 1024,
  sessionCache: false,
}
