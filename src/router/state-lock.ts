/**
 * A `--state-dir` belongs to one router at a time. The kernel keeps the lock, and gives it up when
 * the router ends, however that happens: a POSIX lock of `router.lock`, which Node itself does not
 * offer, as SQLite takes it. Beside it stands, for people, which process has it.
 *
 * When it changes hands the earlier router is through: what it was asked to write is answered, or
 * the node is marked (router-state.ts) and nobody was told anything.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { StateError } from './router-state.ts'

const FILE = 'router.lock'
const HOLDER_FILE = 'router.pid'
/** How long a router that is asked to end may take, and how often that is looked at. */
const WAIT_MS = 3000
const CHECK_MS = 20
const SQLITE_BUSY = 5

export class StateLock {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /**
   * Waits a moment for a router that is ending.
   * @param directory exists.
   * @throws StateError when another router has it.
   */
  static async take(directory: string, waitMs = WAIT_MS): Promise<StateLock> {
    const deadline = performance.now() + waitMs
    for (;;) {
      const database = lock(join(directory, FILE))
      if (database !== undefined) {
        writeFileSync(join(directory, HOLDER_FILE), `${process.pid}\n`, { mode: 0o600 })
        return new StateLock(database)
      }
      if (performance.now() >= deadline) {
        throw new StateError(
          `Cannot use ${directory}: another router has it${holderOf(directory)}, expected a ` +
            '--state-dir of its own for each',
        )
      }
      await sleep(CHECK_MS)
    }
  }

  release(): void {
    this.#database.close()
  }
}

/** Undefined: it is another's. @throws StateError when it cannot be locked at all. */
function lock(file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    // Most routers need none of it.
    const sqlite = process.getBuiltinModule('node:sqlite')
    database = new sqlite.DatabaseSync(file, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
    throw new StateError(`Cannot lock ${file}: ${String(error)}`)
  }
}

function holderOf(directory: string): string {
  try {
    return ` (process ${Number(readFileSync(join(directory, HOLDER_FILE), 'utf8'))})`
  } catch {
    // Not written yet, or not for us to read: it is a hint only.
    return ''
  }
}
