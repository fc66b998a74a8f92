import { expect, test } from 'vitest'
import { checkWorkload } from '../../../src/load/workload.ts'
import { readOptions } from '../../bench/node-bench-options.ts'
import { memoryFor, shapes, shapesOf } from '../../bench/shapes.ts'

function loadsOf(...args: string[]) {
  return readOptions(args)!.loads.map(({ name, depths, connections, valueSize }) => {
    return [name, depths.join(), connections, valueSize]
  })
}

test('every shape has a name of its own and a workload that the driver takes', () => {
  expect(new Set(shapes.map(({ name }) => name)).size).toBe(shapes.length)
  for (const { workload } of shapes) expect(() => checkWorkload(workload)).not.toThrow()
})

test('`shapesOf()` reads names, and `all` measures nothing twice', () => {
  expect(shapesOf('sets,mix').map(({ name }) => name)).toEqual(['sets', 'mix'])
  const all = shapesOf('all').map(({ name }) => name)
  expect(all).toEqual(['depths', 'sets', '1k', '16k', 'multiget', 'connections'])
  expect(() => shapesOf('')).toThrow('Cannot find shape ""')
})

test('options go before what a shape has; a rate is measured once', () => {
  expect(loadsOf()).toEqual([['mix', '1,16', 50, 100]])
  expect(loadsOf('--shapes', '1k,connections', '--depths', '4')).toEqual([
    ['1k', '4', 50, 1024],
    ['connections', '4', 1000, 100],
  ])
  expect(loadsOf('--shapes', '16k', '--value-size', '0', '--connections', '2')).toEqual([
    ['16k', '1', 2, 0],
  ])
  expect(loadsOf('--shapes', 'mix,sets', '--rate', '30000')).toEqual([
    ['mix', '64', 50, 100],
    ['sets', '64', 50, 100],
  ])
})

test('`memoryFor()` holds the largest load and is never less than 64 MB', () => {
  const small = { keyCount: 10_000, valueSize: 100 }
  expect(memoryFor([])).toBe(64)
  expect(memoryFor([small])).toBe(64)
  expect(memoryFor([small, { keyCount: 10_000, valueSize: 16_384 }])).toBe(472)
})
