/** What the flags of `memring node` mean together, or a refusal before anything listens. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Credential } from '../auth/authenticator.ts'
import { readPasswordFile } from '../auth/password-file.ts'
import { type NodeOptions, nodeDefaults } from '../server/options.ts'
import { canMap } from '../store/region.ts'
import { EX_USAGE, parseHostPort } from './flags.ts'
import { machineMemoryBytes } from './machine-memory.ts'
import type { NodeFlags } from './node-flags.ts'

const MIB = 1024 * 1024

/** @throws through commander: the message and exit code 64, before anything listens. */
export function toNodeOptions(flags: NodeFlags, command: Command): NodeOptions {
  const refuse = (message: string): never =>
    command.error(`error: ${message}`, { exitCode: EX_USAGE })
  const memoryBytes = flags.memoryLimit * MIB
  if (flags.maxItemSize > memoryBytes / 2) {
    refuse(
      `Cannot set -I ${flags.maxItemSize}: expected at most half of -m, ${memoryBytes / 2} bytes`,
    )
  }
  const machineBytes = machineMemoryBytes()
  if (memoryBytes > machineBytes) {
    const machineMib = Math.floor(machineBytes / MIB)
    refuse(`Cannot set -m ${flags.memoryLimit}: this machine or container has ${machineMib} MB`)
  }
  if (flags.port === 0) refuse('Cannot listen: -p 0 turns TCP off and there is no other listener')
  if (flags.enableSasl && flags.authFile === undefined) {
    refuse('Cannot use -S: expected credentials, from a file of user:password lines with -Y')
  }
  let credentials: Credential[] | undefined
  try {
    if (flags.authFile !== undefined) credentials = readPasswordFile(flags.authFile)
  } catch (error) {
    refuse(`Cannot use -Y: ${error instanceof Error ? error.message : String(error)}`)
  }
  return {
    ...nodeDefaults,
    listen: listenAddresses(flags, refuse),
    interfaces: flags.listen.length > 0 ? flags.listen.join(',') : nodeDefaults.interfaces,
    threads: flags.threads,
    memoryBytes,
    evict: !flags.disableEvictions,
    itemSizeMax: flags.maxItemSize,
    connectionLimit: flags.connLimit,
    backlog: flags.listenBacklog,
    cas: !flags.disableCas,
    flush: !flags.disableFlushAll,
    verbosity: flags.verbose,
    credentials,
    sasl: flags.enableSasl === true,
    authFile: flags.authFile,
    region: canMap() ? 'mapped' : 'shared',
    largePages: flags.enableLargepages === true,
    useKernel: canMap(),
  }
}

function listenAddresses(
  flags: NodeFlags,
  refuse: (message: string) => never,
): NodeOptions['listen'] {
  const port = flags.port === -1 ? 0 : flags.port
  const given = flags.listen.filter(text => text !== '*')
  if (given.length === 0) return nodeDefaults.listen.map(({ host }) => ({ host, port }))
  return given.map(text => {
    try {
      const address = parseHostPort(text)
      return { host: address.host, port: address.port ?? port }
    } catch (error) {
      if (error instanceof InvalidArgumentError) return refuse(error.message)
      throw error
    }
  })
}
