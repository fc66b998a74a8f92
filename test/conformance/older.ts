// Where Debian's memcached 1.6.18 answers otherwise than 1.6.45, which is what a node follows.
// Every row of a transcript that differs there names one of these reasons.

import type { Difference } from '../support/transcript.ts'

export const Older = {
  tooFew: 'too few arguments were an unknown command (ERROR), not a bad command line',
  short: 'a line under 4 bytes was an unknown command (ERROR), not a bad command line',
  leadingSpace: 'spaces before the command were skipped',
  http: 'HTTP/ as the only word of a line closed',
  surplus: 'only a few surplus arguments were ignored',
  deleteUsage: 'delete took nothing but 0 and noreply after the key',
  swallow: 'data after a refused storage line was read as commands',
  numbers: 'numbers accepted a plus sign and any length, and some were cut to 32 bits',
  noreplyKey: 'noreply as the key of a delete was no noreply',
  exptime32: 'touch and gat truncated an exptime beyond 32 bits',
  gatTooFew: 'gat without a key was an empty get',
  lineError: 'noreply hid errors of the line itself',
  longKey: 'a long key in a get dropped the answers that were pipelined before it',
  loginShort: 'a short line without a login was refused, not a reason to close',
  loginSpaces: 'spaces around a login were ignored',
  firstCas: 'cas uniques counted from 1',
  nul: 'a NUL byte ended the line',
  quietVivified: 'ma with q said when it had made the number',
  deleteErrors: 'md had one error for all flags',
  setSize: 'ms did not answer s',
  vivifiedSet: 'N meant nothing to ms',
  compareGet: 'C meant nothing to mg',
  explicitCas: 'there was no E',
  removeValue: 'there was no x',
  flagBytes: 'flags could begin with any byte',
  longArithmeticKey: 'ma had its own words for a long key',
  clientFlags32: 'F beyond 32 bits was cut',
  manyFlags: 'other words for too many flags, and the data of an ms read as commands',
  modeLength: 'M took exactly one letter',
  mgdump: 'there was no mgdump',
  shutdownWords: 'shutdown was refused in other words',
} as const
export type Older = (typeof Older)[keyof typeof Older]

/** What 1.6.18 answers instead, and why. */
export function older(reason: Older, answer: string): Difference {
  return { reason, older: answer }
}
