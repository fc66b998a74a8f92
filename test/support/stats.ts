// Reads what a server answers to `stats` and its kin.

import type { TestConnection } from './connection.ts'

/** The numbers and words of `STAT name value` lines, by name. */
export function parseStats(text: string): Map<string, string> {
  const stats = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const match = /^STAT (\S+) (.*)$/.exec(line)
    if (match?.[1] !== undefined) stats.set(match[1], match[2] ?? '')
  }
  return stats
}

export async function readStats(
  connection: TestConnection,
  command = 'stats',
): Promise<Map<string, string>> {
  await connection.send(`${command}\r\n`)
  const answer = (await connection.receiveUntil('END\r\n')).toString('latin1')
  if (!answer.endsWith('END\r\n')) {
    throw new Error(`Cannot read "${command}": expected STAT lines and END, got "${answer}"`)
  }
  return parseStats(answer)
}
