import { release } from 'node:os'
import { describe, expect, test } from 'vitest'
import { uringRefusal } from '../../../../src/net/uring/probe.ts'
import type { System } from '../../../../src/net/uring/system.ts'
import { system } from './support.ts'

function refusal(calls: Partial<System>, disabled = '0'): string | undefined {
  return uringRefusal({ system: { ...system, ...calls }, disabled, kernelRelease: '5.10.0' })
}

describe('uringRefusal()', () => {
  test('none on this machine', () => {
    expect(uringRefusal()).toBeUndefined()
    expect(refusal({})).toBeUndefined()
    expect(release()).toMatch(/^\d+\./)
  })

  test.each([
    [1, '0', 'refused by seccomp'],
    [1, '', 'refused by seccomp'],
    [1, '1', 'the sysctl kernel.io_uring_disabled is 1'],
    [1, '2', 'the sysctl kernel.io_uring_disabled is 2'],
    [38, '', 'the kernel has no io_uring'],
    [22, '', 'the kernel is 5.10.0, io_uring is used from 6.1 on'],
    [12, '', 'no memory for its rings'],
    [23, '', 'errno 23'],
  ])('setup says %i, the sysctl "%s": %s', (errno, disabled, reason) => {
    expect(refusal({ setup: () => -errno }, disabled)).toContain(reason)
  })

  test('a ring without what is needed is refused, and nothing is left open', () => {
    const opened: number[] = []
    const closed: number[] = []
    const counting: Partial<System> = {
      setup: (entries, params) => {
        const fd = system.setup(entries, params)
        new DataView(system.view(params, 120)).setUint32(20, 1, true)
        opened.push(fd)
        return fd
      },
      close: fd => {
        closed.push(fd)
        system.close(fd)
      },
    }
    expect(refusal(counting)).toBe('the kernel is 5.10.0, io_uring is used from 6.1 on')
    expect(refusal({ register: () => -22 })).toContain('io_uring is used from 6.1 on')
    expect(refusal({ enter: () => -1 })).toContain('refused by seccomp')
    expect(closed).toEqual(opened)
    expect(opened.length).toBe(1)
  })

  test('no koffi: no calls', () => {
    const nothing = { system: undefined, disabled: '', kernelRelease: '' }
    expect(uringRefusal(nothing)).toBe('koffi does not load here')
  })
})
