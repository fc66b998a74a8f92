/** The router's TLS flags: `--tls-…` for its own listeners, `--node-…` towards its nodes. */
import { type Command, Option } from 'commander'
import type { TlsFiles } from '../net/tls-material.ts'
import type { OutboundTlsFiles } from '../net/tls-outbound.ts'

export type TlsFlags = {
  tlsCert?: string
  tlsKey?: string
  tlsCa?: string
  tlsVerify: keyof typeof VERIFY
  nodeTls?: true
  nodeCa?: string
  nodeCert?: string
  nodeKey?: string
}

/** memcached's numbers (`ssl_verify_mode`). */
const VERIFY = { none: 0, request: 1, require: 2 } as const

export function addTlsOptions(command: Command): Command {
  return command
    .option('--tls-cert <file>', 'listen with TLS: PEM file of the certificate and its chain')
    .option('--tls-key <file>', '… and of its key')
    .option('--tls-ca <file>', 'who signs client certificates (default: the system knows)')
    .addOption(
      new Option('--tls-verify <mode>', 'client certificates')
        .choices(Object.keys(VERIFY))
        .default('none'),
    )
    .option('--node-tls', 'speak TLS to the nodes')
    .option(
      '--node-ca <file>',
      '… whose certificates are signed by this (default: the system knows)',
    )
    .option('--node-cert <file>', '… and show them this certificate')
    .option('--node-key <file>', '… with this key')
}

/** @throws what `refuse` throws, for flags that do not go together. */
export function tlsFilesOf(
  { tlsCert, tlsKey, tlsCa, tlsVerify }: TlsFlags,
  refuse: (message: string) => never,
): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) {
    if (tlsCa === undefined && tlsVerify === 'none') return undefined
    refuse('Cannot use --tls-ca or --tls-verify: expected --tls-cert FILE and --tls-key FILE')
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    refuse('Cannot listen with TLS: expected both --tls-cert FILE and --tls-key FILE')
  }
  const verify = VERIFY[tlsVerify]
  const rules = { verify, minVersion: 'TLSv1.2', ciphers: undefined } as const
  return { chainCert: tlsCert, key: tlsKey, caCert: tlsCa, ...rules }
}

export function nodeTlsFilesOf(
  { nodeTls, nodeCa, nodeCert, nodeKey }: TlsFlags,
  refuse: (message: string) => never,
): OutboundTlsFiles | undefined {
  const files = [nodeCa, nodeCert, nodeKey]
  if (nodeTls === undefined && files.every(file => file === undefined)) return undefined
  if ((nodeCert === undefined) !== (nodeKey === undefined)) {
    refuse('Cannot speak TLS to nodes: expected both --node-cert FILE and --node-key FILE, or none')
  }
  return { ca: nodeCa, cert: nodeCert, key: nodeKey, serverName: undefined }
}
