// A client of a cluster that knows what each reply must be. Every key belongs to one client, and a
// router keeps a client's requests to one node in order, so for keys of nodes that are well there is
// exactly one right answer. For a node that was killed its keys may be lost, and writes refused with
// its name; for one that was stopped, writes that timed out may still be carried out late.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prng } from '../../src/base/prng.ts'
import type { Address } from '../support/connection.ts'

const BATCH = 16

/** What a node is going through, shared by all clients. */
export type NodeHealth = {
  readonly name: string
  /** `stopped`: late writes may come true at any time from now on. */
  state: 'well' | 'killed' | 'stopped'
  /** Counts its deaths. */
  life: number
  /** Since it was first stopped, values of its keys may be older ones. */
  wasStopped: boolean
}

export type ModelKey = {
  readonly name: string
  readonly node: NodeHealth
  /** What a get must give; undefined: a miss. */
  value: string | undefined
  /** The life of its node in which the value was stored. */
  life: number
  version: number
}

type Asked = {
  kind: 'get' | 'set' | 'delete'
  keys: ModelKey[]
  value: string
  life: number
  wasWell: boolean
}

export class ModelClient {
  readonly keys: readonly ModelKey[]
  /** Replies that cannot be right. */
  readonly wrong: string[] = []
  readonly counts = { hits: 0, misses: 0, stored: 0, refused: 0 }
  slowestMs = 0
  closed = false
  readonly #socket: Socket
  readonly #prng: Prng
  #received = ''
  #wake: () => void = () => {}

  private constructor(socket: Socket, keys: readonly ModelKey[], prng: Prng) {
    this.#socket = socket
    this.keys = keys
    this.#prng = prng
    socket.setEncoding('latin1')
    socket.on('data', (piece: string) => {
      this.#received += piece
      this.#wake()
    })
    socket.on('error', error => this.wrong.push(error.message))
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  static async open(address: Address, keys: readonly ModelKey[], prng: Prng): Promise<ModelClient> {
    const socket = connect({ host: address.host, port: address.port })
    await once(socket, 'connect')
    return new ModelClient(socket, keys, prng)
  }

  get replies(): number {
    const { hits, misses, stored, refused } = this.counts
    return hits + misses + stored + refused
  }

  /** Asks, waits for all answers, asks again, until told otherwise. */
  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn() && !this.closed && this.wrong.length === 0) {
      const from = performance.now()
      await this.#round(Array.from({ length: BATCH }, () => this.#choose()))
      this.slowestMs = Math.max(this.slowestMs, performance.now() - from)
      await sleep(1)
    }
  }

  /** Stores every key that its node takes. */
  async storeAll(): Promise<void> {
    await this.#round(this.keys.map(key => this.#asked('set', [key])))
  }

  async readAll(): Promise<void> {
    await this.#round(this.keys.map(key => this.#asked('get', [key])))
  }

  close(): void {
    this.#socket.destroy()
  }

  async #round(batch: Asked[]): Promise<void> {
    this.#socket.write(Buffer.from(batch.map(lineOf).join(''), 'latin1'))
    for (const asked of batch) {
      if (asked.kind === 'get') await this.#checkGet(asked)
      else this.#checkLine(asked, await this.#line())
      if (this.closed) {
        this.wrong.push(`Cannot go on: closed, ${JSON.stringify(this.#received)} not used`)
        return
      }
    }
  }

  #choose(): Asked {
    const dice = this.#prng.below(100)
    if (dice < 40) return this.#asked('set', [this.#key()])
    if (dice < 45) return this.#asked('delete', [this.#key()])
    const count = dice < 80 ? 1 : 2 + this.#prng.below(8)
    return this.#asked('get', [...new Set(Array.from({ length: count }, () => this.#key()))])
  }

  #key(): ModelKey {
    return this.keys[this.#prng.below(this.keys.length)]!
  }

  #asked(kind: Asked['kind'], keys: ModelKey[]): Asked {
    const [key] = keys
    let value = ''
    if (kind === 'set') {
      key!.version += 1
      const size = this.#prng.below(50) === 0 ? 40_000 : this.#prng.below(500)
      value = `${key!.name}:${key!.version}:${'v'.repeat(size)}`
    }
    const { life, state } = key!.node
    return { kind, keys, value, life, wasWell: state === 'well' }
  }

  async #checkGet({ keys }: Asked): Promise<void> {
    const found = new Map<string, string>()
    let line = await this.#line()
    while (line.startsWith('VALUE ')) {
      const [, name = '', , size] = line.split(' ')
      found.set(name, await this.#take(Number(size)))
      await this.#take(2)
      line = await this.#line()
    }
    if (this.closed) return
    if (line !== 'END') this.wrong.push(`get answered ${line}`)
    const inOrder = keys.filter(({ name }) => found.has(name)).map(({ name }) => name)
    if (inOrder.join() !== [...found.keys()].join()) {
      this.wrong.push(
        `asked for ${keys.map(({ name }) => name).join()}, got ${[...found.keys()].join()}`,
      )
    }
    for (const key of keys) this.#checkValue(key, found.get(key.name))
  }

  #checkValue(key: ModelKey, value: string | undefined): void {
    const { node } = key
    if (value === undefined) this.counts.misses += 1
    else this.counts.hits += 1
    if (value === key.value) return
    if (node.wasStopped) {
      const own = value === undefined || value.startsWith(`${key.name}:`)
      if (own) return
    }
    const isLost = value === undefined && key.life !== node.life
    if (isLost) {
      key.value = undefined
      return
    }
    const wanted = (key.value ?? 'a miss').slice(0, 40)
    const got = (value ?? 'a miss').slice(0, 40)
    this.wrong.push(`${key.name} of ${node.name} (${node.state}): got ${got}, not ${wanted}`)
  }

  #checkLine(asked: Asked, line: string): void {
    if (this.closed) return
    const key = asked.keys[0]!
    const { node } = key
    const hasFaults = !asked.wasWell || node.life !== asked.life || node.wasStopped
    if (line.startsWith(`SERVER_ERROR ${node.name} `) && hasFaults) {
      this.counts.refused += 1
      if (node.wasStopped) return
      key.value = undefined
      return
    }
    const wasThere = key.value !== undefined
    const mayDiffer = hasFaults || key.life !== node.life
    const right = asked.kind === 'set' ? 'STORED' : wasThere ? 'DELETED' : 'NOT_FOUND'
    const isRight = line === right || (asked.kind === 'delete' && line === 'NOT_FOUND' && mayDiffer)
    const isLate = asked.kind === 'delete' && line === 'DELETED' && node.wasStopped
    if (!isRight && !isLate) {
      this.wrong.push(`${asked.kind} ${key.name} of ${node.name}: ${line}, not ${right}`)
    }
    this.counts.stored += 1
    key.value = asked.kind === 'set' ? asked.value : undefined
    key.life = asked.life
  }

  async #line(): Promise<string> {
    let end = this.#received.indexOf('\r\n')
    while (end < 0 && !this.closed) {
      await this.#more()
      end = this.#received.indexOf('\r\n')
    }
    const line = this.#received.slice(0, end)
    this.#received = this.#received.slice(end + 2)
    return line
  }

  async #take(size: number): Promise<string> {
    while (this.#received.length < size && !this.closed) await this.#more()
    const text = this.#received.slice(0, size)
    this.#received = this.#received.slice(size)
    return text
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

function lineOf({ kind, keys, value }: Asked): string {
  const names = keys.map(({ name }) => name).join(' ')
  if (kind === 'set') return `set ${names} 0 0 ${value.length}\r\n${value}\r\n`
  return `${kind} ${names}\r\n`
}
