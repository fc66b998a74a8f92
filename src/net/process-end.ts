/**
 * How a process ends when something is wrong: one line, at once. process.exit would wait for
 * threads that are blocked in the kernel, and a thread that died may have held a lock; so nothing
 * is waited for and nothing is tidied up. Whatever supervises the process starts it again, empty.
 */
import { writeSync } from 'node:fs'
import { loadKernel } from './kernel.ts'

/** EX_SOFTWARE of sysexits.h: an internal error. */
export const EXIT_FATAL = 70

/** Writes the last line and ends the process; does not return. */
export function endFatally(lastLine: string): never {
  try {
    writeSync(2, `${lastLine}\n`)
  } catch {
    // Nobody reads standard error (full pipe, closed): the exit code still says it.
  }
  loadKernel()?.exit(EXIT_FATAL)
  exitWithoutHooks(EXIT_FATAL)
}

/** Everything that nobody caught ends the process, whatever other threads are doing. */
export function endFatallyOnUncaught(describe: (error: unknown) => string): void {
  process.on('uncaughtException', error => endFatally(describe(error)))
  process.on('unhandledRejection', error => endFatally(describe(error)))
}

/**
 * The last step of the orderly end, when every thread has returned. Not process.exit: its hooks
 * would wait for whoever reads the log.
 */
export function endOrderly(): never {
  loadKernel()?.exit(0)
  exitWithoutHooks(0)
}

/** The log has been written out by now, as far as it could be; its exit hook would try again. */
function exitWithoutHooks(code: number): never {
  process.removeAllListeners('exit')
  process.exit(code)
}
