/**
 * `fence <router> <generation>`, ours: the connection belongs to that router and generation from
 * now on, and connections of its earlier generations do nothing more. `OK` is said when that is
 * so. `router` is 16 hexadecimal digits, `generation` a decimal number of up to 16 digits.
 *
 *   OK\r\n
 *   CLIENT_ERROR bad command line format\r\n
 *   SERVER_ERROR fenced off\r\n               there is a later generation
 *   SERVER_ERROR too many connections\r\n
 */
import { latin1 } from '../base/bytes.ts'
import type { Session } from '../session/session.ts'
import type { Fences } from './fences.ts'

const OK = 'OK'
const OK_LINE = latin1('OK\r\n')

/** The line that answers; undefined when the answer comes later. */
export function fence(
  fences: Fences,
  session: Session,
  [, router = '', generation = '', ...more]: readonly string[],
): string | undefined {
  if (!/^[0-9a-f]{16}$/.test(router) || !/^\d{1,16}$/.test(generation) || more.length > 0) {
    return 'CLIENT_ERROR bad command line format'
  }
  const id = BigInt(`0x${router}`)
  const number = BigInt(generation)
  const joined = fences.join(id, number)
  if (joined === undefined) return 'SERVER_ERROR too many connections'
  // Behind joining: of two that come at once, the later one sees the other one here or there.
  if (fences.isOutdated(id, number)) {
    joined.release()
    return 'SERVER_ERROR fenced off'
  }
  session.guard?.release()
  session.guard = joined
  if (fences.raise(id, number) === 0) return OK
  const reply = session.defer()
  const again = (): void => {
    if (session.isClosed) return
    if (fences.raise(id, number) > 0) {
      session.services.later(again)
      return
    }
    session.complete(reply, OK_LINE)
    session.drainPending()
  }
  session.services.later(again)
  return undefined
}
