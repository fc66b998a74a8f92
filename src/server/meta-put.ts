/** What a meta set asks of the store (memcached process_mset_cmd_start). */
import { Flag } from '../protocol/meta-flags.ts'
import type { Request } from '../protocol/request.ts'
import { ItemState } from '../store/items.ts'
import { isAppend, type Put, PutMode } from '../store/put.ts'

const MODES: Readonly<Record<string, PutMode>> = {
  E: PutMode.add,
  A: PutMode.append,
  P: PutMode.prepend,
  R: PutMode.replace,
  S: PutMode.set,
}

const MODE_BY_LETTER = new Uint8Array(256)
for (const [letter, mode] of Object.entries(MODES)) MODE_BY_LETTER[letter.charCodeAt(0)] = mode

/** Completes a put whose key, value, client flags and cas are already in place. */
export function completeMetaPut(
  put: Put,
  request: Request,
  exptime: (sent: number) => number,
): void {
  const meta = request.meta!
  put.mode = modeOf(request)
  const isVivified = isAppend(put.mode) && meta.has(Flag.vivify)
  const sent = meta.has(Flag.newTtl) ? meta.exptime : 0
  put.exptime = exptime(isVivified ? meta.vivifyExptime : sent)
  put.newCasLow = meta.newCasLow
  put.newCasHigh = meta.newCasHigh
  put.marks = meta.has(Flag.base64) ? ItemState.binaryKey : 0
}

function modeOf({ meta }: Request): PutMode {
  const mode = meta!.has(Flag.mode) ? (MODE_BY_LETTER[meta!.mode] as PutMode) : PutMode.set
  if (mode === PutMode.append && meta!.has(Flag.vivify)) return PutMode.appendOrSet
  if (mode === PutMode.prepend && meta!.has(Flag.vivify)) return PutMode.prependOrSet
  const comparable = mode === PutMode.set || mode === PutMode.replace
  if (!comparable || !meta!.has(Flag.compareCas)) return mode
  return meta!.has(Flag.invalidate) ? PutMode.casOrOlder : PutMode.cas
}
