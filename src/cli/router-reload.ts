/** What a running router reads again, on SIGHUP or because its cluster file has changed. */
import type { Log } from '../observe/log.ts'
import type { RouterOptions } from '../router/options.ts'
import type { RouterServer } from '../router/router-server.ts'
import { type Accounts, warnOfOpenFiles } from './accounts.ts'

export type Loaded = Accounts & { options: RouterOptions }

export type RereadHooks = {
  server: Pick<RouterServer, 'change'>
  log: Log
  /** Whether an error says that what was read cannot be used. */
  isExpected: (error: unknown) => error is Error
}

/** Another look at the same places. What cannot be used is logged, and nothing changes. */
export async function rereadOptions(
  read: () => Promise<Loaded>,
  { server, log, isExpected }: RereadHooks,
): Promise<void> {
  try {
    const loaded = await read()
    server.change(loaded.options)
    warnOfOpenFiles(loaded, log)
    if (loaded.accounts) log.info({ users: loaded.accounts.length }, 'Users read again')
  } catch (error) {
    if (!isExpected(error) && !(error instanceof RangeError)) throw error
    log.error({ error: error.message }, 'Not read again, everything stays as it was')
  }
}
