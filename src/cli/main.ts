#!/usr/bin/env node
/** The `memring` command: one file a command beside this one. */
import './require-node.ts'
import { Command } from 'commander'
import { checkCommand } from './check.ts'
import { nodeCommand } from './node.ts'
import { routerCommand } from './router.ts'
import { upCommand } from './up.ts'
import { VERSION } from './version.ts'

const EXAMPLES = `
Examples:
  memring up --config cluster-config/local.yaml    a whole cluster on this machine
  memring node -p 11211 -m 1024 -t 4               one cache node, with memcached's flags
  memring router --nodes a:11211,b:11211           one endpoint in front of nodes
  memring check cluster-config/local.yaml          whether a cluster file is right`

const program = new Command('memring')
  .description('A sharded, multi-threaded memcached cluster: nodes, router and supervisor')
  .version(VERSION, '-V, --version')
  .addHelpText('after', EXAMPLES)
  .addCommand(upCommand())
  .addCommand(nodeCommand())
  .addCommand(routerCommand())
  .addCommand(checkCommand())

await program.parseAsync()
