// Clients that read and write a few keys at random through a router, over nodes that execute and
// answer when they like: every read is checked against the order of all that is known to have
// happened. Values are versions, which only grow; nodes get the writes of a key as they were made.
//
//   floor(key)   newest version that was acknowledged, or read by anybody, when the get was made,
//                or written before it by the same client
//   below(key)   the version of the client's next write, which it must not see yet

import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Counter } from '../../../src/observe/counters.ts'
import type { Client } from '../session/support.ts'
import { type Link, makeRouter, turn } from './support.ts'

const CHECKS = process.env['MEMRING_TEST_ALL'] === '1' ? 1_000_000 : 30_000
const KEYS = ['a', 'bb', 'ccc', 'd4d4', 'e-e-e', 'ffffff']
/** These are written by somebody else, past this router. */
const FOREIGN = 2
const CLIENTS = 24

/** Executes what it is asked when told to, and answers later still. */
class ScriptedNode {
  readonly #link: Link
  readonly #items = new Map<string, string>()
  #lines: string[] = []
  #out = ''
  asked = 0

  constructor(link: Link) {
    this.#link = link
  }

  get isIdle(): boolean {
    return this.#lines.length === 0 && this.#out === ''
  }

  /** What somebody else has written, and been told so. */
  set(key: string, value: string): void {
    this.#items.set(key, value)
  }

  hear(): void {
    this.#lines.push(...this.#link.requests.split('\r\n').slice(0, -1))
  }

  execute(count: number): void {
    for (let i = 0; i < count && this.#lines.length > 0; i += 1) this.#execute()
  }

  #execute(): void {
    const [verb, key = '', ...rest] = this.#lines.shift()!.split(' ')
    if (verb === 'set') {
      this.#items.set(key, this.#lines.shift()!)
      this.#out += 'STORED\r\n'
    } else if (verb === 'delete') {
      this.#out += this.#items.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n'
    } else if (verb === 'get' || verb === 'gets') {
      for (const one of [key, ...rest]) {
        this.asked += 1
        const value = this.#items.get(one)
        if (value === undefined) continue
        const cas = verb === 'gets' ? ` ${value}` : ''
        this.#out += `VALUE ${one} 0 ${value.length}${cas}\r\n${value}\r\n`
      }
      this.#out += 'END\r\n'
    } else {
      throw new Error(`Cannot execute "${verb}"`)
    }
  }

  deliver(bytes: number): void {
    const piece = this.#out.slice(0, bytes)
    this.#out = this.#out.slice(bytes)
    if (piece !== '') this.#link.reply(piece)
  }
}

type Asked = { key: string; floor: number; below: number; isRead: boolean; version: number }

/** What is known of the keys, by everybody. */
class History {
  readonly #floors = new Map<string, number>()
  /** Versions that were deletions. */
  readonly #deletions = new Map<string, number[]>()
  #version = 0

  floor(key: string): number {
    return this.#floors.get(key) ?? 0
  }

  known(key: string, version: number): void {
    this.#floors.set(key, Math.max(this.floor(key), version))
  }

  write(key: string, isDeletion: boolean): number {
    this.#version += 1
    if (isDeletion) {
      const deletions = this.#deletions.get(key) ?? [0]
      deletions.push(this.#version)
      this.#deletions.set(key, deletions.slice(-200))
    }
    return this.#version
  }

  /** Whether it may have been absent, as a get saw that was made under these conditions. */
  mayBeAbsent({ key, floor, below }: Asked): boolean {
    const deletions = this.#deletions.get(key) ?? [0]
    return deletions.some(version => version >= floor && version < below)
  }
}

/** A client of the text protocol that remembers what it is owed. */
class Asker {
  readonly #client: Client
  readonly #history: History
  readonly #owed: Asked[] = []
  #input = ''
  checks = 0

  constructor(client: Client, history: History) {
    this.#client = client
    this.#history = history
  }

  get owes(): number {
    return this.#owed.length
  }

