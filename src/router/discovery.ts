/**
 * What auto discovery tells clients of the nodes, in ElastiCache's words:
 *
 *   <version>\n<host>|<address>|<port> <host>|<address>|<port> …\n
 *
 * Nodes are ordered by host; the address is empty while it is not known. Clients take a list for
 * new only if its version is greater than the last they saw.
 */
import { equalBytes, latin1 } from '../base/bytes.ts'
import type { Request } from '../protocol/request.ts'
import type { RouterNode } from './options.ts'

/** Where older clients look for the same text. */
const LEGACY_KEY = latin1('AmazonElastiCache:cluster')

/** Whether a request is about the key that is the router's own. */
export function isReserved({ key, keyAt, keySize }: Request): boolean {
  return keySize === LEGACY_KEY.length && equalBytes(key, keyAt, LEGACY_KEY, 0, keySize)
}

export class Discovery {
  #version: number
  #nodes: readonly RouterNode[]
  readonly #addressOf: (host: string) => string | undefined

  /** @param version 1 to 2147483647: some clients keep it in 32 bits. */
  constructor(
    version: number,
    nodes: readonly RouterNode[],
    addressOf: (host: string) => string | undefined,
  ) {
    this.#version = version
    this.#nodes = nodes.toSorted((one, other) => byHost(one, other))
    this.#addressOf = addressOf
  }

  /** Other nodes, or the same ones by a greater version. */
  replace(version: number, nodes: readonly RouterNode[]): void {
    this.#version = version
    this.#nodes = nodes.toSorted((one, other) => byHost(one, other))
  }

  text(): Uint8Array {
    const nodes = this.#nodes.map(
      ({ host, port }) => `${host}|${this.#addressOf(host) ?? ''}|${port}`,
    )
    return latin1(`${this.#version}\n${nodes.join(' ')}\n`)
  }
}

function byHost(one: RouterNode, other: RouterNode): number {
  if (one.host === other.host) return one.port - other.port
  return one.host < other.host ? -1 : 1
}
