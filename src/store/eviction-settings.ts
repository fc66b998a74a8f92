/**
 * What eviction.ts goes by. The defaults are what nodes run with; `memring sim --set` tries others.
 */
export type EvictionSettings = {
  /** Share of the segments of items that probation may keep once memory is full. */
  readonly probationShare: number
  /** Share of a sifted segment that is to be kept on average. */
  readonly keptShare: number
  /** Doublings of frequency over size that the measure moves by when all of a segment is kept. */
  readonly measureStep: number
  /** Segments emptied in vain in a row, before one goes with all that is in it. */
  readonly patience: number
  /** Free segments beyond the reserve that puts see to, one step each, so that none has to wait. */
  readonly aheadSegments: number
}

export const evictionDefaults: EvictionSettings = {
  probationShare: 0.1,
  keptShare: 0.85,
  measureStep: 2,
  patience: 16,
  aheadSegments: 4,
}
