import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePasswordFile, readPasswordFile } from '../../../src/auth/password-file.ts'

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
