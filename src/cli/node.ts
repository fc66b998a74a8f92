/** `memring node`: one cache node, with memcached's flags and defaults. */
import { Command, InvalidArgumentError } from 'commander'
import type { Credential } from '../auth/authenticator.ts'
import { readPasswordFile } from '../auth/password-file.ts'
import { createLog } from '../observe/log.ts'
import { startNode } from '../server/node-server.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import { type NodeOptions, nodeDefaults } from '../server/options.ts'
import { canMap } from '../store/region.ts'
import { collectList, EX_USAGE, parseHostPort, sizeInBytes, wholeNumber } from './flags.ts'
import { machineMemoryBytes } from './machine-memory.ts'
import { configureBySupervisor, runServer } from './run-server.ts'
import { VERSION } from './version.ts'

const MIB = 1024 * 1024
const MEMORY_MIN_MB = 8
const MEMORY_MAX_MB = 1024 * 1024

type Flags = {
  port: number
  listen: string[]
  threads: number
  memoryLimit: number
  disableEvictions?: true
  maxItemSize: number
  connLimit: number
  listenBacklog: number
  disableCas?: true
  disableFlushAll?: true
  enableLargepages?: true
  verbose: number
  authFile?: string
  enableSasl?: true
  supervised?: true
}

const EXAMPLES = `
Examples:
  memring node                           port 11211, 64 MB, 4 threads, like memcached
  memring node -p 11311 -l 127.0.0.1 -m 1024
  memring node -S -Y users.txt           SASL PLAIN and ASCII login, users.txt: user:password lines

Memory: the whole process stays within -m plus about 96 MB and 20 MB a thread.`

export function nodeCommand(): Command {
  return new Command('node')
    .description('one cache node; takes the place of memcached')
    .option('-p, --port <num>', 'TCP port; -1: any free one', wholeNumber(-1, 65535), 11211)
    .option(
      '-l, --listen <addr>',
      'address to listen on, repeatable (default: all)',
      collectList,
      [],
    )
    .option('-t, --threads <num>', 'data threads', wholeNumber(1, 64), 4)
    .option(
      '-m, --memory-limit <num>',
      'memory for items and index, in megabytes',
      wholeNumber(MEMORY_MIN_MB, MEMORY_MAX_MB),
      64,
    )
    .option('-M, --disable-evictions', 'full: answer an error instead of evicting')
    .option(
      '-I, --max-item-size <num>',
      'largest item: bytes, k or m',
      sizeInBytes(1024, 1024 ** 3),
      MIB,
    )
    .option('-c, --conn-limit <num>', 'most connections at once', wholeNumber(1, 1_000_000), 1024)
    .option('-b, --listen-backlog <num>', 'accept queue', wholeNumber(1, 65535), 1024)
    .option('-C, --disable-cas', 'no cas uniques')
    .option('-F, --disable-flush-all', 'refuse flush_all')
    .option('-L, --enable-largepages', 'memory in large pages that the system has set aside')
    .option('-v, --verbose', 'say more; -vv, -vvv: still more', (_, level: number) => level + 1, 0)
    .option('-Y, --auth-file <file>', 'ASCII login; a line a user: user:password')
    .option('-S, --enable-sasl', 'with -Y: also SASL PLAIN on the binary protocol')
    .option('--supervised', 'configured and watched by "memring up"')
    .version(`memring ${VERSION} (memcached ${COMPATIBLE_VERSION} protocol)`, '-V, --version')
    .addHelpText('after', EXAMPLES)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
    .action((flags: Flags, command: Command) => runNode(flags, command))
}

async function runNode(flags: Flags, command: Command): Promise<void> {
  const options = toOptions(flags, command)
  let name = 'node'
  let credentials = options.credentials
  if (flags.supervised) {
    const configured = await configureBySupervisor()
    name = configured.name
    credentials = configured.users.length > 0 ? [...configured.users] : undefined
  }
  const sasl = flags.supervised ? credentials !== undefined : options.sasl
  const log = createLog(name)
  if (options.region === 'shared') {
    log.warn({}, 'koffi does not load here: memory is a SharedArrayBuffer, slower')
  }
  await runServer({ log, portFlag: '-p', supervised: flags.supervised === true }, onFatal =>
    startNode({ ...options, name, credentials, sasl }, { log, onFatal }),
  )
}

/** @throws through commander: the message and exit code 64, before anything listens. */
function toOptions(flags: Flags, command: Command): NodeOptions {
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

function listenAddresses(flags: Flags, refuse: (message: string) => never): NodeOptions['listen'] {
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
