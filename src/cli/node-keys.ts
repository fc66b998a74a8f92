/**
 * Some keys of a running node, by `lru_crawler metadump`; from one too old for that, by
 * `stats cachedump`. The connection is closed as soon as there are enough.
 */
import { connect, type Socket } from 'node:net'
import { formatAddress } from '../cluster/address.ts'

const TIMEOUT_MS = 5000
/** A line of a dump has a key of 250 bytes, each as %XX at worst, and some numbers. */
const LINE_MAX = 4096

/** A node that cannot be asked, and why. */
export class NodeAskError extends Error {
  override name = 'NodeAskError'
}

type Address = { readonly host: string; readonly port: number }

/** @throws NodeAskError */
export async function keysOf(node: Address, max: number): Promise<string[]> {
  const dumped = await ask(node, 'lru_crawler metadump all', line => dumpedKey(line), max)
  if (dumped !== undefined) return dumped
  const classes = await ask(
    node,
    'stats items',
    line => /^STAT items:(\d+):number /.exec(line)?.[1],
    64,
  )
  const found: string[] = []
  for (const id of classes ?? []) {
    const command = `stats cachedump ${id} ${max}`
    const keys = await ask(node, command, line => /^ITEM (\S+) \[/.exec(line)?.[1], max)
    found.push(...(keys ?? []))
    if (found.length >= max) break
  }
  if (classes === undefined) throw refused(node, 'it lists no keys')
  return found.slice(0, max)
}

function dumpedKey(line: string): string | undefined {
  const key = /^key=(\S+) /.exec(line)?.[1]
  try {
    return key === undefined ? undefined : decodeURIComponent(key)
  } catch {
    // Bytes that are no UTF-8: nothing that a client on text could have placed.
    return undefined
  }
}

/** What `read` finds in the lines of the answer; undefined: the node does not know the command. */
function ask(
  node: Address,
  command: string,
  read: (line: string) => string | undefined,
  max: number,
): Promise<string[] | undefined> {
  return new Promise((resolve, reject) => {
    const found: string[] = []
    let rest = ''
    const socket: Socket = connect({ ...node, timeout: TIMEOUT_MS }, () => {
      socket.write(`${command}\r\n`)
    })
    const end = (value: string[] | undefined): void => {
      socket.destroy()
      resolve(value)
    }
    const fail = (reason: string): void => {
      socket.destroy()
      reject(refused(node, reason))
    }
    socket.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LINE_MAX) return fail('its answer is no list')
      for (const ended of lines) {
        const line = ended.replace(/\r$/, '')
        if (line === 'END') return end(found)
        if (/^(ERROR|CLIENT_ERROR bad command)/.test(line)) return end(undefined)
        if (/^(CLIENT_ERROR|SERVER_ERROR|BUSY)/.test(line)) return fail(`it says ${line}`)
        const value = read(line)
        if (value !== undefined && found.push(value) >= max) return end(found)
      }
    })
    socket.once('timeout', () => fail(`no answer within ${TIMEOUT_MS} ms`))
    socket.once('error', error => fail(error.message))
    socket.once('close', () => fail('it closed the connection'))
  })
}

function refused(node: Address, reason: string): NodeAskError {
  return new NodeAskError(`Cannot ask ${formatAddress(node)} for keys: ${reason}`)
}
