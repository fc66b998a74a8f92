// Sends the same bytes to two servers and compares what comes back.
//
// 1. Every step ends with `version`, whose answer marks the end of the step's own.
// 2. Cas uniques are compared as distances from the one that a probe item got: both servers
//    count by one for every item they link, but did not start together. The base is read anew
//    after a flush_all, which takes a number on 1.6.18.
// 3. Steps take turns on three connections, so that all threads of a node see all keys.

import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { printable } from '../support/transcript.ts'
import type { Step } from './oracle-commands.ts'
import { normaliseMeta } from './oracle-meta.ts'

const CONNECTIONS = 3

export class Side {
  readonly #connections: readonly TestConnection[]
  readonly #marker: string
  /** Uniques in the order met, where servers do not agree how many they use up. */
  readonly #names: Map<string, string> | undefined
  #turn = 0
  #casBase = 0n
  /** The last that was shown, else the base. */
  lastCas = 0n

  private constructor(connections: readonly TestConnection[], version: string, namesCas: boolean) {
    this.#connections = connections
    this.#names = namesCas ? new Map() : undefined
    this.#marker = `VERSION ${version}\r\n`
  }

  /** @param namesCas cas uniques are compared by name, not by their distance from the first. */
  static async open(server: ServerProcess, version: string, namesCas: boolean): Promise<Side> {
    const opening = Array.from({ length: CONNECTIONS }, () => TestConnection.open(server))
    return new Side(await Promise.all(opening), version, namesCas)
  }

  /** The answer to `send`, without the marker's. */
  async ask(send: string): Promise<string> {
    const connection = this.#connections[this.#turn % CONNECTIONS]
    if (connection === undefined) throw new Error('Cannot send: no connection')
    await connection.send(`${send}version\r\n`)
    const answer = (await connection.receiveUntil(this.#marker)).toString('latin1')
    if (!answer.endsWith(this.#marker)) {
      throw new Error(`Cannot see the end of an answer to ${printable(send)}: ${printable(answer)}`)
    }
    return answer.slice(0, -this.#marker.length)
  }

  nextConnection(): void {
    this.#turn += 1
  }

  async readCasBase(): Promise<void> {
    const answer = await this.ask('set probe 0 0 1\r\nx\r\ngets probe\r\n')
    const unique = /VALUE probe 0 1 (\d+)/.exec(answer)?.[1]
    if (unique === undefined) throw new Error(`Cannot read a cas unique: ${printable(answer)}`)
    this.#casBase = BigInt(unique)
    this.#names?.clear()
  }

  #named(cas: string): string {
    this.lastCas = BigInt(cas)
    if (this.#names === undefined) return `+${this.lastCas - this.#casBase}`
    const name = this.#names.get(cas) ?? `#${this.#names.size}`
    this.#names.set(cas, name)
    return name
  }

  /** Cas uniques made comparable; data blocks are skipped, not searched. */
  normalise(answer: string): string {
    this.lastCas = this.#casBase
    let out = ''
    let at = 0
    while (at < answer.length) {
      const end = answer.indexOf('\n', at)
      const lineEnd = end < 0 ? answer.length : end + 1
      const row = answer.slice(at, lineEnd)
      const meta = /^(?:HD|VA (\d+)|EN|NS|EX|NF)(?: .*)?\r\n$/.exec(row)
      if (meta !== null) {
        const size = meta[1] === undefined ? 0 : Number(meta[1]) + 2
        out += normaliseMeta(row, cas => this.#named(cas)) + answer.slice(lineEnd, lineEnd + size)
        at = lineEnd + size
        continue
      }
      const value = /^(VALUE \S+ \d+ (\d+))( \d+)?\r\n$/.exec(row)
      at = lineEnd
      if (value === null) {
        out += row
        continue
      }
      const size = Number(value[2]) + 2
      const unique = value[3] === undefined ? '' : ` ${this.#named(value[3].trim())}`
      out += `${value[1]}${unique}\r\n${answer.slice(at, at + size)}`
      at += size
    }
    return out
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }
}

export class Pair {
  readonly #memcached: Side
  readonly #node: Side
  commandCount = 0

  constructor(memcached: Side, node: Side) {
    this.#memcached = memcached
    this.#node = node
  }

  async begin(): Promise<void> {
    await this.#both('flush_all\r\n')
    await this.#rebase()
  }

  /** Throws with the bytes sent and both answers when they differ. */
  async run(step: Step): Promise<void> {
    this.#memcached.nextConnection()
    this.#node.nextConnection()
    if (step.kind === 'batch') await this.#batch(step.commands)
    else if (step.kind === 'cas') await this.#cas(step)
    else await this.#differs(step)
  }

  async #batch(commands: readonly string[]): Promise<void> {
    this.commandCount += commands.length
    let pending: string[] = []
    const send = async (): Promise<void> => {
      if (pending.length > 0) await this.#same(pending.join(''))
      pending = []
    }
    for (const command of commands) {
      if (/^(incr|decr|ma) /.test(command)) await send()
      pending.push(command)
      if (!command.startsWith('flush_all')) continue
      await send()
      await this.#rebase()
    }
    await send()
  }

  async #cas({ key, off, rest }: Step & { kind: 'cas' }): Promise<void> {
    this.commandCount += 2
    await this.#same(`gets ${key}\r\n`)
    const unique = (side: Side): string => {
      const wanted = side.lastCas + BigInt(off)
      return rest.replace('UNIQUE', String(wanted < 0n ? 0n : wanted))
    }
    const [there, here] = await Promise.all([
      this.#memcached.ask(unique(this.#memcached)),
      this.#node.ask(unique(this.#node)),
    ])
    check(`gets ${key}, then ${rest}`, there, here)
    await this.#same(`gets ${key}\r\n`)
  }

  async #differs(step: Step & { kind: 'differs' }): Promise<void> {
    this.commandCount += 1
    const [there, here] = await this.#both(step.send)
    check(`${step.send} on memcached (${step.reason})`, step.memcached, there)
    check(step.send, step.node, here)
  }

  async #same(send: string): Promise<void> {
    const [there, here] = await this.#both(send)
    const expected = this.#memcached.normalise(there)
    check(send, expected, this.#node.normalise(here))
  }

  #both(send: string): Promise<[string, string]> {
    return Promise.all([this.#memcached.ask(send), this.#node.ask(send)])
  }

  async #rebase(): Promise<void> {
    await Promise.all([this.#memcached.readCasBase(), this.#node.readCasBase()])
  }
}

function check(sent: string, expected: string, got: string): void {
  if (got === expected) return
  throw new Error(
    `Different answers\n  sent     ${printable(sent)}\n  expected ${printable(expected)}\n` +
      `  got      ${printable(got)}`,
  )
}
