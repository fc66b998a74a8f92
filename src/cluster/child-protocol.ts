/**
 * What the supervisor and its children (`memring node --supervised`, `memring router
 * --supervised`) say to each other over the IPC channel, and nothing else.
 *
 *   supervisor                                   child
 *     spawn with an IPC channel ───────────────▶ starts, does not listen yet
 *     { type: 'configure', … }  ───────────────▶ listens
 *     serving                   ◀─────────────── { type: 'ready', listening: [ … ] }
 *     channel closes            ───────────────▶ ends itself, however the supervisor ended
 *
 * Credentials travel here only, so that they stand neither on disk nor in a command line.
 */
import type { ListenConfig, User } from './config.ts'

/** A node as the router needs it: its place on the ring and where it really listens. */
export type RingNode = {
  name: string
  label: string
  host: string
  port: number
  weight: number
}

/** The first and only message to a child. */
export type ConfigureMessage = {
  type: 'configure'
  /** The child's own name, for its log: the node's name, or `router`. */
  name: string
  /** Who may log in at this child; empty means that it asks nobody. */
  users: readonly User[]
  /** Router only: the login that the nodes ask for; absent when they ask for none. */
  nodeUser?: User
  /** Router only: the nodes, in the order of the cluster file. */
  nodes?: readonly RingNode[]
  /** Router only: where to listen, instead of what the cluster file says. */
  listen?: readonly ListenConfig[]
  /** Router only: where it keeps what must outlive its process. */
  stateDir?: string
  /** Router only: the nodes have been started just now, there is nothing in them. */
  nodesAreEmpty?: boolean
}

/** The only message from a child: it accepts connections on these addresses. */
export type ReadyMessage = { type: 'ready'; listening: readonly ListenConfig[] }

/** The part of `process` that a supervised child needs. */
export type ParentChannel = {
  readonly connected: boolean
  send?(message: ReadyMessage): boolean
  once(event: 'message', listener: (message: unknown) => void): unknown
  once(event: 'disconnect', listener: () => void): unknown
}

/**
 * The child's side: waits for the supervisor's configuration. `onDisconnect` runs once when the
 * supervisor is gone, before or after that, and must end the process.
 * @throws {Error} when there is no supervisor, or when it sends something else.
 */
export function receiveConfigure(
  parent: ParentChannel,
  onDisconnect: () => void,
): Promise<ConfigureMessage> {
  if (!parent.connected) {
    const reason = 'expected to be started by "memring up", over an IPC channel'
    return Promise.reject(new Error(`Cannot run with --supervised: ${reason}`))
  }
  return new Promise((resolve, reject) => {
    parent.once('disconnect', onDisconnect)
    parent.once('message', message => {
      if (isConfigure(message)) resolve(message)
      else reject(new Error('Cannot configure: the first message is not a configuration'))
    })
  })
}

/**
 * The child's side: says that it serves. Listen for `disconnect` before this, so that the end of
 * the supervisor cannot be missed.
 * @throws {Error} when the supervisor has gone meanwhile: the child must not stay behind.
 */
export function sendReady(parent: ParentChannel, listening: readonly ListenConfig[]): void {
  if (!parent.connected) throw new Error('Cannot report to the supervisor: it has gone')
  parent.send?.({ type: 'ready', listening })
}

export function isConfigure(message: unknown): message is ConfigureMessage {
  return (
    isObject(message) &&
    message['type'] === 'configure' &&
    typeof message['name'] === 'string' &&
    Array.isArray(message['users'])
  )
}

export function isReady(message: unknown): message is ReadyMessage {
  return (
    isObject(message) &&
    message['type'] === 'ready' &&
    Array.isArray(message['listening']) &&
    message['listening'].every(isAddress)
  )
}

function isAddress(value: unknown): value is ListenConfig {
  return isObject(value) && typeof value['host'] === 'string' && isPort(value['port'])
}

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
