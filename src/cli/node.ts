/** `memring node`: one cache node, with memcached's flags and defaults. */
import type { Command } from 'commander'
import { isLoopback } from '../cluster/address.ts'
import { formatListen } from '../net/transport.ts'
import { createLog, type Log } from '../observe/log.ts'
import { startNode } from '../server/node-server.ts'
import type { NodeOptions } from '../server/options.ts'
import { daemonize, isDaemon, tellFailed, tellServing } from './daemon.ts'
import { FlagError } from './flags.ts'
import { assumeUser, removePidFile, writePidFile } from './identity.ts'
import { type NodeFlags, nodeFlags } from './node-flags.ts'
import { toNodeOptions } from './node-options.ts'
import { configureBySupervisor, type RunOptions, runServer } from './run-server.ts'

export function nodeCommand(): Command {
  return nodeFlags().action((flags: NodeFlags, command: Command) => runNode(flags, command))
}

async function runNode(flags: NodeFlags, command: Command): Promise<void> {
  const options = toNodeOptions(flags, command)
  if (flags.daemon && !isDaemon()) {
    await daemonize(flags.verbose > 0)
    return
  }
  if (flags.user !== undefined) becomeUser(flags.user, command)
  let name = 'node'
  let { accounts } = options
  if (flags.supervised) {
    const configured = await configureBySupervisor()
    name = configured.name
    accounts = configured.users.length > 0 ? configured.users : undefined
  }
  const sasl = flags.supervised ? accounts !== undefined : options.sasl
  const log = createLog(name)
  if (options.region === 'shared') {
    log.warn({}, 'koffi does not load here: memory is a SharedArrayBuffer, slower')
  }
  if (accounts === undefined && !flags.supervised) warnIfOpen(options, log)
  await runServer(processOptions(flags, log), async onFatal => {
    const server = await startNode({ ...options, name, accounts, sasl }, { log, onFatal })
    return { ...server, reload: () => server.reloadTls() }
  })
}

function processOptions({ daemon, pidfile, supervised }: NodeFlags, log: Log): RunOptions {
  return {
    log,
    portFlag: '-p',
    supervised: supervised === true,
    ...(daemon && { onFailed: tellFailed }),
    onServing: () => {
      if (pidfile !== undefined) writePidFile(pidfile, log)
      if (daemon) tellServing()
    },
    onStopped: () => {
      if (pidfile !== undefined) removePidFile(pidfile)
    },
  }
}

function becomeUser(name: string, command: Command): void {
  try {
    assumeUser(name)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    const said = `error: ${error.message}`
    if (isDaemon()) tellFailed(said, error.exitCode)
    command.error(said, { exitCode: error.exitCode })
  }
}

/** memcached binds to everything; whoever did not mean that finds it in the log. */
function warnIfOpen({ listen }: NodeOptions, log: Log): void {
  const open = listen.filter(({ host }) => !host.startsWith('/') && !isLoopback(host))
  if (open.length === 0) return
  const listening = open.map(formatListen).join(', ')
  log.warn(
    { listening },
    'Open to everybody who can reach it: no login (-Y), not loopback only (-l)',
  )
}
