/**
 * A router without sockets: its executor over scripted nodes. A test decides when a connection opens,
 * what a node answers and in what pieces, and how time goes by (fake timers).
 */
import { onTestFinished, vi } from 'vitest'
import type { Credential } from '../../../src/auth/account.ts'
import { HostBook } from '../../../src/net/host-book.ts'
import type { Cancel, OutboundHandler, Stream, Transport } from '../../../src/net/transport.ts'
import { Counters } from '../../../src/observe/counters.ts'
import { Ring } from '../../../src/ring/ring.ts'
import type { RouterNode } from '../../../src/router/options.ts'
import { RouteExecutor } from '../../../src/router/route-executor.ts'
import type { NodeState, Row } from '../../../src/router/stats.ts'
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
  /** Node states as they were told: `n0 up`, `n0 down: why`. */
  told: string[]
  connect(stream?: FakeStream): Client
  /** A key that lies on a node. */
  keyOn(node: number, suffix?: string): string
}

export type TestRouterOptions = {
  nodes?: number
  open?: boolean
  nodeCredential?: Credential
  connectionsPerNode?: number
  stagingBytes?: number
}

export function makeRouter(given: TestRouterOptions = {}): TestRouter {
  vi.useFakeTimers({ toFake: FAKED })
  const nodes = Array.from({ length: given.nodes ?? 1 }, (_, i) => {
    const port = 11300 + i
    return { name: `n${i}`, label: `127.0.0.1:${port}`, host: '127.0.0.1', port, weight: 1 }
  })
  const transport = new FakeTransport()
  const counters = Counters.create(1)
  const ring = Ring.build('ketama', nodes)
  const told: string[] = []
  const executor = new RouteExecutor({
    ring,
    nodes,
    transport,
    hosts: HostBook.create([]),
    connectionsPerNode: given.connectionsPerNode ?? 1,
    nodeCredential: given.nodeCredential,
    connectTimeoutMs: CONNECT_MS,
    requestTimeoutMs: REQUEST_MS,
    reconnectMinMs: BACK_OFF_MIN_MS,
    reconnectMaxMs: BACK_OFF_MAX_MS,
    itemSizeMax: MIB,
    nowMs: () => Date.now(),
    counts: counters.ofThread(0),
    stats: { rows: rowsOf, proxy: states => [...rowsOf(states), ['proxy', 1]], reset: () => {} },
    onNodeState: (node, isUp, reason) =>
      told.push(isUp ? `${node.name} up` : `${node.name} down: ${reason}`),
  })
  onTestFinished(() => {
    // Whatever the executor still has to do is on timers that go with this.
    vi.useRealTimers()
  })
  const { stagingBytes } = given
  const node = makeNode(stagingBytes === undefined ? { executor } : { executor, stagingBytes })
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
  return { node, nodes, links, link, executor, counters, told, connect, keyOn }
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
