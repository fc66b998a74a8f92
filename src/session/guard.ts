/**
 * Says whether a session may still do anything: of a connection that its owner has disowned, bytes
 * that are still there must not be carried out (server/fences.ts).
 */
export interface SessionGuard {
  /** Before anything is done with what was received. False: nothing may be, hang up. */
  enter(): boolean
  /** It is done, for now. */
  leave(): void
  /** The session is closed. */
  release(): void
}
