/** The `ssl_…` names of `-o`, refused with memcached's words (memcached.c, "SSL_CERT" and on). */
import type { TlsFiles, TlsVerify } from '../net/tls-material.ts'
import type { Secure } from '../net/transport.ts'
import type { TlsRules } from '../server/tls-rules.ts'
import { EX_USAGE, FlagError } from './flags.ts'

const EX_BAD_OPTION = 1
const KIB = 1024
const VERIFY_MODE_MAX = 3
const MIN_VERSION_MAX = 3
/** TLS 1.0 and 1.1 are broken, and switched off in OpenSSL's own defaults. */
const MIN_VERSION_SUPPORTED = 2
const PEM = 1
const WBUF_KB_MAX = 1024 * 1024

type ApplyTls = (rules: TlsRules, value: string | undefined) => void
type TextField = 'chainCert' | 'key' | 'caCert' | 'ciphers'

export const tlsOptions: Readonly<Record<string, ApplyTls>> = {
  ssl_chain_cert: text('chainCert', 'ssl_chain_cert'),
  ssl_key: text('key', 'ssl_key'),
  ssl_ca_cert: text('caCert', 'ssl_ca_cert'),
  ssl_ciphers: text('ciphers', 'ssl_ciphers'),
  ssl_verify_mode: (rules, value) => {
    rules.verifyMode = choice('ssl_verify_mode', value, VERIFY_MODE_MAX)
  },
  ssl_min_version: (rules, value) => {
    rules.minVersion = choice('ssl_min_version', value, MIN_VERSION_MAX)
    if (rules.minVersion >= MIN_VERSION_SUPPORTED) return
    refuse(`Invalid ssl_min_version. Expected 2 (TLS 1.2) or 3 (TLS 1.3), not ${value}.`)
  },
  ssl_keyformat: (rules, value) => {
    rules.keyFormat = whole('ssl_keyformat', value)
    if (rules.keyFormat !== PEM) refuse(`Cannot use ssl_keyformat ${value}: expected 1 (PEM)`)
  },
  ssl_wbuf_size: (rules, value) => {
    const kilobytes = whole('ssl_wbuf_size', value)
    if (kilobytes > WBUF_KB_MAX) refuse('could not parse argument to ssl_wbuf_size')
    rules.wbufBytes = kilobytes * KIB
  },
  ssl_session_cache: rules => {
    rules.sessionCache = true
  },
  // Encryption by the kernel is not something a peer can see.
  ssl_kernel_tls: () => {},
}

function refuse(message: string): never {
  throw new FlagError(message, EX_BAD_OPTION)
}

function text(field: TextField, name: string): ApplyTls {
  return (rules, value) => {
    if (value === undefined || value === '') refuse(`Missing ${name} argument`)
    rules[field] = value
  }
}

function whole(name: string, value: string | undefined): number {
  if (value === undefined || value === '') refuse(`Missing ${name} argument`)
  if (!/^\d{1,9}$/.test(value)) refuse(`could not parse argument to ${name}`)
  return Number(value)
}

function choice(name: string, value: string | undefined, max: number): number {
  const chosen = whole(name, value)
  if (chosen > max) refuse(`Invalid ${name}. Use help to see valid options.`)
  return chosen
}

/** @throws FlagError when what `-Z` cannot do without is missing. */
export function tlsFilesOf(rules: TlsRules): TlsFiles {
  const { chainCert, key, caCert, verifyMode, minVersion, ciphers } = rules
  if (chainCert === undefined || key === undefined) {
    throw new FlagError('Cannot use -Z: expected -o ssl_chain_cert=FILE,ssl_key=FILE', EX_USAGE)
  }
  return {
    chainCert,
    key,
    caCert,
    // `choice` let only these through.
    verify: verifyMode as TlsVerify,
    minVersion: minVersion === MIN_VERSION_SUPPORTED ? 'TLSv1.2' : 'TLSv1.3',
    ciphers,
  }
}

const prefixes: Readonly<Record<string, Secure | undefined>> = {
  notls: undefined,
  btls: 'btls',
  mtls: 'mtls',
}

/** Takes a prefix such as `notls:` off an address of `-l`. Without `-Z` there is no TLS at all. */
export function secureAddress(
  text: string,
  enabled: boolean,
): { text: string; secure: Secure | undefined } {
  const prefix = /^(notls|btls|mtls):/.exec(text)?.[1]
  if (prefix === undefined) return { text, secure: enabled ? 'tls' : undefined }
  const rest = text.slice(prefix.length + 1)
  const secure = prefixes[prefix]
  if (secure !== undefined && !enabled) {
    throw new FlagError(`Cannot listen on "${text}": expected -Z with its certificate`, EX_USAGE)
  }
  return { text: rest, secure }
}
