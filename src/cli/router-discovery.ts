/** Where a router finds its nodes, if neither a file nor `--nodes` lists them. */
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { formatAddress, parseAddress } from '../cluster/address.ts'
import type { Address, DiscoveryConfig } from '../cluster/config.ts'
import { Discovery } from '../cluster/discovery/discovery.ts'
import { AddressNodes, SrvNodes } from '../cluster/discovery/dns-nodes.ts'
import { EndpointNodes } from '../cluster/discovery/endpoint-nodes.ts'
import { DiscoveryError, type FoundNode, type NodeSource } from '../cluster/discovery/found-node.ts'
import type { Log } from '../observe/log.ts'
import type { RouterNode } from '../router/options.ts'
import { wholeNumber } from './flags.ts'

const INTERVAL_MS = 5000
const TIMEOUT_MS_MAX = 2000
const EXPECTED = 'expected srv:NAME, dns:NAME:PORT or config:HOST:PORT'

export type DiscoveryFlags = {
  discover?: DiscoveryConfig['from']
  dnsServer?: Address
  discoverInterval: number
}

export function addDiscoveryOptions(command: Command): Command {
  return command
    .option(
      '--discover <what>',
      'find nodes by srv:NAME, dns:NAME:PORT (A and AAAA) or config:HOST:PORT (config get cluster)',
      readSource,
    )
    .option('--dns-server <addr>', 'address:port of the name server to ask', readServer)
    .option(
      '--discover-interval <ms>',
      'how often to ask',
      wholeNumber(100, 3_600_000),
      INTERVAL_MS,
    )
}

/** Undefined: nodes are listed. */
export function discoveryOf(flags: DiscoveryFlags): DiscoveryConfig | undefined {
  const { discover, dnsServer, discoverInterval } = flags
  return discover && { from: discover, server: dnsServer, intervalMs: discoverInterval }
}

function readSource(text: string): DiscoveryConfig['from'] {
  const [, kind, rest = ''] = /^(srv|dns|config):(.+)$/.exec(text) ?? []
  if (kind === 'srv' && /^[A-Za-z0-9._-]{1,253}$/.test(rest)) return { srv: rest }
  if (kind === 'dns' || kind === 'config') {
    try {
      const { host, port } = parseAddress(rest)
      if (port > 0) return kind === 'dns' ? { dns: host, port } : { endpoint: { host, port } }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new InvalidArgumentError(`Cannot use ${JSON.stringify(text)}: ${EXPECTED}`)
}

function readServer(text: string): Address {
  try {
    const address = parseAddress(text)
    if (isIP(address.host) !== 0 && address.port > 0) return address
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  const expected = 'expected an IP address and a port, such as 10.0.0.2:53'
  throw new InvalidArgumentError(`Cannot use ${JSON.stringify(text)}: ${expected}`)
}

/** Another discovery was asked for before this one had an answer. */
export class SupersededError extends Error {
  override name = 'SupersededError'
}

/** Keeps asking one source at a time. */
export class DiscoveredNodes {
  readonly #log: Log
  readonly #onChange: (nodes: readonly RouterNode[]) => void
  #current: { key: string; discovery: Discovery; nodes: readonly RouterNode[] } | undefined
  #turn = 0

  constructor(log: Log, onChange: (nodes: readonly RouterNode[]) => void) {
    this.#log = log
    this.#onChange = onChange
  }

  /**
   * The nodes there are; waits for the first answer for as long as it takes. The source before is
   * asked until then.
   * @throws SupersededError
   */
  async of(config: DiscoveryConfig): Promise<readonly RouterNode[]> {
    const key = JSON.stringify(config)
    this.#turn += 1
    const turn = this.#turn
    if (this.#current?.key === key) return this.#current.nodes
    const source = sourceOf(config, this.#log)
    const discovery = this.#begin(source, config.intervalMs)
    const found = await this.#first(discovery, source, { turn, intervalMs: config.intervalMs })
    this.#current?.discovery.stop()
    this.#current = { key, discovery, nodes: found.map(routerNode) }
    return this.#current.nodes
  }

  stop(): void {
    this.#turn += 1
    this.#current?.discovery.stop()
    this.#current = undefined
  }

  #begin(source: NodeSource, intervalMs: number): Discovery {
    const from = source.description
    const log = this.#log
    const discovery = new Discovery({
      source,
      intervalMs,
      random: Math.random,
      onChange: nodes => {
        if (this.#current?.discovery !== discovery) return
        this.#current.nodes = nodes.map(routerNode)
        log.info({ from, nodes: nodes.length }, 'Other nodes found')
        this.#onChange(this.#current.nodes)
      },
      onTrouble: reason => log.warn({ from, reason }, 'Nodes not found, those before stay'),
      onRecovery: () => log.info({ from }, 'Nodes found again'),
    })
    return discovery
  }

  async #first(
    discovery: Discovery,
    { description }: NodeSource,
    { turn, intervalMs }: { turn: number; intervalMs: number },
  ): Promise<readonly FoundNode[]> {
    for (let said = false; ; said = true) {
      let found: readonly FoundNode[] | undefined
      try {
        found = await discovery.start()
      } catch (error) {
        if (!(error instanceof DiscoveryError)) throw error
        const reason = error.message
        if (!said) this.#log.warn({ from: description, reason }, 'No nodes found yet, asking on')
      }
      if (turn !== this.#turn) {
        discovery.stop()
        throw new SupersededError(`Cannot use ${description}: another was asked for`)
      }
      if (found !== undefined) return found
      await sleep(intervalMs)
    }
  }
}

function sourceOf({ from, server, intervalMs }: DiscoveryConfig, log: Log): NodeSource {
  const timeoutMs = Math.min(intervalMs, TIMEOUT_MS_MAX)
  const options = { server: server && formatAddress(server), timeoutMs }
  if ('srv' in from) return new SrvNodes(from.srv, options)
  if ('endpoint' in from) return new EndpointNodes({ ...from.endpoint, timeoutMs })
  const said = 'Node has no name of its own: its keys move when its address changes'
  const onNameless = (address: string) => log.warn({ address }, said)
  return new AddressNodes(from.dns, from.port, { ...options, onNameless })
}

function routerNode({ label, host, port }: FoundNode): RouterNode {
  return { name: label, label, host, port, weight: 1 }
}
