/**
 * How many data threads a process has, and of which kind. Secure listeners are served on event
 * loops (node:tls); beside native threads that takes as many threads again, on the same store.
 * Where all listeners are secure, native threads would have nothing to do.
 */
import type { Io } from './io.ts'
import type { Secure } from './transport.ts'

export type ThreadPlan = {
  /** What the first `threads` run on. */
  io: Io
  threads: number
  /** More of them, on event loops. */
  portableThreads: number
  /** Both. */
  dataThreads: number
}

export function threadPlanOf({ io, useKernel, threads, listen }: ThreadOptions): ThreadPlan {
  const secure = listen.filter(address => address.secure !== undefined).length
  const onlySecure = secure === listen.length
  if (!useKernel || io === 'net' || onlySecure) {
    return { io: 'net', threads, portableThreads: 0, dataThreads: threads }
  }
  const portableThreads = secure > 0 ? threads : 0
  return { io, threads, portableThreads, dataThreads: threads + portableThreads }
}

type ThreadOptions = {
  /** What there is without TLS. */
  io: Io
  useKernel: boolean
  threads: number
  listen: readonly { secure?: Secure | undefined }[]
}
