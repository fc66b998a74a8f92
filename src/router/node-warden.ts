/**
 * The main thread's part in the health of one node (health.ts has the states): when every thread
 * has let go of it, asks whether it is there, fences it, and lets it in again. Fencing as
 * fencing.ts does it; what was missed is in the journal.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Credential } from '../auth/account.ts'
import type { HostBook } from '../net/host-book.ts'
import type { TlsDialler } from '../net/tls-outbound.ts'
import type { Log } from '../observe/log.ts'
import { ControlConnection, NodeError } from './control-connection.ts'
import {
  deleteKeys,
  flush as flushAll,
  OldConnectionsError,
  raiseFence,
  settle,
  waitUntilGone,
} from './fencing.ts'
import { isShutLife, type NodeHealth } from './health.ts'
import { Journal } from './journal.ts'
import type { RouterNode } from './options.ts'
import type { RouterState } from './router-state.ts'

/** Admitted for as long, a node has earned it to be tried soon again. */
const STEADY_MS = 5000
/** Of the pause between two tries, at random. */
const JITTER = 0.5

export type WardenTimes = {
  connectTimeoutMs: number
  answerTimeoutMs: number
  pauseMinMs: number
  pauseMaxMs: number
}

export type WardenOptions = WardenTimes & {
  node: RouterNode
  index: number
  threads: number
  health: NodeHealth
  state: RouterState
  hosts: HostBook
  credential: Credential | undefined
  dialler: TlsDialler | undefined
  journalKeys: number
  /** It was a node of this router before, and others have been written in its place since. */
  wasGone: boolean
  /** The node has been started just now, for this router. */
  isEmpty: boolean
  log: Log
  /** 0 to 1. */
  random: () => number
  /** Something has changed for the threads. */
  onChange: () => void
}

export class NodeWarden {
  readonly #options: WardenOptions
  readonly #journal: Journal
  /** Threads that have nothing left from before the node was shut out. */
  readonly #closed = new Set<number>()
  #life: number
  #isFirst = true
  #mustFlush: boolean
  #isMarking = false
  #pauseMs: number
  #admittedAtMs = 0
  #saidDown = false
  #saidUnmarked = false
  readonly #stop = new AbortController()
  #wake: () => void = () => {}

  constructor(options: WardenOptions) {
    this.#options = options
    const { health, index, state, node, threads, isEmpty, wasGone } = options
    this.#journal = new Journal(options.journalKeys)
    this.#pauseMs = options.pauseMinMs
    this.#life = health.life(index)
    for (let thread = 0; thread < threads; thread += 1) this.#closed.add(thread)
    const isUnknown = state.isKept && state.markOf(node.label) !== 'clean'
    this.#mustFlush = !isEmpty && (isUnknown || wasGone)
    void this.#keep()
  }

