/**
 * One child of the supervisor: a process that is started, configured over IPC, watched, and
 * started again when it dies. It owns the process and the timers around it; who is started when,
 * and when all of them stop, is the supervisor's.
 *
 *   idle ──start()──▶ starting ──ready──▶ serving
 *                        │  ▲                │
 *           never served │  │ delay over     │ died
 *                        ▼  └── waiting ◀────┘
 *                     failed        (a restart that dies while starting waits again)
 *   any ──terminate() or kill()──▶ ending ──process gone──▶ ended
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Log } from '../observe/log.ts'
import { formatAddress } from './address.ts'
import { BackOff } from './back-off.ts'
import { type ConfigureMessage, isReady } from './child-protocol.ts'
import type { Address } from './config.ts'

/** The part of a log that the supervisor writes to. */
export type SupervisorLog = Pick<Log, 'info' | 'warn' | 'error'>

/** A child died before it served for the first time; what was wrong it has printed itself. */
export class ChildStartError extends Error {
  override name = 'ChildStartError'
  readonly code = 'CHILD_START'
  readonly child: string

  constructor(child: string, reason: string) {
    super(`Cannot start ${child}: it ended with ${reason}`)
    this.child = child
  }
}

export type ProcessSpec = {
  name: string
  command: string
  /** Asked at every start, since both change once the child's port is known. */
  args(listening: readonly Address[]): readonly string[]
  /** A child whose configuration is not known yet is started already and waits for it. */
  configure(listening: readonly Address[]): ConfigureMessage | Promise<ConfigureMessage>
  env: Readonly<Record<string, string | undefined>>
  log: SupervisorLog
  /** A child that does not serve by then is killed and counts as died. */
  startTimeoutMs: number
}

type State = 'idle' | 'starting' | 'serving' | 'waiting' | 'failed' | 'ending' | 'ended'

export class SupervisedProcess {
  readonly name: string
  /** Resolves when the process is gone for good, after terminate() or kill(). */
  readonly ended: Promise<void>
  readonly #spec: ProcessSpec
  readonly #backOff = new BackOff()
  readonly #started = Promise.withResolvers<void>()
  readonly #resolveEnded: () => void
  #state: State = 'idle'
  #child: ChildProcess | undefined
  #listening: readonly Address[] = []
  #servingSince = 0
  #mustReload = false
  #timer: NodeJS.Timeout | undefined

  constructor(spec: ProcessSpec) {
    this.#spec = spec
    this.name = spec.name
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#resolveEnded = resolve
    // Whoever called start() hears of a failure; ending before start() is no failure at all.
    this.#started.promise.catch(() => undefined)
  }

  /** Where it listens, as it said itself; empty until it serves for the first time. */
  get listening(): readonly Address[] {
    return this.#listening
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /**
   * Resolves when the child serves for the first time, or when it is ended before that.
   * @throws {ChildStartError} when it dies before: no restart is tried then.
   */
  start(): Promise<void> {
    if (this.#state === 'idle') this.#spawn()
    return this.#started.promise
  }

  /** Has it read its files again: now, or as soon as it serves. */
  reload(): void {
    if (this.#state === 'serving') this.#child?.kill('SIGHUP')
    // Who starts may have read them already, and does not listen to the signal yet.
    else this.#mustReload = true
  }

  /** Asks the process to end, once; it is not started again. */
  terminate(): void {
    this.#end('SIGTERM')
  }

  kill(): void {
    this.#end('SIGKILL')
  }

  #end(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#state === 'ended') return
    if (this.#state === 'waiting') clearTimeout(this.#timer)
    this.#state = 'ending'
    if (this.#child === undefined) this.#finish()
    else this.#child.kill(signal)
  }

  #finish(): void {
    this.#state = 'ended'
    this.#started.resolve()
    this.#resolveEnded()
  }

  #spawn(): void {
    const { command, env } = this.#spec
    this.#state = 'starting'
    const child = spawn(command, this.#spec.args(this.#listening), {
      env: { ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A session of its own: Ctrl-C reaches the supervisor alone, which then ends the children in
      // order. What cannot be left behind because of it ends when the IPC channel closes.
      detached: true,
    })
    this.#child = child
    child.on('message', message => {
      if (child !== this.#child || this.#state !== 'starting') return
      if (isReady(message)) this.#onReady(message.listening)
      else this.#spec.log.warn({ child: this.name }, 'Sent an unknown message, ignored')
    })
    child.once('exit', (code, signal) => this.#onExit(child, signal ?? `code ${code}`))
    child.on('error', error => {
      // A process that runs reports its end by 'exit', whatever went wrong with a message to it.
      if (child.pid === undefined) this.#onExit(child, error.message)
    })
    void this.#configure(child)
  }

  async #configure(child: ChildProcess): Promise<void> {
    const message = await this.#spec.configure(this.#listening)
    if (child !== this.#child || this.#state !== 'starting') return
    const { log, startTimeoutMs } = this.#spec
    this.#timer = setTimeout(() => {
      log.error({ child: this.name, afterMs: startTimeoutMs }, 'Does not start, killed')
      child.kill('SIGKILL')
    }, startTimeoutMs)
    // The callback takes the error of a child that is dead already: its exit says more.
    child.send(message, () => undefined)
  }

  #onReady(listening: readonly Address[]): void {
    clearTimeout(this.#timer)
    this.#state = 'serving'
    // The first start the child reports itself; that a repair has worked is ours to say.
    if (this.#servingSince > 0) {
      const where = listening.map(formatAddress).join(', ')
      this.#spec.log.info({ child: this.name, pid: this.pid, listening: where }, 'Serving again')
    }
    this.#listening = listening
    this.#servingSince = performance.now()
    if (this.#mustReload) this.reload()
    this.#mustReload = false
    this.#started.resolve()
  }

  #onExit(child: ChildProcess, reason: string): void {
    if (child !== this.#child) return
    clearTimeout(this.#timer)
    this.#child = undefined
    const before = this.#state
    if (before === 'ending') {
      this.#finish()
      return
    }
    const hasServed = this.#servingSince > 0
    if (before === 'starting' && !hasServed) {
      this.#state = 'failed'
      this.#started.reject(new ChildStartError(this.name, reason))
      return
    }
    const upMs = before === 'serving' ? performance.now() - this.#servingSince : 0
    const restartInMs = this.#backOff.delayMs(upMs)
    const fields = { child: this.name, pid: child.pid, reason, upMs: Math.round(upMs), restartInMs }
    this.#spec.log.warn(fields, 'Died, starting again')
    this.#state = 'waiting'
    this.#timer = setTimeout(() => this.#spawn(), restartInMs)
  }
}
