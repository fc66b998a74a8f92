/**
 * Listening in the file system (`-s`): the path takes the place of a host. What a process that died
 * left there is removed first, as memcached does; anything that is no socket stays.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import type { ListenAddress } from './transport.ts'

export function isPath(host: string): boolean {
  return host.startsWith('/')
}

/** Calls `bind` so that the socket it makes has the address's mode. Main thread only (umask). */
export function boundToPath<T>({ host, mode }: ListenAddress, bind: (path: string) => T): T {
  forgetPath(host)
  const before = process.umask(~(mode ?? 0o700) & 0o777)
  try {
    return bind(host)
  } finally {
    process.umask(before)
  }
}

/** Removes the socket, if it is one. */
export function forgetPath(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path)
}
