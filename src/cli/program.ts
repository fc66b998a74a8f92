/** The commands of `memring`; only the one that is asked for is loaded. */
import { Command } from 'commander'
import { VERSION } from '../base/version.ts'

const commands = {
  up: async () => (await import('./up.ts')).upCommand(),
  node: async () => (await import('./node.ts')).nodeCommand(),
  router: async () => (await import('./router.ts')).routerCommand(),
  user: async () => (await import('./user.ts')).userCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  ring: async () => (await import('./ring.ts')).ringCommand(),
  sim: async () => (await import('./sim.ts')).simCommand(),
}

const EXAMPLES = `
Examples:
  memring up --config cluster-config/local.yaml    a whole cluster on this machine
  memring node -p 11211 -m 1024 -t 4               one cache node, with memcached's flags
  memring router --nodes a:11211,b:11211           one endpoint in front of nodes
  memring check cluster-config/local.yaml          whether a cluster file is right
  memring ring cluster.yaml --key user:1            where keys live, what a change moves
  memring sim trace.csv --plot curve.svg           how large a cache should be, from a trace`

export async function runProgram(): Promise<void> {
  const program = new Command('memring')
    .description('A sharded, multi-threaded memcached cluster: nodes, router and supervisor')
    .version(VERSION, '-V, --version')
    .addHelpText('after', EXAMPLES)
    // What stands behind a command is the command's: `memring node -V` is not `memring -V`.
    .enablePositionalOptions()
  const asked = Object.entries(commands).filter(([name]) => name === process.argv[2])
  // Anything else (help, a slip of the pen) is answered with all of them in view.
  const wanted = asked.length > 0 ? asked : Object.entries(commands)
  for (const [, load] of wanted) program.addCommand(await load())
  await program.parseAsync()
}
