/**
 * Which of this machine's TCP connections to one address are alive, as the kernel says
 * (`/proc/net/tcp`, `/proc/net/tcp6`; Documentation/networking/proc_net_tcp.rst).
 *
 *   sl: local_address:port remote_address:port state …     hexadecimal; state 01 is established
 */
import { readFile } from 'node:fs/promises'

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const
const ESTABLISHED = '01'

/** Of an established connection. */
type Row = { address: string; port: number; remote: string }

/**
 * Local ports of established connections that have the same two addresses as the one with local
 * port `own`; undefined where the kernel does not tell, or does not know that one.
 */
export async function livePortsLike(own: number): Promise<Set<number> | undefined> {
  for (const table of TABLES) {
    const rows = rowsOf(await read(table))
    const known = rows.find(({ port }) => port === own)
    if (known === undefined) continue
    const { address, remote } = known
    const like = rows.filter(row => row.address === address && row.remote === remote)
    return new Set(like.map(({ port }) => port))
  }
  return undefined
}

/** There may be very many that nobody wants to know of, so lines are not taken apart in general. */
export function rowsOf(table: string): Row[] {
  const rows: Row[] = []
  for (const line of table.split('\n')) {
    const from = line.indexOf(': ') + 2
    const colon = line.indexOf(':', from)
    const space = line.indexOf(' ', colon)
    const end = line.indexOf(' ', space + 1)
    if (from < 2 || colon < 0 || line.slice(end + 1, end + 3) !== ESTABLISHED) continue
    const port = Number.parseInt(line.slice(colon + 1, space), 16)
    rows.push({ address: line.slice(from, colon), port, remote: line.slice(space + 1, end) })
  }
  return rows
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch {
    // No such kernel, or not for us to read: what is not known is said to be unknown.
    return ''
  }
}
