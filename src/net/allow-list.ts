/**
 * Networks that connections may come from (`--allow`), asked once for each connection where it is
 * accepted. IPv4 addresses are the same in their IPv6 wrapping; UNIX sockets are not asked about,
 * their file mode is.
 */
import { BlockList, isIP } from 'node:net'

export const ALLOW_MAX = 1024

export class AllowList {
  readonly #networks = new BlockList()

  /** @throws RangeError for what is no address and no network. */
  constructor(networks: readonly string[]) {
    if (networks.length > ALLOW_MAX) {
      throw new RangeError(
        `Cannot allow ${networks.length} networks: expected ${ALLOW_MAX} at most`,
      )
    }
    for (const text of networks) {
      const { address, bits, family } = parseNetwork(text)
      this.#networks.addSubnet(address, bits, family)
    }
  }

  /** @param peer `address:port`, or `unix`. */
  allows(peer: string): boolean {
    if (peer === 'unix') return true
    const address = peer.slice(0, Math.max(0, peer.lastIndexOf(':')))
    const version = isIP(address)
    // Whoever has gone already has no address: nothing is lost.
    return version !== 0 && this.#networks.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

type Network = { address: string; bits: number; family: 'ipv4' | 'ipv6' }

/** An address, or `address/bits`. @throws RangeError */
export function parseNetwork(text: string): Network {
  const [, address = '', bitsText] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = address.includes('%') ? 0 : isIP(address)
  const most = version === 6 ? 128 : 32
  const bits = bitsText === undefined ? most : Number(bitsText)
  if (version === 0 || bits > most) {
    const expected = 'expected an address or a network such as 10.0.0.0/8 or fd00::/8'
    throw new RangeError(`Cannot allow ${JSON.stringify(text)}: ${expected}`)
  }
  return { address, bits, family: version === 6 ? 'ipv6' : 'ipv4' }
}
