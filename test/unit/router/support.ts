/**
 * A router without sockets: its executor over scripted nodes. A test decides when a connection opens,
 * what a node answers and in what pieces, and how time goes by (fake timers).
 */
import { onTestFinished, vi } from 'vitest'
import type { Credential } from '../../../src/auth/account.ts'
import type { DeadNode, HealthSettings } from '../../../src/cluster/config.ts'
import { HostBook } from '../../../src/net/host-book.ts'
import type { Cancel, OutboundHandler, Stream, Transport } from '../../../src/net/transport.ts'
import { Counters } from '../../../src/observe/counters.ts'
import { Ring } from '../../../src/ring/ring.ts'
import {
  deadNodeDefaults,
  healthDefaults,
  type HealthMessage,
  isShutLife,
  NodeHealth,
} from '../../../src/router/health.ts'
import type { RouterNode } from '../../../src/router/options.ts'
import { Discovery } from '../../../src/router/discovery.ts'
import { RouteExecutor } from '../../../src/router/route-executor.ts'
import type { NodeState, Row } from '../../../src/router/stats.ts'
import type { TopologyMessage } from '../../../src/router/topology.ts'
import { type Client, FakeStream, makeNode, type TestNode } from '../session/support.ts'
import { MIB } from '../store/support.ts'

export const CONNECT_MS = 1000
export const REQUEST_MS = 1000
/** More than the router waits for answers before it hangs up. */
export const CLOSE_MS = 500
/** Between two pieces of a long answer. */
export const LATER_MS = 1
export const BACK_OFF_MIN_MS = 50
export const BACK_OFF_MAX_MS = 2000
export const SILENCE_MS = 3000
export const ADMITTED_AFTER_MS = 20
export const ROUTER_ID = '0123456789abcdef'

const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const
const FAKED = [...TIMERS, 'setImmediate' as const, 'Date' as const]

/** One connection of the router to a node, from the node's side. */
export class Link extends FakeStream {
  readonly port: number
  readonly #handler: OutboundHandler
  isClosed = false

  constructor(port: number, handler: OutboundHandler) {
    super()
    this.port = port
    this.#handler = handler
  }

  /** Connected; nothing is answered yet. */
  connected(): void {
    this.#handler.onOpen()
  }

  /** Connected, and the router's greeting answered as a node does that asks for no login. */
  open(): void {
    this.connected()
    const greeting = this.requests
    if (greeting !== 'version\r\n') throw new Error(`Cannot open: greeted by "${greeting}"`)
    this.forget()
    this.reply('VERSION 1.6.45\r\n')
  }

  /** What the router has sent since last asked. */
  get requests(): string {
    return this.takeFresh()
  }

  /** Answers, in pieces of `size` bytes, in a buffer that is overwritten afterwards. */
  reply(text: string, size = Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < text.length && !this.destroyed; at += size) {
      const piece = Buffer.from(text.slice(at, at + size), 'latin1')
      const shared = new Uint8Array(piece.length + 3).fill(0x58)
      shared.set(piece, 2)
      this.#handler.onData(shared, 2, piece.length)
      shared.fill(0x21)
    }
  }

  /**
   * Answers the gets that it was asked since last asked, several keys to a line as they came.
   * @param block of a key: its VALUE block, or ''
   * @returns the keys
   */
  answerGets(block: (key: string) => string, size?: number): string[] {
    const lines = this.requests.split('\r\n').slice(0, -1)
    const keys = lines.map(line => line.split(' ').slice(1))
    this.reply(keys.map(asked => `${asked.map(key => block(key)).join('')}END\r\n`).join(''), size)
    return keys.flat()
  }

  close(error = ''): void {
    this.isClosed = true
    this.#handler.onClose(error)
  }

  drain(): void {
    this.drained()
    this.#handler.onDrain()
  }

  /** The node sends no more. */
  half(): void {
    this.#handler.onEnd()
  }

  /** As a transport does: the handler hears of it later. */
  override destroy(): void {
    if (this.destroyed) return
    super.destroy()
    setImmediate(() => this.close())
  }
}

class FakeTransport implements Transport {
  readonly links: Link[] = []

  connect(_host: string, port: number, _timeoutMs: number, handler: OutboundHandler): Stream {
    const link = new Link(port, handler)
    this.links.push(link)
    return link
  }

  after(ms: number, call: () => void): Cancel {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  }

  every(ms: number, call: () => void): Cancel {
    const timer = setInterval(call, ms)
    return () => clearInterval(timer)
  }

  atTurnEnd(call: () => void): void {
    setImmediate(call)
  }
}

export type TestRouter = {
  node: TestNode
  nodes: readonly RouterNode[]
  links: readonly Link[]
  /** The newest connection to a node. */
  link(node: number): Link
  executor: RouteExecutor
  counters: Counters
  health: NodeHealth
  main: FakeMain
  connect(stream?: FakeStream): Client
  /** The node is shut out, and stays it. */
  shut(node: number): void
  /** A key that lies on a node. */
  keyOn(node: number, suffix?: string): string
}

export type TestRouterOptions = {
  nodes?: number
  open?: boolean
  nodeCredential?: Credential
  connectionsPerNode?: number
  stagingBytes?: number
  replyBytes?: number
  healthSettings?: Partial<HealthSettings>
  outstandingMax?: number
  coalesces?: boolean
  deadNode?: Partial<DeadNode>
  waitsForMark?: boolean
}

