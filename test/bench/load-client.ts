// The benchmark's handle on the load process: starts it pinned to its CPU, sends it one task at a
// time, and hands back what it measured.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadAnswer, LoadTask, Slice } from './load-process.ts'

const LOAD_PROCESS = fileURLToPath(new URL('./load-process.ts', import.meta.url))

export class LoadClient {
  readonly #child: ChildProcess
  #answered: ((answer: LoadAnswer) => void) | null = null

  constructor(cpu: number) {
    this.#child = spawn('taskset', ['-c', String(cpu), process.execPath, LOAD_PROCESS], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const fail = (error: string): void => this.#answered?.({ ok: false, error })
    this.#child.on('message', (answer: LoadAnswer) => this.#answered?.(answer))
    this.#child.on('error', error => fail(error.message))
    this.#child.on('exit', (code, signal) => fail(`the load process ended with ${code ?? signal}`))
    process.on('exit', () => this.#child.kill('SIGKILL'))
  }

  /** @throws what the task threw, as text, or why the process has ended. */
  async do(task: LoadTask): Promise<Slice | null> {
    const answer = await new Promise<LoadAnswer>((resolve, reject) => {
      this.#answered = resolve
      this.#child.send(task, error => {
        if (error !== null) reject(error)
      })
    })
    this.#answered = null
    if (!answer.ok) throw new Error(`Cannot ${task.type} in the load process: ${answer.error}`)
    return answer.slice
  }

  /** @throws also when the task has no measurement to give. */
  async measure(task: LoadTask): Promise<Slice> {
    const slice = await this.do(task)
    if (slice === null) throw new Error(`Cannot read the measurement of "${task.type}": got none`)
    return slice
  }

  stop(): void {
    // Without its channel the process ends by itself.
    if (this.#child.connected) this.#child.disconnect()
  }
}
