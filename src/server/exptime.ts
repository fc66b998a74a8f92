/** An exptime as sent → unix seconds (memcached.c realtime()). */
import { RELATIVE_EXPTIME_MAX } from '../protocol/limits.ts'

/** Long past: stored, and gone at the next look. */
export const EXPIRED = 1

/**
 * 0 never · negative: gone at once · up to 30 days: from now · above: unix time, and one that is
 * not after the start of the process is gone at once.
 */
export function absoluteExptime(sent: number, now: number, startedAt: number): number {
  if (sent === 0) return 0
  if (sent < 0) return EXPIRED
  if (sent <= RELATIVE_EXPTIME_MAX) return now + sent
  return sent <= startedAt ? EXPIRED : sent
}