  ask(prng: Prng): void {
    let send = ''
    for (let count = 1 + prng.below(4); count > 0; count -= 1) {
      const place = prng.below(KEYS.length)
      const key = KEYS[place]!
      const what = place < FOREIGN ? prng.below(10) : prng.below(12)
      const isRead = what < 10
      const version = isRead ? 0 : this.#history.write(key, what === 10)
      const own = this.#owed.findLast(one => one.key === key && !one.isRead)
      const floor = Math.max(this.#history.floor(key), own?.version ?? 0)
      if (!isRead) for (const one of this.#owed) if (one.key === key) one.below ||= version
      this.#owed.push({ key, floor, below: 0, isRead, version })
      if (isRead) send += `${what === 0 ? 'gets' : 'get'} ${key}\r\n`
      else if (what === 10) send += `delete ${key}\r\n`
      else send += `set ${key} 0 0 ${String(version).length}\r\n${version}\r\n`
    }
    this.#client.send(send)
  }

  hear(): void {
    this.#input += this.#client.reply
    for (let taken = this.#take(); taken > 0; taken = this.#take()) {
      this.#input = this.#input.slice(taken)
      this.#owed.shift()
    }
  }

  /** Size of the first whole answer; 0: there is none. */
  #take(): number {
    const asked = this.#owed[0]
    if (asked === undefined) {
      expect(this.#input).toBe('')
      return 0
    }
    const end = this.#input.indexOf('\r\n') + 2
    if (end < 2) return 0
    const line = this.#input.slice(0, end - 2)
    if (!asked.isRead) {
      expect(line).toMatch(/^(STORED|DELETED|NOT_FOUND)$/)
      this.#history.known(asked.key, asked.version)
      return end
    }
    if (line !== 'END') return this.#takeValue(asked, line, end)
    this.checks += 1
    if (!this.#history.mayBeAbsent(limited(asked))) throw new Error(`Missed: ${show(asked)}`)
    return end
  }

  #takeValue(asked: Asked, line: string, end: number): number {
    const [, size] = new RegExp(`^VALUE ${asked.key} 0 (\\d+)(?: \\d+)?$`).exec(line) ?? []
    if (size === undefined) throw new Error(`Answered "${line}": ${show(asked)}`)
    const whole = end + Number(size) + '\r\nEND\r\n'.length
    if (this.#input.length < whole) return 0
    const version = Number(this.#input.slice(end, end + Number(size)))
    this.checks += 1
    const { floor, below, key } = limited(asked)
    if (version < floor || version >= below) throw new Error(`Read ${version}: ${show(asked)}`)
    this.#history.known(key, version)
    return whole
  }
}

function limited(asked: Asked): Asked {
  return { ...asked, below: asked.below || Number.POSITIVE_INFINITY }
}

function show(asked: Asked): string {
  return JSON.stringify(asked)
}

test('no read is older than an acknowledged write or an earlier read', {
  timeout: 30_000 + CHECKS,
}, () => {
  const seed = Date.now() % 1_000_000
  const prng = new Prng(seed)
  const router = makeRouter({ nodes: 2 })
  const nodes = [0, 1].map(node => new ScriptedNode(router.link(node)))
  const history = new History()
  const askers = Array.from({ length: CLIENTS }, () => new Asker(router.connect(), history))
  const checks = () => askers.reduce((sum, asker) => sum + asker.checks, 0)
  const writePast = (key: string): void => {
    const version = history.write(key, false)
    for (const node of nodes) node.set(key, String(version))
    history.known(key, version)
  }
  const step = (): void => {
    turn()
    for (const node of nodes) {
      node.hear()
      if (prng.below(4) === 0) writePast(KEYS[prng.below(FOREIGN)]!)
      node.execute(prng.below(6))
      if (prng.below(2) === 0) node.deliver(prng.below(120))
    }
    turn()
    for (const asker of askers) asker.hear()
  }
  try {
    while (checks() < CHECKS) {
      for (let some = prng.below(6); some > 0; some -= 1) {
        const asker = askers[prng.below(CLIENTS)]!
        if (asker.owes < 12) asker.ask(prng)
      }
      step()
    }
    const isBusy = () => askers.some(({ owes }) => owes > 0) || nodes.some(node => !node.isIdle)
    for (let i = 0; i < 10_000 && isBusy(); i += 1) step()
  } catch (error) {
    throw new Error(`Seed ${seed}`, { cause: error })
  }
  expect(askers.every(asker => asker.owes === 0)).toBe(true)
  expect(nodes.every(node => node.isIdle)).toBe(true)
  const shared = router.counters.sum(Counter.getsShared)
  expect(shared).toBeGreaterThan(CHECKS / 10)
  expect(nodes[0]!.asked + nodes[1]!.asked + shared).toBe(checks())
})
