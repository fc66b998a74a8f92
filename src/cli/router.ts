/**
 * `memring router`: one endpoint in front of nodes, from a cluster file or from `--nodes` alone.
 */
import { Command, InvalidArgumentError } from 'commander'
import { LOGIN_WAIT_MS } from '../auth/slow-down.ts'
import { isLoopback } from '../cluster/address.ts'
import type { ConfigureMessage } from '../cluster/child-protocol.ts'
import type { ClusterConfig } from '../cluster/config.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { readTls, TlsError } from '../net/tls-material.ts'
import { readOutboundTls } from '../net/tls-outbound.ts'
import type { Secure } from '../net/transport.ts'
import type { IoChoice } from '../net/io.ts'
import { createLog } from '../observe/log.ts'
import { nodeLabel, type Placement } from '../ring/placement.ts'
import { presetNames } from '../ring/presets.ts'
import { deadNodeDefaults, healthDefaults } from '../router/health.ts'
import type { RouterNode, RouterOptions } from '../router/options.ts'
import { startRouter } from '../router/router-server.ts'
import { canMap } from '../store/region.ts'
import { AccountsError, readAccounts, warnOfOpenFiles } from './accounts.ts'
import {
  collectList,
  collectNetworks,
  EX_USAGE,
  FlagError,
  ioOf,
  ioOption,
  parseHostPort,
  sizeInBytes,
  wholeNumber,
} from './flags.ts'
import { watchFile } from './file-watch.ts'
import { type Loaded, rereadOptions } from './router-reload.ts'
import {
  addDiscoveryOptions,
  DiscoveredNodes,
  type DiscoveryFlags,
  discoveryOf,
  SupersededError,
} from './router-discovery.ts'
import { addTlsOptions, nodeTlsFilesOf, type TlsFlags, tlsFilesOf } from './router-tls.ts'
import { readPlacement } from './ring-members.ts'
import { configureBySupervisor, runServer } from './run-server.ts'
import { secureAddress } from './tls-flags.ts'

type Flags = TlsFlags &
  DiscoveryFlags & {
    config?: string
    nodes: string[]
    port?: number
    listen: string[]
    threads?: number
    placement?: Placement
    maxItemSize?: number
    authFile?: string
    users?: string
    allow?: string[]
    loginWait: number
    open?: true
    io: IoChoice
    stateDir?: string
    watch: boolean
    verbose: number
    supervised?: true
  }

const EXAMPLES = `
Examples:
  memring router --config cluster-config/compose.yaml
  memring router --nodes 10.0.0.1:11211,10.0.0.2:11211
  memring router --nodes a:11211,b:11211 -l 0.0.0.0 -Y users.txt
  memring router --nodes a:11211 --tls-cert r.crt --tls-key r.key -l 0.0.0.0 --users users.yaml
  memring router --nodes a:11211 --node-ca nodes.crt
  memring router --discover srv:_memcached._tcp.cache.example --dns-server 10.0.0.2:53`

const DEFAULT_PORT = 11211
const EXPECTED_USERS =
  'expected --users FILE, -Y FILE, --allow CIDR, mtls:, or --open if that is meant'
/** It flushes nothing then, since the nodes may be a fleet that others use. */
const FORGETFUL =
  'Without --state-dir a restart forgets which nodes have missed writes: reads may then be stale'
const MIB = 1024 * 1024

const defaults = {
  threads: 1,
  placement: { preset: 'ketama' } as Placement,
  configVersion: 1,
  connectionsPerNode: 1,
  connectionLimit: 65000,
  backlog: 1024,
  connectTimeoutMs: 1000,
  requestTimeoutMs: 1000,
  reconnectMinMs: 50,
  reconnectMaxMs: 1000,
  healthSettings: healthDefaults,
  deadNode: deadNodeDefaults,
  outstandingPerNode: 65_536,
  coalesces: true,
  itemSizeMax: MIB,
}

export function routerCommand(): Command {
  return addDiscoveryOptions(addTlsOptions(new Command('router')))
    .description('one endpoint that partitions keys over nodes')
    .option('--config <file>', 'cluster file')
    .option('--nodes <list>', 'nodes without a file: host:port,host:port', collectList, [])
    .option(
      '-p, --port <num>',
      `port to listen on; -1: any (default: ${DEFAULT_PORT})`,
      wholeNumber(-1, 65535),
    )
    .option(
      '-l, --listen <addr>',
      'address to listen on, repeatable (default: loopback)',
      collectList,
      [],
    )
    .option('-t, --threads <num>', 'data threads (default: 1)', wholeNumber(1, 64))
    .option(
      '-I, --max-item-size <num>',
      'largest item that clients may store: bytes, k or m (default: 1m)',
      sizeInBytes(1024, 1024 ** 3),
    )
    .option(
      '--placement <name>',
      `how keys are placed: ${presetNames.join(', ')}; ",hash=…" and more may follow (README)`,
      readPlacement,
    )
    .option('-Y, --auth-file <file>', 'clients log in; a line a user: user:password')
    .option(
      '--allow <cidr>',
      'network that connections may come from, repeatable (default: any)',
      collectNetworks,
    )
    .option('--users <file>', 'clients log in; users file ("memring user" makes it)')
    .option(
      '--login-wait <ms>',
      'longest wait after wrong passwords from one address; 0: none',
      wholeNumber(0, 60_000),
      LOGIN_WAIT_MS,
    )
    .option('--open', 'listen beyond loopback although nobody has to log in')
    .option(
      '--state-dir <dir>',
      'where it is kept which nodes have missed writes; nodes not known there are flushed first; ' +
        'without it a restart forgets that, and flushes nothing',
    )
    .option('--no-watch', 'read the cluster file again on SIGHUP only, not when it changes')
    .addOption(ioOption())
    .option('-v, --verbose', 'say more', (_, level: number) => level + 1, 0)
    .option('--supervised', 'configured and watched by "memring up"')
    .addHelpText('after', EXAMPLES)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
    .action((flags: Flags, command: Command) => runRouter(flags, command))
}

