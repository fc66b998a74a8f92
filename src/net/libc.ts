/**
 * libc through koffi, for the files that declare kernel calls: loaded once a thread, and absent
 * where koffi is (an optional dependency) or where the system is not Linux.
 *
 * Pointers on hot paths are declared `intptr_t` and passed as numbers: 200 ns a call where a Buffer
 * takes 340, and nothing to collect.
 */
import { createRequire } from 'node:module'

type Koffi = typeof import('koffi')

export type Libc = {
  /** @param result and `parameters` are C types as koffi spells them. */
  declare(name: string, result: string, parameters: readonly string[]): unknown
  /** Of the call that failed just now. */
  errno(): number
  /** `ECONNREFUSED` for 111. */
  errorName(errno: number): string
  view(address: number, sizeBytes: number): ArrayBuffer
}

let loaded: Libc | undefined | null = null

export function loadLibc(): Libc | undefined {
  if (loaded === null) loaded = process.platform === 'linux' ? tryLoad() : undefined
  return loaded
}

function tryLoad(): Libc | undefined {
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi')
  } catch {
    // Not installed, or no binary for this machine: the portable ways serve.
    return undefined
  }
  const library = koffi.load(null)
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]))
  return {
    declare: (name, result, parameters) => library.func(name, result, [...parameters]),
    errno: () => koffi.errno(),
    errorName: errno => names.get(errno) ?? `errno ${errno}`,
    view: (address, sizeBytes) => koffi.view(address as never, sizeBytes),
  }
}
