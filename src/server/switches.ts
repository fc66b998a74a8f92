/**
 * What operators change while a node runs, shared by its threads: float64s, each written and read
 * whole, so that a thread sees the old value or the new one.
 */
import { type Clock, shiftedClock } from '../base/clock.ts'
import type { ExtendedOptions } from './extended-options.ts'
import type { NodeOptions } from './options.ts'

const FIELDS = [
  'verbosity',
  /** Prefixes are counted. */
  'detail',
  /** `stats sizes` is answered. */
  'trackSizes',
  'lruCrawler',
  'lruCrawlerSleep',
  'lruCrawlerTocrawl',
  'lruSegmented',
  'hotLruPct',
  'warmLruPct',
  'hotMaxFactor',
  'warmMaxFactor',
  /** -1: off. */
  'temporaryTtl',
  'slabAutomove',
  'slabAutomoveRatio',
  'slabAutomoveWindow',
  /** What `debugtime` has done to the clock: see ClockShift. */
  'clockAheadMs',
  'clockStoppedAtMs',
] as const
type Field = (typeof FIELDS)[number]
const PLACE = Object.fromEntries(FIELDS.map((field, at) => [field, at])) as Record<Field, number>
const DETAIL = PLACE.detail

export class Switches {
  readonly buffer: SharedArrayBuffer
  readonly #values: Float64Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(FIELDS.length * 8)) {
    this.buffer = buffer
    this.#values = new Float64Array(buffer)
  }

  static of({ detail, extended, verbosity }: NodeOptions): Switches {
    const switches = new Switches()
    switches.set('verbosity', verbosity)
    switches.set('detail', Number(detail))
    switches.#takeOver(extended)
    return switches
  }

  /** `detail`, which every request asks for. */
  get isDetailed(): boolean {
    return this.#values[DETAIL] !== 0
  }

  get(field: Field): number {
    return this.#values[PLACE[field]]!
  }

  set(field: Field, value: number): void {
    this.#values[PLACE[field]] = value
  }

  /** A process that may not be told to move its clock keeps the plain one. */
  clock(clock: Clock, { extended }: NodeOptions): Clock {
    if (!extended.debugCommands) return clock
    return shiftedClock(clock, {
      aheadMs: () => this.get('clockAheadMs'),
      stoppedAtMs: () => this.get('clockStoppedAtMs'),
    })
  }

  #takeOver(extended: ExtendedOptions): void {
    this.set('trackSizes', Number(extended.trackSizes))
    this.set('lruCrawler', Number(extended.lruCrawler))
    this.set('lruCrawlerSleep', extended.lruCrawlerSleep)
    this.set('lruCrawlerTocrawl', extended.lruCrawlerTocrawl)
    this.set('lruSegmented', Number(extended.lruSegmented))
    this.set('hotLruPct', extended.hotLruPct)
    this.set('warmLruPct', extended.warmLruPct)
    this.set('hotMaxFactor', extended.hotMaxFactor)
    this.set('warmMaxFactor', extended.warmMaxFactor)
    this.set('temporaryTtl', extended.temporaryTtl ?? -1)
    this.set('slabAutomove', extended.slabAutomove)
    this.set('slabAutomoveRatio', extended.slabAutomoveRatio)
    this.set('slabAutomoveWindow', extended.slabAutomoveWindow)
  }
}
