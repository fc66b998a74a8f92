import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { canMap, createRegion, openRegion } from '../../../src/store/region.ts'

const GIB = 1024 ** 3

test('koffi maps memory on this machine', () => {
  expect(canMap()).toBe(process.platform === 'linux')
})

describe.each(['shared', 'mapped'] as const)('%s memory', kind => {
  test('is zero, and one memory through every view and every opening', () => {
    const region = createRegion(65536, kind)
    expect(region.kind).toBe(kind)
    expect(region.bytes.length).toBe(65536)
    expect(region.words.length).toBe(16384)
    expect(region.longs.length).toBe(8192)
    expect(region.bytes.every(byte => byte === 0)).toBe(true)
    const other = openRegion(region.handle)
    region.words[5] = 0xdeadbeef
    expect(other.bytes[20]).toBe(0xef)
    expect(other.longs[2]).toBe(0xdeadbeef00000000n)
    expect(Atomics.add(other.longs, 2, 1n)).toBe(0xdeadbeef00000000n)
    expect(region.words[4]).toBe(1)
  })

  test('what is given back is zero again where the kernel is asked, and its neighbours stay', () => {
    const region = createRegion(65536, kind)
    region.bytes.fill(7)
    region.giveBack(16384, 8192)
    const gone = kind === 'mapped' ? 0 : 7
    expect([16383, 16384, 24575, 24576].map(at => region.bytes[at])).toEqual([7, gone, gone, 7])
    region.bytes[20000] = 9
    expect(openRegion(region.handle).bytes[20000]).toBe(9)
  })

  test('regions are apart from each other', () => {
    const first = createRegion(65536, kind)
    const second = createRegion(65536, kind)
    first.bytes.fill(1)
    expect(second.bytes.every(byte => byte === 0)).toBe(true)
  })
})

test('mapped memory asks for huge pages', () => {
  const region = createRegion(8 * 1024 ** 2, 'mapped')
  const { handle } = region
  const address = handle.kind === 'mapped' ? handle.address : 0
  const flags = flagsOf(address)
  // `hg`: VM_HUGEPAGE, Documentation/filesystems/proc.rst. Kernels without them have no such flag.
  expect(flags.includes('hg')).toBe(existsSync('/sys/kernel/mm/transparent_hugepage'))
})

/** What the kernel says of the mapping that holds `address`. */
function flagsOf(address: number): string[] {
  for (const mapping of readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-)/m)) {
    const [from, to] = mapping
      .split(' ', 1)[0]!
      .split('-')
      .map(text => Number(`0x${text}`))
    if (address < from! || address >= to!) continue
    return /^VmFlags: (.*)$/m.exec(mapping)![1]!.split(' ')
  }
  return []
}

test('memory that nobody has touched costs nothing: 64 GiB, written at both ends', () => {
  const region = createRegion(64 * GIB, 'mapped')
  const last = region.bytes.length - 1
  region.bytes[0] = 1
  region.bytes[last] = 2
  expect(region.bytes.length).toBe(64 * GIB)
  expect(region.words[region.words.length - 1]).toBe(2 * 2 ** 24)
  region.bytes.copyWithin(last - 8, 0, 1)
  expect(region.bytes[last - 8]).toBe(1)
})

test('pages that cannot be given back are an error, not silence', () => {
  const region = createRegion(65536, 'mapped')
  expect(() => region.giveBack(100, 4096)).toThrow('Cannot give 4096 bytes at 100 back')
})

test('memory that the kernel does not have is an error, not a crash', () => {
  expect(() => createRegion(2 ** 47, 'mapped')).toThrow('Cannot map 140737488355328 bytes')
  expect(() => createRegion(2 ** 46, 'mapped', { largePages: true })).toThrow(
    /^Cannot map 33554432 large pages: the system has \d+ free of 2048 KiB each; set vm.nr_hugepages$/,
  )
  expect(() => createRegion(65536, 'shared', { largePages: true })).toThrow(
    'Cannot use large pages',
  )
})