async function runRouter(flags: Flags, command: Command): Promise<void> {
  const isIoGiven = command.getOptionValueSource('io') === 'cli'
  const log = createLog('router')
  let message: ConfigureMessage | undefined
  let nodes: RouterOptions['nodes'] | undefined
  let foundEarly: RouterOptions['nodes'] | undefined
  let onNodes = (found: RouterOptions['nodes']): void => {
    foundEarly = found
  }
  const discovered = new DiscoveredNodes(log, found => onNodes(found))
  const load = async (): Promise<Loaded> => {
    const found = await loadOptions(flags, isIoGiven)
    if (flags.supervised) message ??= await configureBySupervisor()
    const options = message ? configured(found.options, message) : found.options
    checkDiscard(options)
    const { discovery } = options
    if (discovery)
      return { ...found, options: { ...options, nodes: await discovered.of(discovery) } }
    nodes ??= found.options.nodes
    if (message && JSON.stringify(nodes) !== JSON.stringify(found.options.nodes)) {
      log.warn({}, 'Other nodes take a restart of "memring up", which runs them')
    }
    return { ...found, options }
  }
  let loaded: Loaded
  try {
    loaded = await load()
  } catch (error) {
    if (!isExpected(error)) throw error
    return command.error(error.message, { exitCode: EX_USAGE })
  }
  const { options } = loaded
  const portFlag = flags.config ? '-p, or router.listen in the cluster file' : '-p'
  warnOfOpenFiles(loaded, log)
  if (options.stateDir === undefined) log.warn({}, FORGETFUL)
  await runServer({ log, portFlag, supervised: flags.supervised === true }, async onFatal => {
    const server = await startRouter(options, { log, onFatal })
    let current = options
    const change = (next: RouterOptions) => {
      server.change(next)
      current = next
    }
    onNodes = found => change({ ...current, nodes: found })
    if (foundEarly) onNodes(foundEarly)
    const reread = () => rereadOptions(load, { server: { change }, log, isExpected })
    const stopWatching = watch(flags, () => {
      log.info({ file: flags.config }, 'Cluster file has changed')
      void reread()
    })
    const reload = () => {
      server.reloadTls()
      void reread()
    }
    const stop = () => {
      stopWatching()
      discovered.stop()
      return server.stop()
    }
    return { ...server, reload, stop }
  })
}

function watch({ config, watch: isWatched }: Flags, onChange: () => void): () => void {
  return config !== undefined && isWatched ? watchFile(config, onChange) : () => {}
}

/** @throws UsageError */
function checkDiscard({ deadNode, stateDir }: RouterOptions): void {
  if (deadNode.writes !== 'discard' || stateDir !== undefined) return
  const reason = 'expected --state-dir, where it is kept what they miss'
  throw new UsageError(`Cannot discard writes of nodes that are down: ${reason}`)
}

async function loadOptions(flags: Flags, isIoGiven: boolean): Promise<Loaded> {
  const found = await readAccounts(flags, process.env)
  const options = flags.config
    ? await fromFile(flags.config, { flags, isIoGiven, accounts: found.accounts })
    : fromFlags(flags, found.accounts)
  checkTls(options)
  return { options, accounts: options.accounts, openFiles: found.openFiles }
}

/** What cannot be used is said before anything starts. @throws TlsError */
function checkTls({ tls, nodeTls }: RouterOptions): void {
  if (tls) readTls(tls, () => {})
  if (nodeTls) readOutboundTls(nodeTls)
}

function isExpected(error: unknown): error is Error {
  return [ClusterFileError, UsageError, AccountsError, TlsError, SupersededError].some(
    known => error instanceof known,
  )
}

function refuse(message: string): never {
  throw new UsageError(message)
}

class UsageError extends Error {
  override name = 'UsageError'
}

type FileOverrides = {
  flags: Flags
  /** By the flag, which goes before the file; the environment does not. */
  isIoGiven: boolean
  accounts: RouterOptions['accounts']
}

