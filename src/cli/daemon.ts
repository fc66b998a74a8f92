/**
 * `-d`: the command starts itself again, apart from the terminal, and ends when that process serves
 * (0), or could not (its words and its exit code). memcached ends before it knows either.
 */
import { spawn } from 'node:child_process'
import { EX_OSERR } from './flags.ts'

const MARK = 'MEMRING_DAEMONIZED'

type Outcome = { type: 'serving' } | { type: 'failed'; said: string; exitCode: number }

/** Whether this process is the one that was put in the background. */
export function isDaemon(): boolean {
  return process.env[MARK] === '1' && process.send !== undefined
}

/** Starts the background process. @param verbose it keeps the terminal to say what it does. */
export async function daemonize(verbose: boolean): Promise<void> {
  const output = verbose ? 'inherit' : 'ignore'
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...process.env, [MARK]: '1' },
  })
  const outcome = await new Promise<Outcome>(resolve => {
    child.once('message', message => resolve(message as Outcome))
    child.once('error', error => resolve(failed(`Cannot run in the background: ${error.message}`)))
    child.once('exit', code => resolve(failed('Cannot run in the background: ended', code)))
  })
  if (outcome.type === 'failed') {
    process.stderr.write(`${outcome.said}\n`)
    process.exitCode = outcome.exitCode
  }
  if (child.connected) child.disconnect()
  child.unref()
}

function failed(said: string, exitCode: number | null = EX_OSERR): Outcome {
  return { type: 'failed', said, exitCode: exitCode ?? EX_OSERR }
}

/** From the background process, once: it serves. */
export function tellServing(): void {
  tell({ type: 'serving' })
}

/** … or it does not. */
export function tellFailed(said: string, exitCode: number): void {
  tell({ type: 'failed', said, exitCode })
}

function tell(outcome: Outcome): void {
  process.send?.(outcome, () => {
    if (process.connected) process.disconnect?.()
  })
}