/** The main thread, as far as data threads can tell: admits what is shut a moment later. */
export class FakeMain {
  /** `n0 down: why`, `n0 closed`, `n0 missed KEY`, `n0 up`. */
  readonly told: string[] = []
  /** False: whatever is shut stays out. */
  admits = true
  readonly #health: NodeHealth
  readonly #nodes: readonly RouterNode[]
  readonly #executor: RouteExecutor

  constructor(health: NodeHealth, nodes: readonly RouterNode[], executor: RouteExecutor) {
    this.#health = health
    this.#nodes = nodes
    this.#executor = executor
  }

  hear(message: HealthMessage | TopologyMessage): void {
    if (message.type === 'taken' || message.type === 'left') {
      this.told.push(message.type)
      return
    }
    const { node } = message
    const { name } = this.#nodes[node]!
    if (message.type === 'shut') this.told.push(`${name} down: ${message.reason}`)
    if (message.type === 'missed') {
      this.told.push(`${name} missed ${message.key ?? 'everything'}`)
      this.#health.settle(node)
    }
    if (message.type !== 'closed' || !isShutLife(message.life)) return
    this.told.push(`${name} closed`)
    if (this.admits) setTimeout(() => this.admit(node), ADMITTED_AFTER_MS)
  }

  admit(node: number): void {
    if (!this.#health.admit(node, this.#health.life(node))) throw new Error('Cannot admit')
    this.told.push(`${this.#nodes[node]!.name} up`)
    this.#executor.look()
  }
}

export function makeRouter(given: TestRouterOptions = {}): TestRouter {
  vi.useFakeTimers({ toFake: FAKED })
  const nodes = Array.from({ length: given.nodes ?? 1 }, (_, i) => {
    const port = 11300 + i
    const label = `127.0.0.1:${port}`
    return { name: `n${i}`, label, host: '127.0.0.1', port, weight: 1, slot: i }
  })
  const transport = new FakeTransport()
  const counters = Counters.create(1)
  const ring = Ring.build('ketama', nodes)
  const health = NodeHealth.create(nodes.length)
  for (const node of nodes.keys()) {
    health.admit(node, 1)
    health.decide(node)
  }
  const discovery = new Discovery(7, nodes, () => '127.0.0.1')
  const executor = new RouteExecutor({
    ring,
    nodes,
    transport,
    hosts: HostBook.create([]),
    connectionsPerNode: given.connectionsPerNode ?? 1,
    nodeCredential: given.nodeCredential,
    limits: {
      connectTimeoutMs: CONNECT_MS,
      requestTimeoutMs: REQUEST_MS,
      reconnectMinMs: BACK_OFF_MIN_MS,
      reconnectMaxMs: BACK_OFF_MAX_MS,
      healthSettings: { ...healthDefaults, timeoutMs: SILENCE_MS, ...given.healthSettings },
      outstandingMax: given.outstandingMax ?? 65_536,
      coalesces: given.coalesces ?? true,
    },
    itemSizeMax: MIB,
    nowMs: () => Date.now(),
    counts: counters.ofThread(0),
    discovery,
    stats: { rows: rowsOf, proxy: states => [...rowsOf(states), ['proxy', 1]], reset: () => {} },
    health,
    deadNode: { ...deadNodeDefaults, ...given.deadNode },
    onTaken: () => {},
    tellMain: message => main.hear(message),
    waitsForMark: given.waitsForMark ?? false,
    routerId: ROUTER_ID,
  })
  const main = new FakeMain(health, nodes, executor)
  onTestFinished(() => {
    // Whatever the executor still has to do is on timers that go with this.
    vi.useRealTimers()
  })
  const { stagingBytes, replyBytes } = given
  const node = makeNode({
    executor,
    ...(stagingBytes === undefined ? {} : { stagingBytes }),
    ...(replyBytes === undefined ? {} : { replyBytes }),
  })
  node.services.cluster = discovery
  // What a session wants done later waits for time to go by, as nodes' answers do.
  node.services.later = call => void setTimeout(call, LATER_MS)
  const link = (index: number): Link =>
    transport.links.findLast(({ port }) => port === nodes[index]!.port)!
  const opens = given.open ?? given.nodeCredential === undefined
  if (opens) for (const one of transport.links) one.open()
  const keyOn = (index: number, suffix = ''): string => {
    for (let i = 0; ; i += 1) {
      const key = `k${i}${suffix}`
      if (ring.locate(Buffer.from(key), 0, key.length) === index) return key
    }
  }
  const { links } = transport
  const connect = (stream?: FakeStream): Client => node.connect(stream)
  const shut = (index: number): void => {
    main.admits = false
    health.shut(index, health.life(index))
    executor.look()
    turn()
  }
  return { node, nodes, links, link, executor, counters, health, main, connect, shut, keyOn }
}

function rowsOf(states: readonly NodeState[]): Row[] {
  return states.map(({ name, isUp }) => [name, isUp ? 'up' : 'down'])
}

/** Lets everything that waits for the next turn of the event loop happen. */
export function turn(): void {
  vi.advanceTimersByTime(0)
}

export function later(ms: number): void {
  vi.advanceTimersByTime(ms)
}
