// `${VAR}` in cluster files, and passwords: where they come from and that no message shows one.

import { expect, test } from 'vitest'
import type { User } from '../../../src/cluster/config.ts'
import { type Environment, type Files, load, problemsOf } from './files.ts'

const NODE = 'nodes: [ "127.0.0.1:11311" ]\n'
const SECRET = 'hunter2-hunter2'

test('variables are filled in, with defaults, also in numbers and inside a text', () => {
  const yaml = 'name: ${A}-${B:-x}\nnodes:\n  - address: ${H:-h}:${P}\n    weight: ${W:-7}\n'
  const { name, nodes } = load(yaml, { A: 'shop', P: '11211' })
  expect({ name, ...nodes[0] }).toMatchObject({ name: 'h', host: 'h', port: 11211, weight: 7 })
  expect(load(yaml, { A: 'a', B: 'b', P: '1', H: 'g', W: '2' })).toMatchObject({
    name: 'a-b',
    nodes: [{ label: 'g:1', weight: 2 }],
  })
})

test('a variable that is set and empty takes the default, and is empty without one', () => {
  expect(load(`name: "\${A:-b}"\n${NODE}`, { A: '' }).name).toBe('b')
  expect(problemsOf(`name: "\${A}"\n${NODE}`, { A: '' })).toEqual([
    '1:7: name: found "", expected 1 to 64 letters, digits, ".", "_" or "-"',
  ])
})

test('what a variable holds is never read as YAML', () => {
  const yaml = `name: \${A}\n${NODE}`
  expect(problemsOf(yaml, { A: 'x\nopen: true' })).toEqual([
    expect.stringContaining('1:7: name: found "x\\nopen: true"'),
  ])
  expect(problemsOf(yaml, { A: '[a]' })).toHaveLength(1)
})

test.each([
  ['${A}', 'found ${A}, which is not set, expected it in the environment, or ${A:-default}'],
  ['${A', 'found "${" with no variable, expected ${NAME} or ${NAME:-default}'],
  ['${}', 'found "${" with no variable, expected ${NAME} or ${NAME:-default}'],
  ['${1A}', 'found "${" with no variable, expected ${NAME} or ${NAME:-default}'],
  ['${A-b}', 'found "${" with no variable, expected ${NAME} or ${NAME:-default}'],
])('name: %s', (value, text) => {
  expect(problemsOf(`name: "${value}"\n${NODE}`)).toEqual([`1:7: name: ${text}`])
})

function users(list: string, environment: Environment = {}, files?: Files): readonly User[] {
  return load(`${NODE}users:\n${list}`, environment, files).users
}

test.each(['x', '0123', 'true', '12', ' a b ', 'ü', 'p'.repeat(250)])(
  'password %j arrives as it is, by variable and by file',
  password => {
    const user = [{ name: 'bob', password }]
    expect(users('  - name: bob\n    password: ${P}', { P: password })).toEqual(user)
    const list = '  - { name: bob, password_file: pw }'
    for (const text of [password, `${password}\n`, `${password}\r\n`]) {
      expect(users(list, {}, { pw: text })).toEqual(user)
    }
  },
)

