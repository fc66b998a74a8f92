import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ClusterFileError } from '../../../src/cluster/problems.ts'
import {
  hasUsers,
  isOpenToOthers,
  loadUsersFile,
  putUser,
  removeUser,
} from '../../../src/cluster/users-file.ts'
import { temporaryDirectory } from '../../support/users.ts'

const VERIFIER = `scrypt$1024$8$1$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(32).toString('base64')}`

function fileWith(text: string): string {
  const path = join(temporaryDirectory(), 'users.yaml')
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** `line:column: field: problem`, without the file. */
function problemsOf(text: string): string[] {
  try {
    loadUsersFile(fileWith(text))
  } catch (error) {
    if (!(error instanceof ClusterFileError)) throw error
    expect(error.message).toContain('Cannot use users file')
    expect(error.message).not.toContain('hunter2')
    return error.problems.map(({ line, column, field, text: said }) => {
      return `${line}:${column}: ${field}: ${said}`
    })
  }
  return []
}

describe('loadUsersFile()', () => {
  test('reads users, with and without rules', () => {
    const path = fileWith(`# who may come in
users:
  - { name: app, verifiers: ["${VERIFIER}"], rights: [write, read], prefixes: ["app:", zoë] }
  - name: ops
    verifiers:
      - ${VERIFIER}
`)
    expect(loadUsersFile(path)).toEqual([
      { name: 'app', verifiers: [VERIFIER], rights: ['read', 'write'], prefixes: ['app:', 'zoë'] },
      { name: 'ops', verifiers: [VERIFIER] },
    ])
  })

  const good = `verifiers: ["${VERIFIER}"]`
  const wrong: readonly [string, string, RegExp][] = [
    ['nothing', '', /^1:1: users: expected a list of 1 to 1024 users$/],
    ['no users', 'users: []', /^1:8: users: expected a list/],
    ['a text', 'users: hunter2', /^1:8: users: expected a list/],
    ['a user that is a text', 'users:\n  - hunter2', /^2:5: users\[0\]: expected a mapping/],
    [
      'another field',
      `users:\n  - {name: a, ${good}, right: x}`,
      /right: found an unknown field, did you mean "rights"/,
    ],
    [
      'another section',
      `users:\n  - {name: a, ${good}}\nhunter: 1`,
      /^3:1: hunter: found an unknown field/,
    ],
    ['no name', `users:\n  - {${good}}`, /users\[0\]\.name: expected 1 to 250/],
    [
      'a name with a space',
      `users:\n  - {name: "a b", ${good}}`,
      /^2:12: users\[0\]\.name: expected/,
    ],
    ['a name of 251', `users:\n  - {name: ${'n'.repeat(251)}, ${good}}`, /name: expected/],
    [
      'a name twice',
      `users:\n  - {name: a, ${good}}\n  - {name: a, ${good}}`,
      /^3:12: users\[1\]\.name: found a name for the second time$/,
    ],
    ['no verifier', 'users:\n  - {name: a}', /verifiers: expected a list of 1 to 4/],
    [
      'five verifiers',
      `users:\n  - {name: a, verifiers: [x, x, x, x, x]}`,
      /verifiers: expected a list of 1 to 4/,
    ],
    [
      'a password',
      'users:\n  - {name: a, verifiers: [hunter2]}',
      /^2:27: users\[0\]\.verifiers\[0\]: expected scrypt/,
    ],
    [
      'another right',
      `users:\n  - {name: a, ${good}, rights: [hunter2]}`,
      /rights: expected a list of read, write, admin$/,
    ],
    ['rights as a text', `users:\n  - {name: a, ${good}, rights: read}`, /rights: expected a list/],
    [
      'no prefix',
      `users:\n  - {name: a, ${good}, prefixes: []}`,
      /prefixes: expected a list of 1 to 32/,
    ],
    ['an empty prefix', `users:\n  - {name: a, ${good}, prefixes: [""]}`, /prefixes: expected/],
    [
      'a prefix with a space',
      `users:\n  - {name: a, ${good}, prefixes: ["a b"]}`,
      /prefixes: expected/,
    ],
    ['no YAML', 'users: [hunter2', /^1:16: : not YAML/],
  ]
  test.each(wrong)('%s is refused with its place', (_, text, expected) => {
    const problems = problemsOf(text)
    expect(problems.join('\n')).toMatch(new RegExp(expected.source, 'm'))
  })

  test('a file that is not there, or too large', () => {
    const absent = join(temporaryDirectory(), 'absent.yaml')
    expect(() => loadUsersFile(absent)).toThrow(`Cannot use users file ${absent}: there is no such`)
    expect(() => loadUsersFile(fileWith('#'.repeat((1 << 20) + 1)))).toThrow('at most 1048576')
  })
})

describe('putUser() and removeUser()', () => {
  test('make the file for its owner only, and keep what people wrote', () => {
    const path = join(temporaryDirectory(), 'users.yaml')
    expect(hasUsers(path)).toBe(false)
    putUser(path, { name: 'a', verifiers: [VERIFIER], rights: ['read'] })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(isOpenToOthers(path)).toBe(false)
    writeFileSync(path, `# mine\n${readFileSync(path, 'utf8')}`)
    chmodSync(path, 0o644)
    expect(isOpenToOthers(path)).toBe(true)
    putUser(path, { name: 'b', verifiers: [VERIFIER], prefixes: ['b:'] })
    putUser(path, { name: 'a', verifiers: [VERIFIER, VERIFIER] })
    expect(readFileSync(path, 'utf8')).toMatch(/^# mine\n/)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(loadUsersFile(path)).toEqual([
      { name: 'a', verifiers: [VERIFIER, VERIFIER] },
      { name: 'b', verifiers: [VERIFIER], prefixes: ['b:'] },
    ])
    expect(removeUser(path, 'a')).toBe(true)
    expect(removeUser(path, 'a')).toBe(false)
    expect(loadUsersFile(path).map(({ name }) => name)).toEqual(['b'])
    expect(readdirSync(join(path, '..'))).toEqual(['users.yaml'])
  })

  test('a file that is no YAML is left alone', () => {
    const path = fileWith('users: [')
    expect(() => putUser(path, { name: 'a', verifiers: [VERIFIER] })).toThrow(ClusterFileError)
    expect(() => removeUser(path, 'a')).toThrow(ClusterFileError)
    expect(readFileSync(path, 'utf8')).toBe('users: [')
  })
})
