/**
 * Runs a whole cluster on this machine: every node and then the router as child processes,
 * started again when they die, ended together.
 *
 *   start: nodes (a few at a time) → their ports are known → router (its process waits already)
 *   stop:  router → nodes → after 5 s SIGKILL for what is left
 *
 * Which port a node got, if the kernel chose it, is kept for as long as the supervisor runs. No
 * orphans: a child ends itself when its IPC channel closes, even if the supervisor was killed.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigureMessage, RingNode } from './child-protocol.ts'
import type { Address, ClusterConfig, NodeConfig, User } from './config.ts'
import { type ProcessSpec, SupervisedProcess, type SupervisorLog } from './supervised-process.ts'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 5_000
/** The nodes get their turn even if the router does not end. */
const ROUTER_STOP_MS = 2_500

export type SupervisorOptions = {
  config: ClusterConfig
  /** The cluster file, for the router, which reads it itself. */
  configFile: string
  /** The program and its first arguments; `node …` or `router …` is added. */
  command: string
  commandArgs: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  log: SupervisorLog
  startTimeoutMs?: number
}

/** Where something listens, under the name people know it by. */
export type Endpoint = { name: string; listening: readonly Address[] }

export class Supervisor {
  readonly #options: SupervisorOptions
  /** What nodes ask for and the router knows, if the cluster has users; in memory only. */
  readonly #nodeUser: User | undefined
  readonly #nodes: readonly SupervisedProcess[]
  readonly #router: SupervisedProcess
  readonly #nodesServe = Promise.withResolvers<void>()
  #stopped: Promise<void> | undefined
  #stateDir: string | undefined
  #hadRouter = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    const password = randomBytes(32).toString('base64url')
    this.#nodeUser = options.config.users.length > 0 ? { name: 'router', password } : undefined
    this.#nodes = options.config.nodes.map(node => new SupervisedProcess(this.#nodeSpec(node)))
    this.#router = new SupervisedProcess(this.#routerSpec())
  }

  get nodes(): readonly Endpoint[] {
    return this.#nodes
  }

  get router(): Endpoint {
    return this.#router
  }

  /**
   * Resolves to true when everything serves, to false when stop() came before that.
   * @throws {ChildStartError} when a child does not start; everything is stopped by then.
   */
  async start(): Promise<boolean> {
    try {
      await Promise.all([this.#startNodes(), this.#router.start()])
    } catch (error) {
      await this.stop()
      throw error
    }
    return this.#stopped === undefined
  }

  /**
   * The router reads the cluster file again, and its TLS files. Nodes know one user only, the
   * router, and have no files.
   */
  reload(): void {
    this.#router.reload()
  }

  /** Ends every child, in order; resolves when none is left. May be called more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop().finally(() => this.#removeState())
    return this.#stopped
  }

  /** Ends every child at once, without asking. */
  kill(): void {
    this.#stopped ??= Promise.all(this.#all().map(child => child.ended)).then(() =>
      this.#removeState(),
    )
    for (const child of this.#all()) child.kill()
  }

  async #startNodes(): Promise<void> {
    const waiting = this.#nodes.values()
    // Each start is half a second of one processor: all of 500 at once would time out together.
    const turns = Array.from({ length: Math.max(4, availableParallelism()) }, async () => {
      for (const node of waiting) {
        if (this.#stopped !== undefined) return
        await node.start()
      }
    })
    await Promise.all(turns)
    this.#nodesServe.resolve()
  }

  async #stop(): Promise<void> {
    const deadline = sleep(STOP_TIMEOUT_MS, undefined, { ref: false })
    this.#router.terminate()
    await Promise.race([this.#router.ended, sleep(ROUTER_STOP_MS, undefined, { ref: false })])
    for (const node of this.#nodes) node.terminate()
    const ended = Promise.all(this.#all().map(child => child.ended))
    const late = await Promise.race([ended.then(() => false), deadline.then(() => true)])
    if (!late) return
    this.#options.log.warn({ afterMs: STOP_TIMEOUT_MS }, 'Some did not end when asked, killed')
    for (const child of this.#all()) child.kill()
    await ended
  }

  #all(): readonly SupervisedProcess[] {
    return [this.#router, ...this.#nodes]
  }

  #nodeSpec(node: NodeConfig): ProcessSpec {
    return this.#spec(node.name, {
      args: listening => nodeArguments(node, listening[0]?.port ?? node.port),
      configure: () => ({
        type: 'configure',
        name: node.name,
        users: this.#nodeUser === undefined ? [] : [this.#nodeUser],
      }),
    })
  }

  #routerSpec(): ProcessSpec {
    const { config, configFile } = this.#options
    return this.#spec('router', {
      args: () => ['router', '--config', configFile, '--supervised'],
      configure: async listening => {
        await this.#nodesServe.promise
        const message: ConfigureMessage = {
          type: 'configure',
          name: 'router',
          users: config.users,
          nodes: config.nodes.map((node, at) => this.#ringNode(node, at)),
          listen: listening.length > 0 ? listening : config.router.listen,
          stateDir: this.#stateDirectory(),
          nodesAreEmpty: !this.#hadRouter,
        }
        this.#hadRouter = true
        return this.#nodeUser === undefined ? message : { ...message, nodeUser: this.#nodeUser }
      },
    })
  }

  /** What a router remembers of these nodes is worth nothing without them: it ends with this. */
  #stateDirectory(): string {
    this.#stateDir ??= mkdtempSync(join(tmpdir(), 'memring-up-state-'))
    return this.#stateDir
  }

  #removeState(): void {
    if (this.#stateDir !== undefined) rmSync(this.#stateDir, { recursive: true, force: true })
  }

  #spec(name: string, own: Pick<ProcessSpec, 'args' | 'configure'>): ProcessSpec {
    const { command, commandArgs, env, log, startTimeoutMs = START_TIMEOUT_MS } = this.#options
    const args: ProcessSpec['args'] = listening => [...commandArgs, ...own.args(listening)]
    return { name, command, args, configure: own.configure, env, log, startTimeoutMs }
  }

  #ringNode({ name, label, host, port, weight }: NodeConfig, at: number): RingNode {
    const chosen = port === 0 ? this.#nodes[at]?.listening[0]?.port : undefined
    return { name, label, host, port: chosen ?? port, weight }
  }
}

function nodeArguments(node: NodeConfig, port: number): string[] {
  const flags = {
    // memcached's way to let the kernel choose; its 0 means no TCP at all.
    '-p': port === 0 ? -1 : port,
    '-l': node.host,
    '-m': node.memoryMb,
    '-t': node.threads,
    '-I': node.maxItemSizeBytes,
    '-c': node.connectionLimit,
    ...(node.io && { '--io': node.io }),
  }
  return ['node', ...Object.entries(flags).flat().map(String), '--supervised']
}