test.each<[string, string, string, Environment, Files]>([
  [
    'a literal',
    `password: ${SECRET}`,
    '[0].password: found a literal password, expected password_file: FILE or password: ${VARIABLE}',
    {},
    {},
  ],
  ['a literal number', 'password: 8231', '[0].password: found a literal password', {}, {}],
  [
    'a literal default',
    `password: \${P:-${SECRET}}`,
    '[0].password: found a literal password',
    {},
    {},
  ],
  [
    'a literal around a variable',
    `password: ${SECRET}\${P}`,
    '[0].password: found a literal password',
    { P: '1' },
    {},
  ],
  ['a list', `password: [ ${SECRET} ]`, '[0].password: found a literal password', {}, {}],
  [
    'a variable not set',
    'password: ${P}',
    '[0].password: found ${P}, which is not set, expected it in the environment',
    {},
    {},
  ],
  [
    'an empty variable',
    'password: ${P}',
    '[0].password: found a password of 0 bytes, expected 1 to 250 bytes without control characters',
    { P: '' },
    {},
  ],
  [
    '251 bytes',
    'password: ${P}',
    '[0].password: found a password of 251 bytes',
    { P: SECRET.padEnd(251, 'x') },
    {},
  ],
  [
    '100,000 bytes',
    'password: ${P}',
    '[0].password: found a password of 100000 bytes',
    { P: SECRET.padEnd(100_000, 'x') },
    {},
  ],
  [
    'a control character',
    'password: ${P}',
    '[0].password: found a password of 20 bytes',
    { P: `${SECRET}\nmore` },
    {},
  ],
  [
    'both ways',
    `password: \${P}\n    password_file: pw`,
    '[0]: found both password and password_file',
    { P: SECRET },
    { pw: SECRET },
  ],
  [
    'neither way',
    'passwd: x',
    '[0].passwd: found an unknown field, did you mean "password"?',
    {},
    {},
  ],
  [
    'a password as the file',
    `password_file: ${SECRET}`,
    '[0].password_file: found a file that cannot be read (ENOENT), expected a readable text file, relative to the cluster file',
    {},
    {},
  ],
  [
    'a directory',
    'password_file: .',
    '[0].password_file: found a file that cannot be read (EISDIR)',
    {},
    {},
  ],
  [
    'a large file',
    'password_file: pw',
    '[0].password_file: found a file that cannot be read',
    {},
    { pw: SECRET.padEnd(4097, 'x') },
  ],
  [
    'two lines',
    'password_file: pw',
    '[0].password_file: found a password of 31 bytes',
    {},
    { pw: `${SECRET}\n${SECRET}` },
  ],
  [
    'bytes that are no text',
    'password_file: pw',
    '[0].password_file: found a file that cannot be read',
    {},
    { pw: Uint8Array.of(0xff) },
  ],
])('%s is refused, and no message shows it', (_, field, problem, environment, files) => {
  const list = `  - name: bob\n    ${field}`
  const problems = problemsOf(`${NODE}users:\n${list}`, environment, files)
  expect(problems).toEqual([expect.stringContaining(`users${problem}`)])
  expect(problems.join()).not.toMatch(/hunter2|8231/)
})

test.each([
  `users: [ "bob:${SECRET}" ]`,
  `users: { bob: ${SECRET} }`,
  `users: ${SECRET}`,
  `users: [ { name: [ ${SECRET} ], password: "\${P}" } ]`,
  `users: [ { name: "bob ${SECRET}", password: "\${P}" } ]`,
  `users: [ { name: bob, password: ${SECRET} ]`,
  `users: [ { name: bob, password: "${SECRET} } ]`,
  `users: [ { name: bob, password: *${SECRET} } ]`,
  `users: [ { name: bob, password: !${SECRET} x } ]`,
  `users:\n  - name: bob\n    password: a\n  ${SECRET}`,
])('no message quotes a password in the wrong place: %s', yaml => {
  const problems = problemsOf(`${NODE}${yaml}`, { P: SECRET })
  expect(problems.length).toBeGreaterThan(0)
  expect(problems.join()).not.toContain('hunter2')
})

function withUsers(...names: string[]): string {
  const list = names.map(name => `  - name: "${name}"\n    password: \${P}\n`)
  return `${NODE}users:\n${list.join('')}`
}

test('a user given twice, and names that a login cannot carry', () => {
  const P = 'x'
  expect(problemsOf(withUsers('a', 'b', 'a'), { P })).toEqual([
    '7:11: users[2].name: found a name which users[0] has too, expected one of its own',
  ])
  for (const name of ['', 'a b', 'a:b', 'ü', 'n'.repeat(251)]) {
    const text = 'users[0].name: found a string, expected 1 to 250 printable characters'
    expect(problemsOf(withUsers(name), { P })).toEqual([expect.stringContaining(text)])
  }
  expect(load(withUsers('n'.repeat(250)), { P }).users).toHaveLength(1)
})

test.each([100, 101, 1000])('%i users', count => {
  const list = Array.from({ length: count }, (_, at) => `  - { name: u${at}, password_file: pw }`)
  const yaml = `${NODE}users:\n${list.join('\n')}`
  if (count === 100) expect(load(yaml, {}, { pw: 'x' }).users).toHaveLength(100)
  else {
    expect(problemsOf(yaml, {}, { pw: 'x' })).toEqual([
      `3:3: users: found ${count} users, expected a list of 0 to 100 users`,
    ])
  }
})
