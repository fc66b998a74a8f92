import { expect, test } from 'vitest'
import { describeSettings, parseSettings } from '../../../src/sim/settings.ts'
import { evictionDefaults } from '../../../src/store/eviction-settings.ts'

test('settings are read by name', () => {
  expect(parseSettings('keptShare=0.5')).toEqual({ keptShare: 0.5 })
  expect(parseSettings('patience=0,probationShare=1')).toEqual({ patience: 0, probationShare: 1 })
})

test('help names every setting of the store with its default', () => {
  const names = Object.entries(evictionDefaults).map(([name, value]) => `${name} (${value}, `)
  expect(describeSettings()).toHaveLength(names.length)
  for (const name of names) {
    expect(describeSettings().some(line => line.startsWith(name))).toBe(true)
  }
})

test.each([
  ['', 'Cannot set "": expected name=number with one of probationShare, keptShare'],
  ['keptShare', 'Cannot set "keptShare": '],
  ['keptshare=0.5', 'Cannot set "keptshare=0.5": '],
  ['toString=1', 'Cannot set "toString=1": '],
  ['keptShare=1e3', 'Cannot set "keptShare=1e3": '],
  ['keptShare=-1', 'Cannot set "keptShare=-1": '],
  ['keptShare=1.000000001', 'Cannot set keptShare to 1.000000001: expected 0 to 1'],
  ['patience=1.5', 'Cannot set patience to 1.5: expected a whole number of 0 to 1000'],
  ['patience=1001', 'Cannot set patience to 1001: '],
  ['keptShare=0.5,', 'Cannot set "": '],
])('%j is refused', (text, message) => {
  expect(() => parseSettings(text)).toThrow(message)
})
