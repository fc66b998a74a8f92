/** What the flags of `memring node` mean together, or a refusal before anything listens. */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { readTls, TlsError } from '../net/tls-material.ts'
import { type NodeOptions, nodeDefaults } from '../server/options.ts'
import { canMap } from '../store/region.ts'
import { checkExtended } from './extended-flags.ts'
import { EX_OSERR, EX_USAGE, FlagError, ioOf, parseHostPort } from './flags.ts'
import { machineMemoryBytes } from './machine-memory.ts'
import type { NodeFlags } from './node-flags.ts'
import { secureAddress, tlsFilesOf } from './tls-flags.ts'

const MIB = 1024 * 1024
const CREDENTIALS = '--users FILE, -Y FILE, MEMCACHED_SASL_PWDB or MEMRING_USERNAME'
/** sun_path of struct sockaddr_un, with its NUL (linux/un.h). */
const UNIX_PATH_MAX = 107

type Refuse = (message: string, exitCode?: number) => never

/** @throws through commander: the message and memcached's exit code, before anything listens. */
export function toNodeOptions(
  flags: NodeFlags,
  command: Command,
  { accounts, isSingleUser }: Pick<NodeOptions, 'accounts'> & { isSingleUser: boolean },
): NodeOptions {
  const refuse: Refuse = (message, exitCode = EX_USAGE) =>
    command.error(`error: ${message}`, { exitCode })
  const memoryBytes = flags.memoryLimit * MIB
  if (flags.maxItemSize > memoryBytes / 2) {
    const said = 'Cannot set item size limit higher than 1/2 of memory max.'
    refuse(`${said} (-I ${flags.maxItemSize}: expected at most ${memoryBytes / 2} bytes)`)
  }
  try {
    checkExtended(flags.extended, flags.maxItemSize)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    refuse(error.message, error.exitCode)
  }
  const machineBytes = machineMemoryBytes()
  if (memoryBytes > machineBytes) {
    const machineMib = Math.floor(machineBytes / MIB)
    refuse(`Cannot set -m ${flags.memoryLimit}: this machine or container has ${machineMib} MB`)
  }
  if (flags.port === 0 && flags.unixSocket === undefined) {
    refuse('Cannot listen: -p 0 turns TCP off and there is no other listener')
  }
  if (flags.enableSasl && accounts === undefined) {
    refuse(`Cannot use -S: expected credentials, from ${CREDENTIALS}`)
  }
  // memcached's -S: the text protocol has no login, and so no place.
  const isBinaryOnly = flags.enableSasl && flags.authFile === undefined && flags.users === undefined
  return {
    ...nodeDefaults,
    tls: tlsOf(flags, refuse),
    listen: listeners(flags, refuse),
    interfaces: flags.listen.length > 0 ? flags.listen.join(',') : nodeDefaults.interfaces,
    domainSocket: flags.unixSocket ?? nodeDefaults.domainSocket,
    unixMask: flags.unixMask,
    threads: flags.threads,
    memoryBytes,
    evict: !flags.disableEvictions,
    itemSizeMax: flags.maxItemSize,
    connectionLimit: flags.connLimit,
    backlog: flags.listenBacklog,
    cas: !flags.disableCas,
    flush: !flags.disableFlushAll,
    dump: !flags.disableDumping,
    watch: !flags.disableWatch,
    shutdown: flags.enableShutdown === true,
    prefixDelimiter: flags.D?.slice(0, 1) ?? nodeDefaults.prefixDelimiter,
    detail: flags.D !== undefined,
    requestsPerEvent: flags.maxReqsPerEvent,
    protocol: isBinaryOnly ? 'binary' : flags.protocol,
    extended: flags.extended,
    verbosity: flags.verbose,
    accounts,
    allow: flags.allow,
    loginWaitMs: flags.loginWait,
    sasl: flags.enableSasl === true || flags.users !== undefined || isSingleUser,
    authFile: flags.authFile,
    region: canMap() ? 'mapped' : 'shared',
    largePages: flags.enableLargepages === true,
    useKernel: canMap(),
    ...ioOf(flags.io, refuse),
  }
}

/** Which protocols a login can be had in: `-S` is binary, `-Y` is ASCII; both may be on. */
export function checkLogin(flags: NodeFlags, command: Command): void {
  const refuse = (message: string): never =>
    command.error(`error: ${message}`, { exitCode: EX_USAGE })
  const { protocol, enableSasl, authFile } = flags
  if (enableSasl && protocol === 'ascii') {
    refuse('ERROR: You cannot allow the ASCII protocol while using SASL.')
  }
  if (authFile !== undefined && !enableSasl && protocol === 'binary') {
    refuse('ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.')
  }
}

/** Reads the files once: what is wrong with them is said before anything listens. */
function tlsOf(flags: NodeFlags, refuse: Refuse): NodeOptions['tls'] {
  if (!flags.enableSsl) return undefined
  if (flags.unixSocket !== undefined) {
    refuse('ERROR: You cannot enable SSL without a TCP port.')
  }
  try {
    const files = tlsFilesOf(flags.extended.tls)
    readTls(files, () => {})
    return files
  } catch (error) {
    if (error instanceof FlagError || error instanceof TlsError) return refuse(error.message)
    throw error
  }
}

/** A UNIX socket takes the place of all addresses, as in memcached. */
function listeners(flags: NodeFlags, refuse: Refuse): NodeOptions['listen'] {
  if (flags.unixSocket === undefined) return listenAddresses(flags, refuse)
  const host = resolve(flags.unixSocket)
  const isName = flags.unixSocket !== '' && Buffer.byteLength(host) <= UNIX_PATH_MAX
  if (isName) return [{ host, port: 0, mode: flags.unixMask }]
  return refuse(`Cannot use -s "${host}": expected a path of 1 to ${UNIX_PATH_MAX} bytes`)
}

function listenAddresses(flags: NodeFlags, refuse: Refuse): NodeOptions['listen'] {
  const port = flags.port === -1 ? 0 : flags.port
  const given = flags.listen.filter(text => text !== '*')
  const isSecure = flags.enableSsl === true
  if (given.length === 0) {
    const secure = isSecure ? ('tls' as const) : undefined
    return nodeDefaults.listen.map(({ host }) => ({ host, port, secure }))
  }
  return given.map(one => {
    try {
      const { text, secure } = secureAddress(one, isSecure)
      const address = parseHostPort(text)
      return { host: address.host, port: address.port ?? port, secure }
    } catch (error) {
      if (error instanceof FlagError) return refuse(error.message, error.exitCode)
      if (error instanceof InvalidArgumentError) return refuse(error.message, EX_OSERR)
      throw error
    }
  })
}
