/**
 * Nodes by DNS. With SRV records a node's label is its target, which says which node it is; with A
 * and AAAA records there are only addresses, so each is asked for its name (`memring node
 * --node-name`), and one that has none stands on the ring by its address.
 */
import { Resolver } from 'node:dns/promises'
import { ringLabel } from '../../ring/label.ts'
import { ask, type Login } from './ask.ts'
import { checkedNodes, DiscoveryError, type FoundNode, type NodeSource } from './found-node.ts'

export type DnsOptions = {
  /** `host:port` of the server to ask, Consul's 8600 for one; undefined: the system's. */
  readonly server: string | undefined
  readonly timeoutMs: number
}

const TRIES = 2

function resolverOf({ server, timeoutMs }: DnsOptions): Resolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
  if (server !== undefined) resolver.setServers([server])
  return resolver
}

export class SrvNodes implements NodeSource {
  readonly description: string
  readonly #name: string
  readonly #resolver: Resolver
  /** Targets are looked up by the same server; what the system asks by itself may not know them. */
  readonly #ownServer: boolean

  constructor(name: string, options: DnsOptions) {
    this.description = `SRV ${name}`
    this.#name = name
    this.#resolver = resolverOf(options)
    this.#ownServer = options.server !== undefined
  }

  async find(): Promise<readonly FoundNode[]> {
    const records = await answered(this.#resolver.resolveSrv(this.#name), this.description)
    const nodes = records.map(async ({ name, port }) => {
      const host = this.#ownServer ? await this.#addressOf(name) : name
      return { label: ringLabel(name, port), host, port }
    })
    return checkedNodes(await Promise.all(nodes), this.description)
  }

  async #addressOf(target: string): Promise<string> {
    const [address] = await addressesOf(this.#resolver, target)
    return address ?? target
  }
}

export type AddressOptions = DnsOptions & {
  readonly login?: Login | undefined
  /** Told once of an address that has no name of its own. */
  readonly onNameless: (address: string) => void
}

export class AddressNodes implements NodeSource {
  readonly description: string
  readonly #name: string
  readonly #port: number
  readonly #resolver: Resolver
  readonly #options: AddressOptions
  /** What nodes said their names were, for as long as their address is listed. */
  #names = new Map<string, string>()
  readonly #nameless = new Set<string>()

  constructor(name: string, port: number, options: AddressOptions) {
    this.description = `addresses of ${name}`
    this.#name = name
    this.#port = port
    this.#resolver = resolverOf(options)
    this.#options = options
  }

  async find(): Promise<readonly FoundNode[]> {
    const addresses = await addressesOf(this.#resolver, this.#name)
    if (addresses.length === 0) throw new DiscoveryError(`${this.description}: there are none`)
    const nodes = await Promise.all(addresses.map(address => this.#nodeAt(address)))
    this.#names = new Map(nodes.map(({ host, label }) => [host, label]))
    return checkedNodes(nodes, this.description)
  }

  async #nodeAt(host: string): Promise<FoundNode> {
    const port = this.#port
    const label = this.#names.get(host) ?? (await this.#askName(host)) ?? ringLabel(host, port)
    return { label, host, port }
  }

  async #askName(host: string): Promise<string | undefined> {
    const { timeoutMs, login, onNameless } = this.#options
    const where = { host, port: this.#port, timeoutMs, login }
    const settings = await ask(where, 'stats settings', isEnded)
    const name = /^STAT memring_node_name (\S{1,250})\r$/m.exec(settings)?.[1]
    if (name === undefined && !this.#nameless.has(host)) {
      this.#nameless.add(host)
      onNameless(host)
    }
    return name
  }
}

function isEnded(answer: string): boolean {
  return answer.endsWith('END\r\n') || /^(CLIENT_|SERVER_)?ERROR/m.test(answer)
}

/** IPv4 first; a name that has addresses of one kind only is no error. */
async function addressesOf(resolver: Resolver, name: string): Promise<string[]> {
  const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const found = [four, six].flatMap(result => (result.status === 'fulfilled' ? result.value : []))
  if (found.length > 0 || four.status === 'fulfilled') return [...new Set(found)]
  throw new DiscoveryError(`addresses of ${name}: ${reasonOf(four.reason)}`)
}

async function answered<T>(answer: Promise<T>, description: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new DiscoveryError(`${description}: ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
