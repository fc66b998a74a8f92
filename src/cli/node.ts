/** `memring node`: one cache node, with memcached's flags and defaults. */
import type { Command } from 'commander'
import { createLog } from '../observe/log.ts'
import { startNode } from '../server/node-server.ts'
import { type NodeFlags, nodeFlags } from './node-flags.ts'
import { toNodeOptions } from './node-options.ts'
import { configureBySupervisor, runServer } from './run-server.ts'

export function nodeCommand(): Command {
  return nodeFlags().action((flags: NodeFlags, command: Command) => runNode(flags, command))
}

async function runNode(flags: NodeFlags, command: Command): Promise<void> {
  const options = toNodeOptions(flags, command)
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
