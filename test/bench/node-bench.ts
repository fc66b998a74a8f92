// One node on one thread against C memcached on one thread: the same load in turn on both
// (A B A B …), the servers pinned to one CPU and the load to another. Says CPU time per request,
// throughput and latency, and the ratios pair by pair. Fails on a wrong answer, not on a slow one.

import { type Certificate, Certificates } from '../support/certificates.ts'
import { HELP, type Options, readOptions } from './node-bench-options.ts'
import { memcachedCommand, nodeCommand, type ServerCommand, withTls } from './servers.ts'
import { memoryFor } from './shapes.ts'
import { runComparison, runMain } from './side-by-side.ts'

interface Servers {
  readonly subjects: ServerCommand[]
  readonly peers: ServerCommand[]
}

/** The subjects first, then their peers. */
function serverCommands(options: Options, certificate: Certificate | undefined): Servers {
  const memory = ['-m', String(memoryFor(options.loads))]
  const sized = (plain: ServerCommand): ServerCommand => {
    const server = certificate === undefined ? plain : withTls(plain, certificate)
    return { ...server, args: [...server.args, ...memory] }
  }
  const debian = sized(memcachedCommand('memcached', 'memcached'))
  const given = process.env['MEMCACHED_BIN']
  if (options.aa) {
    const twice = given ? sized(memcachedCommand('memcached', given)) : debian
    return { subjects: [twice], peers: [{ ...twice, name: 'memcached again' }] }
  }
  const peers = given ? [debian, sized(memcachedCommand('MEMCACHED_BIN', given))] : [debian]
  const node = sized(nodeCommand(options.nodeArgs))
  const subjects = options.io.map(io => ({
    ...node,
    name: `node ${io}`,
    args: [...node.args, '--io', io],
  }))
  return { subjects: subjects.length === 0 ? [node] : subjects, peers }
}

runMain(async args => {
  const options = readOptions(args)
  if (options === null) {
    process.stdout.write(HELP)
    return
  }
  const certificates = options.tls ? new Certificates() : undefined
  try {
    const servers = serverCommands(options, certificates?.authority)
    await runComparison({ script: 'bench', args, options, servers })
  } finally {
    certificates?.remove()
  }
})
