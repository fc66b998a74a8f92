/** How large the rings and buffers of a thread are. */
export type UringSizes = {
  /** Requests of one turn, a power of two; more leave in a submission of their own. */
  sqEntries: number
  /** Completions that the ring holds, a power of two; more are kept by the kernel. */
  cqEntries: number
  stagingBytes: number
  /** A power of two. */
  bufferCount: number
  bufferBytes: number
}

/** As many buffers as connections are ready in a turn: one that finds none has to ask again. */
export const uringSizes: UringSizes = {
  sqEntries: 512,
  cqEntries: 4096,
  stagingBytes: 64 * 1024,
  bufferCount: 64,
  bufferBytes: 16 * 1024,
}
