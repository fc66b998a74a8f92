/** `memring node`: one cache node, with memcached's flags and defaults. */
import type { Command } from 'commander'
import type { Account } from '../auth/account.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { formatListen } from '../net/transport.ts'
import { createLog, type Log } from '../observe/log.ts'
import { startNode } from '../server/node-server.ts'
import type { ChosenIo } from '../net/io.ts'
import type { NodeOptions } from '../server/options.ts'
import {
  AccountsError,
  hasSingleAccount,
  readAccounts,
  rereadAccounts,
  warnOfOpenFiles,
} from './accounts.ts'
import { daemonize, isDaemon, tellFailed, tellServing } from './daemon.ts'
import { EX_USAGE, FlagError, ioOf } from './flags.ts'
import { assumeUser, removePidFile, writePidFile } from './identity.ts'
import { type NodeFlags, nodeFlags } from './node-flags.ts'
import { checkLogin, toNodeOptions } from './node-options.ts'
import { openListeners } from './open-listeners.ts'
import { configureBySupervisor, type RunOptions, runServer } from './run-server.ts'

export function nodeCommand(): Command {
  return nodeFlags().action((flags: NodeFlags, command: Command) => runNode(flags, command))
}

async function runNode(flags: NodeFlags, command: Command): Promise<void> {
  checkLogin(flags, command)
  const read = () => readAccounts(flags, process.env)
  const found = await read().catch((error: unknown) => refuseAccounts(error, command))
  const options = toNodeOptions(flags, command, {
    accounts: found.accounts,
    isSingleUser: hasSingleAccount(process.env),
  })
  if (flags.daemon && !isDaemon()) {
    await daemonize(flags.verbose > 0)
    return
  }
  if (flags.user !== undefined) becomeUser(flags.user, command)
  const io = ioAsUser(flags, command)
  let name = flags.nodeName
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
  warnOfOpenFiles(found, log)
  await runServer(processOptions(flags, log), async onFatal => {
    const server = await startNode({ ...options, ...io, name, accounts, sasl }, { log, onFatal })
    const replace = (list: readonly Account[]) => server.replaceAccounts(list)
    const reload = () => {
      server.reloadTls()
      // Under a supervisor it is the supervisor who says who may log in.
      if (!flags.supervised) void rereadAccounts(read, replace, log)
    }
    return { ...server, reload }
  })
}

/** memcached's end when it cannot read the file of `-Y`. */
const EX_ACCOUNTS = 1

function refuseAccounts(error: unknown, command: Command): never {
  if (!(error instanceof AccountsError || error instanceof ClusterFileError)) throw error
  return command.error(`error: ${error.message}`, { exitCode: EX_ACCOUNTS })
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
    refuseAsUser(error.message, error.exitCode, command)
  }
}

/** Looked at again: io_uring may be for root alone (the sysctl kernel.io_uring_disabled). */
function ioAsUser({ io, user }: NodeFlags, command: Command): Partial<ChosenIo> {
  if (user === undefined) return {}
  return ioOf(io, message => refuseAsUser(message, EX_USAGE, command))
}

function refuseAsUser(message: string, exitCode: number, command: Command): never {
  const said = `error: ${message}`
  if (isDaemon()) tellFailed(said, exitCode)
  return command.error(said, { exitCode })
}

/** memcached binds to everything; whoever did not mean that finds it in the log. */
function warnIfOpen(options: NodeOptions, log: Log): void {
  const open = openListeners(options)
  if (open.length === 0) return
  const listening = open.map(formatListen).join(', ')
  log.warn(
    { listening },
    'Open to everybody who can reach it: no login (-Y), not loopback only (-l)',
  )
}
