// What the clients are pointed at: one address, whatever is behind it.

import {
  type ServerProcess,
  startMemcached,
  startNode,
  startRouter,
  testThreads,
} from '../support/processes.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly address: string
  /** The cache nodes behind it, or itself. */
  readonly nodes: readonly string[]
  stop(): Promise<void>
}

export interface EndpointKind {
  readonly name: string
  start(flags?: readonly string[]): Promise<Endpoint>
}

const NODE_COUNT = 3

async function single(starting: Promise<ServerProcess>): Promise<Endpoint> {
  const server = await starting
  const stop = async (): Promise<void> => {
    await server.stop()
  }
  return { ...addressOf(server), nodes: [server.address], stop }
}

async function routed(flags: readonly string[]): Promise<Endpoint> {
  const starting = Array.from({ length: NODE_COUNT }, () => startNode(['-t', '1', '-m', '64']))
  const nodes = await Promise.all(starting)
  const addresses = nodes.map(node => node.address)
  const router = await startRouter(addresses, ['-t', String(testThreads(1)), ...flags])
  const stop = async (): Promise<void> => {
    await Promise.all([router, ...nodes].map(server => server.stop()))
  }
  return { ...addressOf(router), nodes: addresses, stop }
}

function addressOf({
  host,
  port,
  address,
}: ServerProcess): Pick<Endpoint, 'host' | 'port' | 'address'> {
  return { host, port, address }
}

export const memcachedEndpoint: EndpointKind = {
  name: 'memcached',
  start: (flags = []) => single(startMemcached(flags)),
}

export const nodeEndpoint: EndpointKind = {
  name: 'node',
  start: (flags = []) => single(startNode(['-t', String(testThreads(2)), ...flags])),
}

export const routerEndpoint: EndpointKind = {
  name: 'router over 3 nodes',
  start: (flags = []) => routed(flags),
}
