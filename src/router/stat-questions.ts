/** `stats` of a router: its own, one node's, or all nodes' as one. */
import { latin1 } from '../base/bytes.ts'
import { Command } from '../protocol/command.ts'
import { Request } from '../protocol/request.ts'
import type { StatAnswer } from '../session/executor.ts'
import type { Session } from '../session/session.ts'
import type { NodeLinks } from './node-links.ts'
import { gatheredStats, NodeRows, oneNodesStats } from './node-stats.ts'
import { areSayable } from './request-meta.ts'
import type { NodeState, Row } from './stats.ts'
import type { PlacedNode } from './topology.ts'

export type OwnStats = {
  /** The router's part of `stats` … */
  rows: (nodes: readonly NodeState[]) => Row[]
  /** … and all it has to say of itself. */
  proxy: (nodes: readonly NodeState[]) => Row[]
  reset: () => void
}

export class StatQuestions {
  readonly #links: NodeLinks
  readonly #own: OwnStats
  readonly #question = new Request()

  constructor(links: NodeLinks, own: OwnStats) {
    this.#links = links
    this.#own = own
  }

  /** `stats proxy`: the router's own; `stats node NAME …`: one node's; else all nodes' as one. */
  stats(
    session: Session,
    words: readonly string[],
    nodes: readonly PlacedNode[],
  ): StatAnswer | undefined {
    const { states } = this.#links
    const own = this.#own
    const [what = '', name] = words
    if (what === 'proxy') return { rows: own.proxy(states).values(), label: 'STAT', end: 'END' }
    const asked = what === 'node' ? words.slice(2) : words
    if (!areSayable(asked)) return undefined
    if (what === 'node') {
      const node = nodes.find(one => one.name === name)
      return node && oneNodesStats(asked, this.#ask(session, node.slot, asked))
    }
    if (what === 'reset') own.reset()
    const all = nodes.map(({ slot }) => this.#ask(session, slot, asked))
    return gatheredStats(asked, all, what === '' ? own.rows(states) : [])
  }

  #ask(session: Session, slot: number, words: readonly string[]): NodeRows {
    const question = this.#question
    question.reset(Command.stats)
    question.key = latin1(words.join(' '))
    question.keyAt = 0
    question.keySize = question.key.length
    const connection = this.#links.of(slot, session)
    const rows = new NodeRows(connection.name)
    const outstanding = connection.send(question)
    if (outstanding === undefined) {
      rows.answer(`SERVER_ERROR ${connection.failure}`)
    } else {
      outstanding.take(session, undefined, question)
      outstanding.gathering = rows
    }
    return rows
  }
}
