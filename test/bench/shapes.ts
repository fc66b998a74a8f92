// The loads that the node's benchmark knows by name, and what each measurement of them asks for.

import type { Workload } from '../../src/load/workload.ts'

export interface Shape {
  readonly name: string
  /** What a report says about it. */
  readonly says: string
  readonly depths: readonly number[]
  readonly connections: number
  readonly workload: Partial<Workload>
}

const usual = { connections: 50, depths: [1, 16] } as const

export const shapes: readonly Shape[] = [
  { ...usual, name: 'mix', says: 'set:get 1:10', workload: {} },
  { ...usual, name: 'depths', says: 'set:get 1:10', depths: [1, 4, 16, 64], workload: {} },
  { ...usual, name: 'sets', says: 'sets only', workload: { getRatio: 0 } },
  { ...usual, name: '1k', says: 'set:get 1:10, values of 1 KiB', workload: { valueSize: 1024 } },
  {
    ...usual,
    name: '16k',
    says: 'set:get 1:10, values of 16 KiB',
    depths: [1],
    workload: { valueSize: 16_384 },
  },
  {
    ...usual,
    name: 'multiget',
    says: 'gets of 10 keys',
    depths: [1, 4],
    workload: { setRatio: 0, keysPerGet: 10 },
  },
  {
    ...usual,
    name: 'connections',
    says: 'set:get 1:10, 1000 connections',
    connections: 1000,
    workload: {},
  },
]

/** `a,b` or `all`: everything but `mix`, which is a part of `depths`. */
export function shapesOf(text: string): readonly Shape[] {
  if (text === 'all') return shapes.filter(({ name }) => name !== 'mix')
  return text.split(',').map(name => {
    const found = shapes.find(shape => shape.name === name)
    if (found !== undefined) return found
    const names = shapes.map(shape => shape.name).join(', ')
    throw new RangeError(`Cannot find shape "${name}": expected ${names}, or all`)
  })
}

const MEMORY_MB_LEAST = 64
/** Copies that sets leave behind until their segment is emptied, and memcached's slab classes. */
const OVERHEAD = 3
const ITEM_BYTES = 100

/** What `-m` must be for every key of all loads to stay, in a store of either kind. */
export function memoryFor(loads: readonly { keyCount: number; valueSize: number }[]): number {
  const bytes = loads.map(({ keyCount, valueSize }) => keyCount * (valueSize + ITEM_BYTES))
  return Math.max(MEMORY_MB_LEAST, Math.ceil((Math.max(0, ...bytes) * OVERHEAD) / 2 ** 20))
}
