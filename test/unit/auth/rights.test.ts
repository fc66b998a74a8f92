import { describe, expect, test } from 'vitest'
import { type Account, checkAccount, rightNames } from '../../../src/auth/account.ts'
import { Rights } from '../../../src/auth/rights.ts'
import { Right } from '../../../src/protocol/command.ts'

const bob: Account = { name: 'bob', password: 'x' }

function copyOf(account: Account): Rights {
  return Rights.decode(Rights.encode(Rights.of(account)))!
}

function allowsKey(rights: Rights, key: string): boolean {
  const bytes = Buffer.from(`xx${key}yy`)
  return rights.allowsKey(bytes, 2, bytes.length - 4)
}

describe('Rights', () => {
  test('of somebody who may do everything are none at all', () => {
    expect(Rights.of(bob)).toBeUndefined()
    expect(Rights.of({ ...bob, rights: rightNames, prefixes: [] })).toBeUndefined()
    expect(Rights.decode(Rights.encode(undefined))).toBeUndefined()
  })

  test('are what the account names, and nothing else', () => {
    const names = [[], ['read'], ['write'], ['admin'], ['read', 'admin']] as const
    for (const rights of names) {
      const copy = copyOf({ ...bob, rights })
      for (const name of rightNames) {
        expect(copy.allows(Right[name])).toBe((rights as readonly string[]).includes(name))
      }
      expect(copy.allows(Right.none)).toBe(true)
      expect(copy.allows(Right.all)).toBe(false)
    }
    expect(copyOf({ ...bob, rights: ['read'] }).allows(Right.read | Right.write)).toBe(false)
  })

  test('keys begin with one of the prefixes, bytes and all', () => {
    const rights = copyOf({ ...bob, prefixes: ['app:', 'zoë/', 'a'.repeat(250)] })
    for (const key of ['app:', 'app:1', 'zoë/x', 'a'.repeat(250)]) {
      expect(allowsKey(rights, key), key).toBe(true)
    }
    for (const key of ['', 'app', 'App:1', ' app:', 'zoe/x', 'a'.repeat(249), 'xapp:1']) {
      expect(allowsKey(rights, key), key).toBe(false)
    }
    expect(allowsKey(copyOf({ ...bob, rights: ['read'] }), 'anything')).toBe(true)
  })

  test('cross threads at their largest', () => {
    const prefixes = Array.from({ length: 32 }, (_, i) => `${i}`.padEnd(64, '-'))
    checkAccount({ ...bob, prefixes })
    const rights = copyOf({ ...bob, prefixes })
    for (const prefix of prefixes) expect(allowsKey(rights, prefix)).toBe(true)
    expect(allowsKey(rights, '32'.padEnd(64, '-'))).toBe(false)
  })
})

describe('checkAccount()', () => {
  const wrong: readonly [string, Account][] = [
    ['no name', { name: '', password: 'x' }],
    ['a name of 251 bytes', { name: 'x'.repeat(251), password: 'x' }],
    ['no password', { name: 'bob' }],
    ['a password and a verifier', { ...bob, verifiers: ['x'] }],
    ['33 prefixes', { ...bob, prefixes: Array.from({ length: 33 }, (_, i) => `${i}`) }],
    ['an empty prefix', { ...bob, prefixes: [''] }],
    ['a prefix of 251 bytes', { ...bob, prefixes: ['x'.repeat(251)] }],
    [
      '2049 bytes of prefixes',
      { ...bob, prefixes: [...Array(8).fill('x'.repeat(250)), 'x'.repeat(49)] },
    ],
    ['a megabyte of prefixes', { ...bob, prefixes: ['x'.repeat(1 << 20)] }],
  ]
  test.each(wrong)('refuses %s', (_, account) => {
    expect(() => checkAccount(account)).toThrow(RangeError)
  })

  test('takes 2048 bytes of prefixes', () => {
    checkAccount({ ...bob, prefixes: [...Array<string>(8).fill('x'.repeat(250)), 'x'.repeat(48)] })
  })
})
