/** Main's part of the event ring: every tenth of a second, what happened goes to the log. */
import { EventKind, type Events } from './events.ts'
import type { Log } from './log.ts'

const PERIOD_MS = 100

/** Counts of refused connections, however they are kept. */
export type RejectionCount = {
  readonly rejectedConnections: number
  readonly deniedConnections: number
}

/** Returns what stops it, after a last look. */
export function logEvents(events: Events, rejections: RejectionCount, log: Log): () => void {
  let rejectedBefore = 0
  let deniedBefore = 0
  let droppedBefore = 0
  /** Once is enough: such a client comes again and again. */
  let redisSaid = false
  const drain = (): void => {
    for (let event = events.take(); event !== undefined; event = events.take()) {
      if (event.kind !== EventKind.redisPeer) say(log, event.kind, event.thread, event.text)
      else if (!redisSaid) {
        log.warn({ peer: event.text }, 'peer speaks Redis; memtier needs -P memcache_text')
        redisSaid = true
      }
    }
    const rejected = rejections.rejectedConnections
    if (rejected > rejectedBefore) {
      log.warn({ count: rejected - rejectedBefore }, 'Connections refused: limit reached (-c)')
      rejectedBefore = rejected
    }
    const denied = rejections.deniedConnections
    if (denied > deniedBefore) {
      log.warn({ count: denied - deniedBefore }, 'Connections refused: not allowed (--allow)')
      deniedBefore = denied
    }
    if (events.dropped > droppedBefore) {
      log.warn({ count: events.dropped - droppedBefore }, 'Events not logged: too many at once')
      droppedBefore = events.dropped
    }
  }
  const timer = setInterval(drain, PERIOD_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    drain()
  }
}

function say(log: Log, kind: EventKind, thread: number, text: string): void {
  switch (kind) {
    case EventKind.connectionOpened:
      log.info({ peer: text, thread }, 'Connection opened')
      return
    case EventKind.connectionClosed:
      log.info({ peer: text, thread }, 'Connection closed')
      return
    case EventKind.connectionFailed:
      log.warn({ thread, error: text }, 'Connection failed')
      return
    case EventKind.authFailed:
      log.warn({ peer: text, thread }, 'Login refused')
      return
    case EventKind.nodeUp:
      log.info({ node: text }, 'Node is up')
      return
    default:
      log.warn({ node: text }, 'Node is down')
  }
}
