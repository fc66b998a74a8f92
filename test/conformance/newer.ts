// Where a node answers otherwise than memcached 1.6.45, which it follows (MEMCACHED_BIN), and why.
// Every row of a transcript that differs there names one of these reasons.
//
// Not in rows, because a node has no such part or a peer cannot tell: Debian's 1.6.45 is built with
// the proxy and extstore, and so knows `extstore`, `stats extstore` and `stats proxy…`, and shows
// proxy_enabled, proxy_uring_enabled, ext_…; `stats` takes the first letters of a word (`stats r`
// resets); the refusal of an item too large waits there until the data has been read; a minus sign
// alone is the number 0 in a touch, gat, flush_all or T, and `ma T-1 t` answers 4294967169; `lru tune`
// takes nan and inf; `ma` takes opaque tokens of any length; most commands of operators may have
// spaces in front.

import type { Difference } from '../support/transcript.ts'

export const Newer = {
  longKey: 'a long key in a get drops the answer before it, and an empty line follows the error',
  blank: 'incr of a value of nothing but spaces reads on into memory behind it',
  loginPipelined: 'without a login, answers to pipelined commands are lost',
  rawKey: 'a key given in base64 is shown raw unless ms stored it, whatever bytes it has',
  lostTtl: 'ma with T loses it when the number gets longer',
  lostCas: 'ma with E says it, but loses it when the number gets longer',
  debugBase64: 'me takes b for base64 only with a word more behind it',
  failedCas: 'a store that is refused uses up a cas unique',
  sizes: 'stats sizes_enable and sizes_disable are gone; a node still has them',
} as const
export type Newer = (typeof Newer)[keyof typeof Newer]

/** What 1.6.45 answers instead, and why. */
export function newer(reason: Newer, answer: string): Difference {
  return { reason, newer: answer }
}

/** What every memcached answers instead, and why. */
export function memcached(reason: Newer, answer: string): Difference {
  return { reason, older: answer, newer: answer }
}