  change(times: WardenTimes): void {
    Object.assign(this.#options, times)
    this.#pauseMs = times.pauseMinMs
  }

  /** What is under way with the node is not waited for (it may take seconds); it has no effect. */
  stop(): void {
    this.#stop.abort()
    this.#wake()
  }

  onShut(life: number, reason: string): void {
    const { node, log } = this.#options
    this.#begin(life)
    this.#saidDown = true
    log.warn({ node: node.name, reason }, 'Node is down')
    this.#wake()
  }

  onClosed(thread: number, life: number): void {
    if (!isShutLife(life)) return
    this.#begin(life)
    this.#closed.add(thread)
    this.#wake()
  }

  onMissed(key: string | undefined): void {
    const { health, index } = this.#options
    this.#journal.add(key)
    health.settle(index)
    if (!health.isMarked(index)) void this.#mark()
    this.#wake()
  }

  #begin(life: number): void {
    if (life === this.#life) return
    this.#life = life
    this.#closed.clear()
  }

  /** On disk that the node has missed something; then the threads may say so. */
  async #mark(): Promise<void> {
    if (this.#isMarking) return
    this.#isMarking = true
    const { health, index, state, node, log, onChange } = this.#options
    try {
      await state.set(node.label, 'marked')
      if (!this.#journal.isEmpty) health.setMarked(index, true)
      onChange()
    } catch (error) {
      if (!this.#saidUnmarked) {
        log.error({ node: node.name, error: String(error) }, 'Cannot write down what nodes miss')
      }
      this.#saidUnmarked = true
    } finally {
      this.#isMarking = false
    }
  }

  async #keep(): Promise<void> {
    const { health, index, threads } = this.#options
    while (!this.#stop.signal.aborted) {
      const isReady = !health.isAdmitted(index) && this.#closed.size === threads
      if (!isReady || this.#life !== health.life(index)) await this.#woken()
      else if (!(await this.#tryOnce())) await this.#pause()
    }
  }

  #woken(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  async #pause(): Promise<void> {
    const { random, pauseMaxMs } = this.#options
    const ms = this.#pauseMs * (1 - JITTER / 2 + JITTER * random())
    this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs * 2)
    try {
      await sleep(ms, undefined, { signal: this.#stop.signal })
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    }
  }

  /** Whether it is admitted. */
  async #tryOnce(): Promise<boolean> {
    const { node, health, index, log, onChange, hosts } = this.#options
    let control: ControlConnection | undefined
    try {
      control = await this.#connect()
      await this.#readmit(control)
      return true
    } catch (error) {
      if (this.#stop.signal.aborted) return false
      hosts.want(node.host)
      if (!this.#saidDown) {
        this.#saidDown = true
        const reason = error instanceof NodeError ? error.message : String(error)
        log.warn({ node: node.name, reason }, 'Node is down')
      }
      if (!health.isDecided(index)) {
        health.decide(index)
        onChange()
      }
      return false
    } finally {
      control?.close()
    }
  }

  async #connect(): Promise<ControlConnection> {
    const { node, hosts, credential, dialler, connectTimeoutMs, answerTimeoutMs } = this.#options
    const host = hosts.addressOf(node.host)
    if (host === undefined) throw new NodeError(`Cannot find an address of ${node.host}`)
    const timeouts = { connectMs: connectTimeoutMs, answerMs: answerTimeoutMs }
    const where = { host, port: node.port, name: node.host, dialler }
    const control = await ControlConnection.open(where, credential, timeouts)
    const said = await control.ask('version\r\n').catch((error: unknown) => {
      control.close()
      throw error
    })
    if (said.startsWith('VERSION ')) return control
    control.close()
    throw new NodeError(`"version" answered ${said.slice(0, 40)}`)
  }

  async #readmit(control: ControlConnection): Promise<void> {
    const { node, health, index, state, log, onChange } = this.#options
    const life = this.#life
    const generation = state.nextGeneration()
    const knowsFence = await raiseFence(control, state.id, generation)
    // A router that remembers nothing has another name each time: only its sockets tell.
    let isGone = knowsFence
    if (!knowsFence || (this.#isFirst && !state.isKept)) {
      isGone = (await this.#waitUntilGone(control, knowsFence)) || knowsFence
    }
    health.setFenceable(index, isGone)
    health.setGeneration(index, knowsFence ? generation : undefined)
    let deleted = 0
    let flushed = false
    do {
      if (this.#mustFlush || this.#journal.isOverflown) {
        await flushAll(control)
        this.#mustFlush = false
        this.#journal.clear()
        flushed = true
      }
      const keys = this.#journal.keys()
      await deleteKeys(control, keys)
      this.#journal.remove(keys)
      deleted += keys.length
      if (!this.#journal.isEmpty) continue
      this.#stop.signal.throwIfAborted()
      // From here on a write that is missed waits for a mark of its own.
      health.setMarked(index, false)
      await state.set(node.label, 'clean')
    } while (!(await this.#admit(life)))
    this.#isFirst = false
    const fields = { node: node.name, ...(deleted > 0 && { deleted }), ...(flushed && { flushed }) }
    log.info(fields, 'Node is up')
    this.#saidDown = false
    health.decide(index)
    onChange()
  }

  /** False: there is more that was missed, or will be heard of in a moment. */
  async #admit(life: number): Promise<boolean> {
    const { health, index } = this.#options
    if (!this.#journal.isEmpty) return false
    this.#stop.signal.throwIfAborted()
    const now = performance.now()
    if (!health.admit(index, life)) {
      // What threads have said comes with the next turn of the event loop.
      await setImmediate()
      return false
    }
    if (now - this.#admittedAtMs > STEADY_MS) this.#pauseMs = this.#options.pauseMinMs
    this.#admittedAtMs = now
    return true
  }

  /** Whether this can be known. */
  async #waitUntilGone(control: ControlConnection, knowsFence: boolean): Promise<boolean> {
    const { node, log } = this.#options
    const isUnnamed = this.#isFirst && !this.#options.state.isKept
    try {
      if (await waitUntilGone(control)) return true
    } catch (error) {
      // They may be of others: what was not written down is no reason to keep a node out.
      if (!isUnnamed || !(error instanceof OldConnectionsError)) throw error
    }
    if (knowsFence || isUnnamed) return false
    log.warn(
      { node: node.name },
      'Node does not show our old connections: waited a second for them to be gone',
    )
    await settle()
    return false
  }
}
