import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PasswordList } from '../../../src/auth/authenticator.ts'
import { parsePasswordFile, readPasswordFile } from '../../../src/auth/password-file.ts'
import { verifyPlain } from '../../../src/auth/sasl-plain.ts'

const credentials = [
  { name: 'bob', password: 'secret' },
  { name: 'eve', password: 'pass:word with spaces' },
  { name: 'zoë', password: 'pässwörd' },
]
const list = new PasswordList(credentials)

function verify(name: string, password: string): string | undefined {
  return list.verify(Buffer.from(name), Buffer.from(password))
}

describe('PasswordList', () => {
  test('knows each user by name and password, bytes and all', () => {
    for (const { name, password } of credentials) expect(verify(name, password)).toBe(name)
  })

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
  ]
  test.each(wrong)('refuses %j with %j', (name, password) => {
    expect(verify(name, password)).toBeUndefined()
  })

  test('lets nobody in when it is empty', () => {
    expect(new PasswordList([]).verify(Buffer.from(''), Buffer.from(''))).toBeUndefined()
  })
})

function plain(text: string): string | undefined {
  return verifyPlain(Buffer.from(text), list)
}

describe('verifyPlain()', () => {
  test.each([
    ['\0bob\0secret', 'bob'],
    ['bob\0bob\0secret', 'bob'],
    ['\0zoë\0pässwörd', 'zoë'],
  ])('%j is %s', (payload, user) => {
    expect(plain(payload)).toBe(user)
  })

  const wrong = ['', '\0', '\0\0', '\0bob\0', '\0\0secret', 'bob\0secret', 'eve\0bob\0secret']
  test.each([...wrong, '\0bob\0secret\0', '\0bob\0sec\0ret', 'BOB\0bob\0secret'])(
    '%j is nobody',
    payload => {
      expect(plain(payload)).toBeUndefined()
    },
  )
})

function parse(text: string): { name: string; password: string }[] {
  return parsePasswordFile(text, 'users.txt')
}

describe('the password file', () => {
  test('has a user a line; empty lines and CRLF are fine; passwords may have colons', () => {
    expect(parse('bob:secret\r\n\n\neve:pass:word \nlast:x')).toEqual([
      { name: 'bob', password: 'secret' },
      { name: 'eve', password: 'pass:word ' },
      { name: 'last', password: 'x' },
    ])
  })

  const wrong: readonly [string, string, RegExp][] = [
    ['nothing in it', '\n\n', /^users.txt: .*no user in it$/],
    ['no colon', 'bob:x\nhunter2', /^users.txt:2: .*expected user:password$/],
    ['no name', ':hunter2', /^users.txt:1: .*expected user:password$/],
    ['no password', 'hunter2:', /^users.txt:1: .*expected user:password$/],
    ['a line of 257 bytes', `hunter2:${'x'.repeat(249)}`, /^users.txt:1: .*at most 256 bytes/],
    ['257 bytes in fewer characters', `hunter2:${'ö'.repeat(125)}`, /at most 256 bytes/],
    [
      '1025 users',
      Array.from({ length: 1025 }, (_, i) => `hunter2${i}:x`).join('\n'),
      /^users.txt: .*at most 1024 users$/,
    ],
  ]
  test.each(wrong)('with %s is refused, and nothing of it is told', (_, text, message) => {
    expect(() => parse(text)).toThrow(message)
    expect(() => parse(text)).not.toThrow(/hunter2/)
  })

  test('takes what is just within its limits', () => {
    expect(parse(`b:${'x'.repeat(254)}`)[0]!.password.length).toBe(254)
    const many = Array.from({ length: 1024 }, (_, i) => `user${i}:x`).join('\n')
    expect(parse(many).length).toBe(1024)
  })

  test('is read from disk, and its absence is an error', () => {
    const directory = mkdtempSync(join(tmpdir(), 'memring-auth-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'users')
    writeFileSync(file, 'bob:secret\n')
    expect(readPasswordFile(file)).toEqual([{ name: 'bob', password: 'secret' }])
    expect(() => readPasswordFile(join(directory, 'absent'))).toThrow('ENOENT')
  })
})
