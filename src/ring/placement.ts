/**
 * A placement as a cluster file or a flag names it: a preset and what is said of it. Here is what
 * follows from that, and what is wrong with it.
 */
import { type KeyHashName, keyHashNames } from './hash/key-hashes.ts'
import type { WeightKind } from './nodes.ts'
import {
  distributions,
  labelForms,
  moduloClients,
  type PlacementOptions,
  type PresetName,
  presetNames,
  presetOf,
} from './presets.ts'
import { fullLabel, ringLabel } from './label.ts'

export type Placement = PlacementOptions & { readonly preset: PresetName }

/** The option of a placement as files and flags spell it. */
export const optionFields = {
  hash: 'hash',
  hash_tag: 'hashTag',
  hash_stop: 'hashStop',
  distribution: 'distribution',
  client: 'client',
  labels: 'labels',
  seed: 'seed',
} as const satisfies Record<string, keyof PlacementOptions>
export type OptionField = keyof typeof optionFields

const everywhere: readonly string[] = ['hash', 'hashTag', 'hashStop']
const TAG = /^[!-~]{2}$/
const STOP = /^[!-~]{1,16}$/
const SEED = /^[ -~]{1,250}$/

/** A field of a placement that is wrong: what was found, what was expected. */
export class PlacementError extends RangeError {
  override name = 'PlacementError'
  readonly field: OptionField | 'preset'
  readonly expected: string

  constructor(field: OptionField | 'preset', found: unknown, expected: string) {
    super(`Cannot use ${field} ${JSON.stringify(found)}: expected ${expected}`)
    this.field = field
    this.expected = expected
  }
}

/**
 * A placement from fields by name.
 * @throws {PlacementError}
 */
export function placementOf(
  preset: unknown,
  fields: Readonly<Partial<Record<OptionField, unknown>>>,
): Placement {
  const name = oneOf('preset', presetNames, preset)
  const { takes, hash: ownHash } = presetOf(name)
  for (const [field, option] of Object.entries(optionFields)) {
    const value = fields[field as OptionField]
    if (value === undefined) continue
    const fits = everywhere.includes(option) || takes.some(taken => taken === option)
    if (!fits) {
      throw new PlacementError(field as OptionField, value, `nothing: ${name} has no ${field}`)
    }
  }
  const { hash, hash_tag: tag, hash_stop: stop, distribution, client, labels, seed } = fields
  if (hash !== undefined && ownHash === undefined) {
    const other = 'its hash is its own (modulo, client mcrouter, is its Crc32)'
    throw new PlacementError('hash', hash, `nothing: ${name} has no other, ${other}`)
  }
  if (tag !== undefined && stop !== undefined) {
    throw new PlacementError('hash_stop', stop, 'nothing beside hash_tag')
  }
  return {
    preset: name,
    ...(hash !== undefined && { hash: oneOf('hash', keyHashNames, hash) }),
    ...(tag !== undefined && { hashTag: text('hash_tag', TAG, tag, 'two characters, as "{}"') }),
    ...(stop !== undefined && {
      hashStop: text('hash_stop', STOP, stop, '1 to 16 characters, as "|#|"'),
    }),
    ...(distribution !== undefined && {
      distribution: oneOf('distribution', distributions, distribution),
    }),
    ...(client !== undefined && { client: oneOf('client', moduloClients, client) }),
    ...(labels !== undefined && { labels: oneOf('labels', labelForms, labels) }),
    ...(seed !== undefined && { seed: text('seed', SEED, seed, '1 to 250 characters of ASCII') }),
  }
}

function oneOf<T extends string>(
  field: OptionField | 'preset',
  names: readonly T[],
  value: unknown,
): T {
  const found = names.find(name => name === value)
  if (found !== undefined) return found
  throw new PlacementError(field, value, `one of ${names.join(', ')}`)
}

function text(field: OptionField, pattern: RegExp, value: unknown, expected: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new PlacementError(field, value, expected)
}

/**
 * `preset` or `preset,field=value,…`, as flags take it.
 * @throws {PlacementError}
 */
export function parsePlacement(given: string): Placement {
  const [preset, ...rest] = given.split(',')
  const fields: Partial<Record<OptionField, string>> = {}
  for (const part of rest) {
    const [name = '', ...value] = part.split('=')
    const field = Object.keys(optionFields).find(known => known === name)
    if (field === undefined) {
      const known = Object.keys(optionFields).join(', ')
      throw new PlacementError('preset', given, `name=value behind the preset, of ${known}`)
    }
    fields[field as OptionField] = value.join('=')
  }
  return placementOf(preset, fields)
}

/** What `parsePlacement` reads back. */
export function formatPlacement(placement: Placement): string {
  const parts = Object.entries(optionFields).flatMap(([field, option]) => {
    const value = placement[option]
    return value === undefined ? [] : [`${field}=${value}`]
  })
  return [placement.preset, ...parts].join(',')
}

export function hashOf(placement: Placement): KeyHashName {
  const { hash } = presetOf(placement.preset)
  if (placement.hash !== undefined) return placement.hash
  // Where the preset has a hash of its own, this one is not asked for.
  return (typeof hash === 'function' ? hash(placement) : hash) ?? 'md5'
}

export function hashStopOf(placement: Placement): string {
  if (placement.hashTag !== undefined) return ''
  return placement.hashStop ?? presetOf(placement.preset).hashStop ?? ''
}

export function weightsOf(placement: Placement): WeightKind {
  return presetOf(placement.preset).weights
}

/** What is hashed for a node: its name, or what the preset makes of its address. */
export function nodeLabel(
  placement: Placement,
  node: { readonly name?: string | undefined; readonly host: string; readonly port: number },
): string {
  if (node.name !== undefined) return node.name
  const { labels } = placement
  if (labels === 'host') return ringLabel(node.host, node.port)
  if (labels === 'host:port') return fullLabel(node.host, node.port)
  return presetOf(placement.preset).label(node.host, node.port)
}