async function fromFile(
  path: string,
  { flags, isIoGiven, accounts }: FileOverrides,
): Promise<RouterOptions> {
  const { loadClusterFile } = await import('../cluster/cluster-file.ts')
  if (tlsFilesOf(flags, refuse)) refuse(`Cannot use --tls-cert: expected router.tls in ${path}`)
  const config: ClusterConfig = loadClusterFile(path, process.env)
  const { router } = config
  return {
    ...defaults,
    ...router,
    listen:
      flags.port === undefined
        ? router.listen
        : router.listen.map(({ host, secure }) => ({ ...at(host, flags), secure })),
    nodeTls: nodeTlsFilesOf(flags, refuse) ?? router.nodeTls,
    threads: flags.threads ?? router.threads,
    placement: flags.placement ?? config.placement,
    configVersion: config.configVersion,
    nodes: config.nodes,
    discovery: config.discovery,
    itemSizeMax: flags.maxItemSize ?? largestItem(config),
    allow: flags.allow ?? router.allow,
    loginWaitMs: flags.loginWait,
    accounts: config.users.length > 0 ? config.users : accounts,
    nodeCredential: undefined,
    stateDir: flags.stateDir,
    nodesAreEmpty: false,
    verbosity: flags.verbose,
    useKernel: canMap(),
    ...ioOf((isIoGiven ? undefined : router.io) ?? flags.io, refuse),
  }
}

function largestItem({ nodes, discovery }: ClusterConfig): number {
  return discovery ? defaults.itemSizeMax : Math.max(...nodes.map(node => node.maxItemSizeBytes))
}

function fromFlags(flags: Flags, accounts: RouterOptions['accounts']): RouterOptions {
  const discovery = discoveryOf(flags)
  if ((flags.nodes.length === 0) === (discovery === undefined)) {
    const expected =
      'expected one of --config FILE, --nodes host:port,host:port and --discover WHAT'
    throw new UsageError(`Cannot start: ${expected}`)
  }
  const tls = tlsFilesOf(flags, refuse)
  const given = flags.listen.length > 0 ? flags.listen : ['127.0.0.1', '[::1]']
  const listen = given.map(text => {
    const address = secured(text, tls !== undefined)
    const { host, port } = parse(address.text)
    return { ...(port ? { host, port } : at(host, flags)), secure: address.secure }
  })
  const isGuarded = (secure: Secure | undefined) =>
    secure === 'mtls' || (secure === 'tls' && tls?.verify === 2)
  const beyond = listen.find(({ host, secure }) => !isLoopback(host) && !isGuarded(secure))
  if (beyond && !flags.open && !flags.allow && accounts === undefined) {
    throw new UsageError(`Cannot listen on ${beyond.host} for everybody: ${EXPECTED_USERS}`)
  }
  const placement = flags.placement ?? defaults.placement
  return {
    ...defaults,
    listen,
    tls,
    nodeTls: nodeTlsFilesOf(flags, refuse),
    threads: flags.threads ?? defaults.threads,
    placement,
    nodes: flags.nodes.map(text => nodeOf(text, placement)),
    discovery,
    itemSizeMax: flags.maxItemSize ?? defaults.itemSizeMax,
    allow: flags.allow,
    loginWaitMs: flags.loginWait,
    accounts,
    nodeCredential: undefined,
    stateDir: flags.stateDir,
    nodesAreEmpty: false,
    verbosity: flags.verbose,
    useKernel: canMap(),
    ...ioOf(flags.io, refuse),
  }
}

function parse(text: string): { host: string; port: number | undefined } {
  try {
    return parseHostPort(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UsageError(error.message)
    throw error
  }
}

/** Without a prefix such as `notls:`, and what it says. */
function secured(text: string, enabled: boolean): ReturnType<typeof secureAddress> {
  try {
    return secureAddress(text, enabled)
  } catch (error) {
    if (error instanceof FlagError)
      throw new UsageError(
        error.message.replace('-Z with its certificate', '--tls-cert FILE and --tls-key FILE'),
      )
    throw error
  }
}

function at(host: string, flags: Flags): { host: string; port: number } {
  const port = flags.port ?? DEFAULT_PORT
  return { host, port: port === -1 ? 0 : port }
}

function nodeOf(text: string, placement: Placement): RouterNode {
  const { host, port = DEFAULT_PORT } = parse(text)
  const label = nodeLabel(placement, { host, port })
  return { name: `${host}:${port}`, label, host, port, weight: 1 }
}

/** What only the supervisor knows: real ports, who may log in, how to log in at the nodes. */
function configured(options: RouterOptions, message: ConfigureMessage): RouterOptions {
  return {
    ...options,
    listen: message.listen ?? options.listen,
    nodes: message.nodes ?? options.nodes,
    // The file may have others by now.
    accounts: message.users.length > 0 ? (options.accounts ?? message.users) : undefined,
    nodeCredential: message.nodeUser,
    stateDir: options.stateDir ?? message.stateDir,
    nodesAreEmpty: message.nodesAreEmpty === true,
  }
}
