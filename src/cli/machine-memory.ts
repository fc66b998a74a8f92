/** How much memory this process may have at most. */
import { totalmem } from 'node:os'

/**
 * The machine's, or what its control group allows where that is less.
 * @param constrained the control group's limit; 0 or more than there is: none.
 */
export function machineMemoryBytes(
  total: number = totalmem(),
  constrained: number = process.constrainedMemory(),
): number {
  return constrained > 0 ? Math.min(total, constrained) : total
}
