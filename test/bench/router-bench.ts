// Our router on one thread against twemproxy, both over the same three nodes and placing keys alike:
// the same load in turn, the routers pinned to one CPU, the load and the nodes to another. A direct
// connection to one of the nodes is measured beside them: what a router adds to it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { commonOptions, RUN_HELP, type RunOptions, runOptionsFrom } from './run-options.ts'
import {
  memcachedCommand,
  nodeCommand,
  type PinnedServer,
  routerCommand,
  type ServerCommand,
  startPinned,
  twemproxyCommand,
} from './servers.ts'
import { memoryFor } from './shapes.ts'
import { pins, runComparison, runMain } from './side-by-side.ts'

const HELP = `Usage: npm run bench:router -- [options]
       npm run bench:latency -- [options]     (--rate 10000 --nodes memring)

Compares "memring router -t 1" with twemproxy (Debian's nutcracker), both over the same three
nodes, under the same load, in turn; "direct" is one of these nodes, without a router. CPU time is
the router's (for "direct", the node's).

  --nodes KIND       what is behind the routers: memcached (the default) or memring
  --shapes A,B       which loads (mix): mix, depths, sets, 1k, 16k, multiget, connections, or all
${RUN_HELP}

The report is on stdout, progress on stderr. Nothing else should run on the machine.

Examples:
  npm run bench:router
  npm run bench:router -- --io uring,epoll --shapes mix,multiget
  npm run bench:latency -- --seconds 10
`

const NODE_COUNT = 3
const KINDS = ['memcached', 'memring'] as const

interface Options extends RunOptions {
  readonly nodes: (typeof KINDS)[number]
}

/** Null: help was asked for. */
function readOptions(args: readonly string[]): Options | null {
  const own = { nodes: { type: 'string', default: 'memcached' } } as const
  const { values } = parseArgs({ args: [...args], options: { ...commonOptions, ...own } })
  if (values.help) return null
  const nodes = KINDS.find(kind => kind === values.nodes)
  if (nodes === undefined) {
    throw new RangeError(`Cannot use --nodes "${values.nodes}": expected ${KINDS.join(' or ')}`)
  }
  return { ...runOptionsFrom(values), nodes }
}

async function run(options: Options, args: readonly string[]): Promise<void> {
  const script = options.rate === null ? 'bench:router' : 'bench:latency'
  const directory = mkdtempSync(join(tmpdir(), 'memring-bench-'))
  const nodes: PinnedServer[] = []
  try {
    const memory = ['-m', String(memoryFor(options.loads))]
    const plain =
      options.nodes === 'memcached' ? memcachedCommand('direct', 'memcached') : nodeCommand()
    const node: ServerCommand = { ...plain, name: 'direct', args: [...plain.args, ...memory] }
    for (let index = 0; index < NODE_COUNT; index += 1) {
      nodes.push(await startPinned(node, pins().load))
    }
    const ports = nodes.map(({ port }) => port)
    const io = options.io.length === 0 ? ['auto'] : options.io
    const subjects = io.map(name => routerCommand(name, ports))
    const peers = [await twemproxyCommand(directory, ports), nodes[0]!]
    await runComparison({ script, args, options, servers: { subjects, peers } })
  } finally {
    await Promise.all(nodes.map(server => server.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
}

runMain(async args => {
  const options = readOptions(args)
  if (options === null) process.stdout.write(HELP)
  else await run(options, args)
})
