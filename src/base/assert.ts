/**
 * A programmer error: the process must not go on. Operating errors are values or typed errors
 * instead.
 */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
