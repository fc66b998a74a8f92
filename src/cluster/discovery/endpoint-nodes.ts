/**
 * Nodes as another endpoint lists them: ElastiCache's `config get cluster`, or the key that came
 * before it.
 *
 *   CONFIG cluster 0 <bytes>\r\n<version>\n<host>|<ip>|<port> <host>|<ip>|<port> …\n\r\nEND\r\n
 *
 * Versions only grow; an endpoint that answers an older one has not heard yet.
 */
import { isIP } from 'node:net'
import { ringLabel } from '../../ring/label.ts'
import { ask, type AskOptions } from './ask.ts'
import { checkedNodes, DiscoveryError, type FoundNode, type NodeSource } from './found-node.ts'

const QUESTIONS = ['config get cluster', 'get AmazonElastiCache:cluster'] as const
const ANSWER =
  /^(?:CONFIG cluster|VALUE AmazonElastiCache:cluster) \d+ \d+\r\n(\d{1,10})\n(.*)\n\r\nEND\r\n$/s
const NODE = /^([^|\s]{1,253})\|([^|\s]*)\|(\d{1,5})$/

export class EndpointNodes implements NodeSource {
  readonly description: string
  readonly #where: AskOptions
  #version = -1
  #nodes: readonly FoundNode[] = []

  constructor(where: AskOptions) {
    this.description = `config of ${where.host}:${where.port}`
    this.#where = where
  }

  async find(): Promise<readonly FoundNode[]> {
    for (const question of QUESTIONS) {
      const answer = await ask(this.#where, question, isWhole)
      const [, version, list] = ANSWER.exec(answer) ?? []
      if (version === undefined || list === undefined) continue
      if (Number(version) <= this.#version) return this.#nodes
      const nodes = list.split(' ').filter(text => text !== '')
      const found = checkedNodes(
        nodes.map(text => this.#nodeOf(text)),
        this.description,
      )
      this.#version = Number(version)
      this.#nodes = found
      return found
    }
    throw new DiscoveryError(`${this.description}: it lists no cluster`)
  }

  #nodeOf(text: string): FoundNode {
    const [, name = '', address = '', digits] = NODE.exec(text) ?? []
    const port = Number(digits ?? 0)
    if (port < 1 || port > 65_535 || (address !== '' && isIP(address) === 0)) {
      throw new DiscoveryError(`${this.description}: found "${text}", expected host|ip|port`)
    }
    return { label: ringLabel(name, port), host: address === '' ? name : address, port }
  }
}

function isWhole(answer: string): boolean {
  return answer.endsWith('END\r\n') || /^(CLIENT_|SERVER_)?ERROR.*\r\n$/.test(answer)
}
