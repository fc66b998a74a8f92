/** Who a process is: the user of `-u`, and the file of `-P` that says its id. */
import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Log } from '../observe/log.ts'
import { EX_NOUSER, EX_OSERR, FlagError } from './flags.ts'

/**
 * Takes on another user's rights, all of them at once and for good; only root can, and others stay
 * who they are, as in memcached. Before any thread or file of the process.
 * @throws FlagError
 */
export function assumeUser(name: string): void {
  if (process.geteuid?.() !== 0) return
  const uid = idOf(name, '-u')
  const gid = idOf(name, '-g')
  try {
    process.setgroups!([gid])
    process.setgid!(gid)
    process.setuid!(uid)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new FlagError(`failed to assume identity of user ${name}: ${reason}`, EX_OSERR)
  }
}

function idOf(name: string, which: '-u' | '-g'): number {
  const { status, stdout } = spawnSync('id', [which, '--', name], { encoding: 'utf8' })
  const id = /^\d+\n$/.test(stdout ?? '') ? Number(stdout) : Number.NaN
  if (status === 0 && Number.isInteger(id)) return id
  throw new FlagError(`can't find the user ${name} to switch to`, EX_NOUSER)
}

/** Writes the process id; a file that cannot be written is said, and no reason not to serve. */
export function writePidFile(path: string, log: Log): void {
  try {
    const before = Number(readOr(path, ''))
    if (Number.isInteger(before) && before > 1 && before !== process.pid && isRunning(before)) {
      log.warn({ path, pid: before }, 'The pid file contained the id of a running process')
    }
    writeFileSync(`${path}.tmp`, `${process.pid}\n`)
    renameSync(`${path}.tmp`, path)
  } catch (error) {
    log.error({ path, error: String(error) }, 'Cannot write the pid file')
  }
}

/** Removes it, if it is this process's. */
export function removePidFile(path: string): void {
  if (readOr(path, '').trim() === String(process.pid)) rmSync(path, { force: true })
}

function readOr(path: string, absent: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not there, or not to be read: nothing is known of it.
    return absent
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
