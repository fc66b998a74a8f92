import { describe, expect, test } from 'vitest'
import type { Account } from '../../../src/auth/account.ts'
import { AccountList, type Finding } from '../../../src/auth/account-list.ts'
import { AttemptKind, Mechanism } from '../../../src/auth/authenticator.ts'
import { Derivations } from '../../../src/auth/derivations.ts'
import { parsePlain } from '../../../src/auth/sasl-plain.ts'
import { makeScramVerifier, makeScryptVerifier } from '../../../src/auth/verifier.ts'

const accounts: readonly Account[] = [
  { name: 'bob', password: 'secret' },
  { name: 'eve', password: 'pass:word with spaces' },
  { name: 'zoë', password: 'pässwörd' },
  { name: 'two', password: 'old' },
  { name: 'two', password: 'new' },
]

class CountedDerivations extends Derivations {
  count = 0
  override run(source: string, task: () => Promise<boolean>): Promise<boolean> | undefined {
    this.count += 1
    return super.run(source, task)
  }
}

function listOf(given: readonly Account[], now = () => 0) {
  const derivations = new CountedDerivations()
  return { list: new AccountList(given, derivations, now), derivations }
}

function check(list: AccountList, name: string, password: string): Finding | Promise<Finding> {
  const parts = [Buffer.from(name), Buffer.from(password)]
  return list.check({ kind: AttemptKind.plain, mechanism: Mechanism.plain, parts }, 'here')
}

async function userOf(finding: Finding | Promise<Finding>): Promise<string | undefined> {
  const found = await finding
  return found.kind === 'right' ? found.account.name : undefined
}

const wrong: readonly [string, string][] = [
  ['bob', 'Secret'],
  ['bob', ''],
  ['', ''],
  ['', 'secret'],
  ['bob ', 'secret'],
  ['bob', 'secret\0'],
  ['bob', 'pass:word with spaces'],
  ['eve', 'secret'],
  ['bobsecret', ''],
  ['bob', 'x'.repeat(100_000)],
  ['b'.repeat(100_000), 'secret'],
  ['two', ''],
]

describe('AccountList with passwords', () => {
  const { list } = listOf(accounts)

  test('knows each user by name and password, bytes and all, at once', () => {
    for (const { name, password } of accounts) {
      expect(check(list, name, password!)).toMatchObject({ kind: 'right', account: { name } })
    }
  })

  test.each(wrong)('refuses %j with %j', (name, password) => {
    expect(check(list, name, password)).toEqual({ kind: 'wrong' })
  })

  test('lets nobody in when it is empty', () => {
    expect(check(listOf([]).list, '', '')).toEqual({ kind: 'wrong' })
  })

  test('parts that are missing are wrong', () => {
    for (const kind of Object.values(AttemptKind)) {
      expect(list.check({ kind, mechanism: 0, parts: [] }, '')).toEqual({ kind: 'wrong' })
      expect(list.check({ kind, mechanism: 1, parts: [Buffer.from('bob')] }, '')).toEqual({
        kind: 'wrong',
      })
    }
  })
})

