/**
 * What eviction.ts goes by. The defaults are what nodes run with; `memring sim --set` tries others.
 *
 * Miss ratios, 64m, 4 million requests, the second half counted (`memring sim --generate NAME
 * --memory 64m --rate 150000 --warmup 0.5 --policies store --set …`):
 *                          zipf    ttl    scan   shift
 *   as they are           .4050  .4506  .5809  .2196
 *   keptShare 0.75        .4150  .4566  .5879  .2203
 *   keptShare 0.95        .4041  .4499  .5781  .2233   frees a third as much of each
 *   probationShare 0.05   .4050  .4506  .5809  .2196   a floor: few workloads come down to it
 *   probationShare 0.3    .4050  .4506  .5809  .2188
 *   measureStep 1         .4052  .4506  .5806  .2196
 *   measureStep 4         .4050  .4505  .5808  .2197
 *   patience 8, 32        .4050  .4506  .5809  .2196   only ends a search in vain
 *   aheadSegments 0       .4047  .4504  .5809  .2192   but a put may wait for several segments
 *   aheadSegments 16      .4057  .4511  .5809  .2208
 *
 * Two of them are bounds, which workloads touch only where they are set far off (`memring sim
 * --generate shift --requests 2000000 --memory 64m --rate 150000 --warmup 0.5 --policies store`):
 *   as they are           .2395
 *   patience 4, 1000      .2395   what is read is kept; it must not be less than a search takes
 *   patience 1            .2918   segments full of what is read go
 *   probationShare 0.9    .2642   the main part is too small for what has been read
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
