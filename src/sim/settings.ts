/** `--set keptShare=0.5,patience=8`: which of the store's constants to vary, and within what. */
import { evictionDefaults, type EvictionSettings } from '../store/eviction-settings.ts'

type Range = { min: number; max: number; isWhole: boolean }

const ranges: Readonly<Record<keyof EvictionSettings, Range>> = {
  probationShare: { min: 0, max: 1, isWhole: false },
  keptShare: { min: 0, max: 1, isWhole: false },
  measureStep: { min: 0, max: 100, isWhole: false },
  patience: { min: 0, max: 1000, isWhole: true },
  aheadSegments: { min: 0, max: 1000, isWhole: true },
}

/** For help: `name (default, min to max)`. */
export function describeSettings(): string[] {
  return Object.entries(ranges).map(([name, { min, max }]) => {
    return `${name} (${evictionDefaults[name as keyof EvictionSettings]}, ${min} to ${max})`
  })
}

/** @throws RangeError that says what was expected. */
export function parseSettings(text: string): Partial<EvictionSettings> {
  const settings: { -readonly [Name in keyof EvictionSettings]?: number } = {}
  for (const part of text.split(',')) {
    const match = /^(\w{1,40})=(\d{1,6}(?:\.\d{1,9})?)$/.exec(part)
    const [, name = '', digits = ''] = match ?? []
    if (!isSetting(name)) {
      const names = Object.keys(ranges).join(', ')
      throw new RangeError(`Cannot set "${part}": expected name=number with one of ${names}`)
    }
    const { min, max, isWhole } = ranges[name]
    const value = Number(digits)
    if (value < min || value > max || (isWhole && !Number.isInteger(value))) {
      const kind = isWhole ? 'a whole number of ' : ''
      throw new RangeError(`Cannot set ${name} to ${digits}: expected ${kind}${min} to ${max}`)
    }
    settings[name] = value
  }
  return settings
}

function isSetting(name: string): name is keyof EvictionSettings {
  return Object.hasOwn(ranges, name)
}