describe('AccountList with verifiers', async () => {
  const verified: readonly Account[] = [
    { name: 'bob', verifiers: [await makeScryptVerifier(Buffer.from('secret'))] },
    { name: 'eve', verifiers: [await makeScramVerifier('sha256', Buffer.from('passwörd'))] },
  ]

  test('knows users, and refuses others as it does without', async () => {
    const { list } = listOf(verified)
    expect(await userOf(check(list, 'bob', 'secret'))).toBe('bob')
    expect(await userOf(check(list, 'eve', 'passwörd'))).toBe('eve')
    for (const [name, password] of [
      ['bob', 'Secret'],
      ['eve', 'secret'],
      ['nobody', 'secret'],
    ] as const) {
      expect(await userOf(check(list, name, password))).toBeUndefined()
    }
  })

  test('a name that nobody has costs a derivation too', async () => {
    const { list, derivations } = listOf(verified)
    await check(list, 'nobody', 'x')
    expect(derivations.count).toBe(1)
  })

  test('what was right is known for ten minutes; what was wrong is derived again', async () => {
    let now = 0
    const { list, derivations } = listOf(verified, () => now)
    await check(list, 'eve', 'passwörd')
    for (let i = 0; i < 100; i += 1) {
      expect(check(list, 'eve', 'passwörd')).toBeInstanceOf(Object)
      expect(await userOf(check(list, 'eve', 'passwörd'))).toBe('eve')
    }
    expect(derivations.count).toBe(1)
    now = 600_001
    await check(list, 'eve', 'passwörd')
    expect(derivations.count).toBe(2)
    await check(list, 'eve', 'wrong')
    await check(list, 'eve', 'wrong')
    expect(derivations.count).toBe(4)
  })

  test('a thousand equal attempts at once cost one derivation', async () => {
    const { list, derivations } = listOf(verified)
    const attempts = Array.from({ length: 1000 }, () => userOf(check(list, 'eve', 'passwörd')))
    expect(new Set(await Promise.all(attempts))).toEqual(new Set(['eve']))
    expect(derivations.count).toBe(1)
  })

  test('an address that asks for more than four at once is not looked at; others are', async () => {
    const { list } = listOf(verified)
    const plain = { kind: AttemptKind.plain, mechanism: Mechanism.plain }
    const attempt = (i: number, source: string) =>
      list.check({ ...plain, parts: [Buffer.from('eve'), Buffer.from(`guess ${i}`)] }, source)
    const many = Array.from({ length: 10 }, (_, i) => attempt(i, 'a'))
    const other = attempt(99, 'b')
    const found: Finding[] = []
    for (const one of many) found.push(await one)
    expect(found.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 4 }, () => 'wrong'),
      ...Array.from({ length: 6 }, () => 'busy'),
    ])
    expect((await other).kind).toBe('wrong')
    expect((await attempt(100, 'a')).kind).toBe('wrong')
  })

  test('no more than 64 wait in all', async () => {
    const derivations = new Derivations()
    const gate = Promise.withResolvers<boolean>()
    const runs = Array.from({ length: 70 }, (_, i) => derivations.run(`${i}`, () => gate.promise))
    expect(runs.filter(run => run === undefined).length).toBe(6)
    gate.resolve(true)
    for (const run of runs) if (run !== undefined) expect(await run).toBe(true)
    expect(await derivations.run('a', async () => true)).toBe(true)
  })

  test('offers what every account can use', () => {
    const { plain, scramSha256, scramSha512 } = Mechanism
    const all = plain | scramSha256 | scramSha512
    expect(listOf(accounts).list.mechanisms).toBe(all)
    expect(listOf(verified).list.mechanisms).toBe(plain)
    expect(listOf(verified.slice(1)).list.mechanisms).toBe(plain | scramSha256)
    const mixed = [...verified.slice(1), ...accounts.slice(2)]
    expect(listOf(mixed).list.mechanisms).toBe(plain | scramSha256)
  })
})

describe('parsePlain()', () => {
  test.each([
    ['\0bob\0secret', 'bob', 'secret'],
    ['bob\0bob\0secret', 'bob', 'secret'],
    ['\0zoë\0pässwörd', 'zoë', 'pässwörd'],
    ['\0bob\0sec\0ret', 'bob', 'sec\0ret'],
  ])('%j is %s', (payload, name, password) => {
    const parsed = parsePlain(Buffer.from(payload))
    expect(String(parsed?.name)).toBe(name)
    expect(String(parsed?.password)).toBe(password)
  })

  const none = ['', '\0', '\0\0', '\0bob\0', '\0\0secret', 'bob\0secret', 'eve\0bob\0secret']
  test.each([...none, 'BOB\0bob\0secret'])('%j is nobody', payload => {
    expect(parsePlain(Buffer.from(payload))).toBeUndefined()
  })
})
