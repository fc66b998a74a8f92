/**
 * `memring up`: a whole cluster on this machine, from a cluster file, until Ctrl-C or SIGTERM.
 * It reads the file, refuses what would be open to others by accident, and leaves the processes
 * to the supervisor. Standard output gets one line when everything serves.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { collides, formatAddress, isLoopback } from '../cluster/address.ts'
import type { Address, ClusterConfig } from '../cluster/config.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { ChildStartError } from '../cluster/supervised-process.ts'
import { Supervisor } from '../cluster/supervisor.ts'
import type { Log } from '../observe/log.ts'

type UpOptions = { config: string; port?: number }

/** What memcached writes its ports into, for tests and scripts that let the kernel choose. */
const PORT_FILE_VARIABLE = 'MEMCACHED_PORT_FILENAME'
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

export function upCommand(): Command {
  return new Command('up')
    .description('run a whole cluster on this machine: every node and the router')
    .requiredOption('-c, --config <file>', 'cluster file (YAML)')
    .option('-p, --port <port>', 'port of the router instead of the one in the file', parsePort)
    .addHelpText('after', HELP)
    .action(async (options: UpOptions) => {
      try {
        await up(options)
      } catch (error) {
        if (!isExpected(error)) throw error
        process.stderr.write(`${error.message}\n`)
        process.exitCode = 1
      }
    })
}

const HELP = `
Examples:
  memring up --config cluster-config/local.yaml
  memring up --config cluster.yaml -p 11222     another port for the router
  memring up --config cluster.yaml -p -1        a free port; the first line says which

What dies is started again. SIGHUP has users, limits and TLS files read again.
Ctrl-C or SIGTERM ends everything in order, a second one at once.`

/** A mistake in what was asked for: one line, no stack. */
class UpError extends Error {
  override name = 'UpError'
  readonly code = 'UP'
}

function isExpected(error: unknown): error is Error {
  return [UpError, ClusterFileError, ChildStartError].some(known => error instanceof known)
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^(-1|\d{1,5})$/.test(text) && port !== 0 && port <= 65_535) return Math.max(0, port)
  throw new InvalidArgumentError(
    `Cannot parse port ${JSON.stringify(text)}: expected 1 to 65535, or -1 for a free one`,
  )
}

async function up(options: UpOptions): Promise<void> {
  const { loadClusterFile } = await import('../cluster/cluster-file.ts')
  const { createLog } = await import('../observe/log.ts')
  const config = withPort(loadClusterFile(options.config, process.env), options.port)
  if (config.discovery !== undefined) {
    const expected = 'expected nodes, which it runs itself ("memring router" discovers)'
    throw new UpError(`Cannot use discovery in ${options.config}: ${expected}`)
  }
  checkNodes(config, options.config)
  const { [PORT_FILE_VARIABLE]: portFile, ...env } = process.env
  const log = createLog('up')
  const supervisor = new Supervisor({
    config,
    configFile: options.config,
    command: process.execPath,
    commandArgs: [...process.execArgv, process.argv[1] ?? ''],
    env,
    log,
  })
  const stopped = stopOnSignal(supervisor, log)
  process.on('SIGHUP', () => {
    log.info({ signal: 'SIGHUP' }, 'Reloading')
    try {
      checkChange(config, loadClusterFile(options.config, process.env), options.config)
      supervisor.reload()
    } catch (error) {
      if (!isExpected(error)) throw error
      log.error({ error: error.message }, 'Not read again, everything stays as it was')
    }
  })
  try {
    if (await supervisor.start()) {
      process.stdout.write(`${endpointLine(config, supervisor)}\n`)
      if (portFile !== undefined) writePortFile(portFile, supervisor.router.listening)
    }
    await stopped
  } catch (error) {
    throw error instanceof ChildStartError ? withHint(error, config, options.config) : error
  } finally {
    log.flush()
  }
}

/** Resolves when a signal has ended everything; a second signal does it at once. */
function stopOnSignal(supervisor: Supervisor, log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false
    for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
      process.on(signal, () => {
        if (isStopping) {
          process.exitCode = 128 + number
          supervisor.kill()
          return
        }
        isStopping = true
        log.info({ signal }, 'Stopping')
        supervisor.stop().then(resolve, reject)
      })
    }
  })
}

function withPort(config: ClusterConfig, port: number | undefined): ClusterConfig {
  if (port === undefined) return config
  const listen = config.router.listen.map(({ host, secure }) => ({ host, port, secure }))
  for (const address of listen) {
    const node = config.nodes.find(other => collides(address, other))
    if (node === undefined) continue
    const reason = `node ${node.name} has it, expected another -p`
    throw new UpError(`Cannot listen on ${formatAddress(address)}: ${reason}`)
  }
  return { ...config, router: { ...config.router, listen } }
}

/** Whether somebody has to log in is decided when router and nodes start. */
function checkChange(before: ClusterConfig, { users }: ClusterConfig, file: string): void {
  if (before.users.length > 0 === users.length > 0) return
  const change = users.length > 0 ? 'the first users' : 'no users any more'
  throw new UpError(`Cannot change to ${change} in ${file}: expected a restart of "memring up"`)
}

/** The nodes are ours to start here, so what goes for the router's listeners goes for theirs. */
function checkNodes({ nodes, users, open, router }: ClusterConfig, file: string): void {
  if (router.nodeTls !== undefined) {
    const expected = 'expected them to run elsewhere, and "memring router" in front'
    throw new UpError(
      `Cannot use router.node_tls in ${file}: nodes of "up" have no TLS, ${expected}`,
    )
  }
  if (open || users.length > 0) return
  const node = nodes.find(({ host }) => !isLoopback(host))
  if (node === undefined) return
  const reason = 'open to everyone who can reach it'
  const expected = `expected users, a loopback address, or open: true in ${file}`
  throw new UpError(
    `Cannot start node ${node.name} on ${formatAddress(node)}: ${reason}, ${expected}`,
  )
}

/** The child has said what was wrong; this says where to change it. */
function withHint(error: ChildStartError, config: ClusterConfig, file: string): ChildStartError {
  const at = config.nodes.findIndex(node => node.name === error.child)
  const node = config.nodes[at]
  const where =
    node === undefined
      ? `${config.router.listen.map(formatAddress).join(', ')} (another port: -p PORT)`
      : `${formatAddress(node)} (another port: nodes[${at}].address in ${file})`
  error.message += `; it was to listen on ${where}`
  return error
}

function endpointLine(config: ClusterConfig, supervisor: Supervisor): string {
  const nodes = supervisor.nodes.flatMap(node => node.listening)
  const router = formatList(supervisor.router.listening)
  return `memring cluster ${config.name}: router ${router}; nodes ${formatList(nodes)}`
}

function formatList(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(', ')
}

/** As memcached does: complete under its name, or not there. */
function writePortFile(file: string, listening: readonly Address[]): void {
  const lines = listening.map(({ host, port }) => {
    return `TCP ${host.includes(':') ? 'INET6' : 'INET'}: ${port}\n`
  })
  writeFileSync(`${file}.lck`, lines.join(''))
  renameSync(`${file}.lck`, file)
}
