/**
 * The steps between a node that answers again and a node that may be asked (DESIGN: fencing):
 *
 *   1 the connections of before are gone at the node: `fence` where it is known; otherwise
 *     `stats conns` must list nothing from this machine whose end here is not alive any more
 *   2 the keys of missed writes are deleted, one by one; everything, if they are not known
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ControlConnection, NodeError } from './control-connection.ts'
import { livePortsLike } from './local-sockets.ts'

/** How long old connections may take to go, and how often that is looked at. */
const GONE_MS = 5000
const GONE_CHECK_MS = 20
/** What a node gets to take up old bytes if nobody can say which connections are whose. */
const SETTLE_MS = 1000
/** Deletes that are sent before the first of them is answered. */
const DELETES_AT_ONCE = 256
const SPACE = 0x20
const DELETE = 0x7f

export class OldConnectionsError extends NodeError {
  override name = 'OldConnectionsError'
}

/** Whether the node knows `fence`; if so it has taken this generation. @throws NodeError */
export async function raiseFence(
  control: ControlConnection,
  routerId: string,
  generation: bigint,
): Promise<boolean> {
  const said = await control.ask(`fence ${routerId} ${generation}\r\n`)
  if (said === 'OK') return true
  if (said === 'ERROR') return false
  throw new NodeError(`fence refused: ${said}`)
}

/**
 * Waits until the node has no connection left that has ended on this machine. False: this cannot
 * be known (addresses are translated in between, no `stats conns`, no Linux).
 * @throws NodeError when some stay.
 */
export async function waitUntilGone(control: ControlConnection): Promise<boolean> {
  const { local } = control
  if (local === undefined) return false
  const deadline = performance.now() + GONE_MS
  for (;;) {
    const peers = await peersFrom(control, local.address)
    if (!peers.has(local.port)) return false
    if (peers.size === 1) return true
    // After what the node says: whatever it listed has existed by then.
    const alive = await livePortsLike(local.port)
    if (alive === undefined) return false
    const left = [...peers].filter(port => !alive.has(port))
    if (left.length === 0) return true
    if (performance.now() > deadline) {
      throw new OldConnectionsError(`${left.length} old connections are still open there`)
    }
    await sleep(GONE_CHECK_MS)
  }
}

/** For nodes of which more is not to be known. */
export async function settle(): Promise<void> {
  await sleep(SETTLE_MS)
}

/** Ports of the node's clients at one address. `STAT 28:addr tcp:127.0.0.1:40312` */
async function peersFrom(control: ControlConnection, address: string): Promise<Set<number>> {
  const ports = new Set<number>()
  const listening = new Set<string>()
  const found = new Map<string, number>()
  control.send('stats conns\r\n')
  for (let line = await control.line(); line !== 'END'; line = await control.line()) {
    if (!line.startsWith('STAT ')) return ports
    const match = /^STAT (\d+):(addr|state) (?:tcp6?:)?(\S+)$/.exec(line)
    if (match === null) continue
    const [, fd = '', field, value = ''] = match
    if (field === 'state' && value === 'conn_listening') listening.add(fd)
    if (field !== 'addr') continue
    const colon = value.lastIndexOf(':')
    const host = value.slice(0, colon).replace(/^\[|\]$/g, '')
    if (plain(host) === plain(address)) found.set(fd, Number(value.slice(colon + 1)))
  }
  for (const [fd, port] of found) if (!listening.has(fd)) ports.add(port)
  return ports
}

/** IPv4 as IPv6 sockets show it. */
function plain(address: string): string {
  return address.replace(/^::ffff:/i, '')
}

/** Keys are Latin-1: their bytes. @throws NodeError */
export async function deleteKeys(
  control: ControlConnection,
  keys: readonly string[],
): Promise<void> {
  for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
    const some = keys.slice(at, at + DELETES_AT_ONCE)
    control.send(some.map(deletionOf).join(''))
    for (let i = 0; i < some.length; i += 1) {
      const said = await control.line()
      if (!/^(?:DELETED|NOT_FOUND|HD|NF)\b/.test(said)) {
        throw new NodeError(`delete refused: ${said}`)
      }
    }
  }
}

function deletionOf(key: string): string {
  const bytes = Buffer.from(key, 'latin1')
  const isText = bytes.every(byte => byte > SPACE && byte !== DELETE)
  if (!isText) return `md ${bytes.toString('base64')} b\r\n`
  // Some servers take a key at the end of the line for the option of that name.
  return key === 'noreply' ? `delete ${key} 0\r\n` : `delete ${key}\r\n`
}

/** @throws NodeError */
export async function flush(control: ControlConnection): Promise<void> {
  const said = await control.ask('flush_all\r\n')
  if (said !== 'OK') throw new NodeError(`flush_all refused: ${said}`)
}
