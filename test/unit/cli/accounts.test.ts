import { chmodSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAccounts, rereadAccounts } from '../../../src/cli/accounts.ts'
import type { Log } from '../../../src/observe/log.ts'
import { temporaryDirectory } from '../../support/users.ts'

const VERIFIER = `scrypt$1024$8$1$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(32).toString('base64')}`
const directory = temporaryDirectory()

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const passwords = file('passwords', 'bob:old\nbob:new\neve:x\n')
const users = file('users.yaml', `users: [{name: app, verifiers: ["${VERIFIER}"]}]\n`)
const single = file('single', 'secret word\n')
const sasl = file('sasl', `plain:pw:more\nlong@${hostname()}:pw2\nother@elsewhere:pw3\n`)

function names(list: readonly { name: string }[] | undefined): string[] | undefined {
  return list?.map(({ name }) => name)
}

describe('readAccounts()', () => {
  test('without a source nobody has to log in', async () => {
    expect(await readAccounts({}, {})).toEqual({ accounts: undefined, openFiles: [] })
    expect((await readAccounts({}, { MEMCACHED_SASL_PWDB: sasl })).accounts).toBeUndefined()
  })

  test('takes users from all of its sources', async () => {
    const env = { MEMRING_USERNAME: 'env', MEMRING_PASSWORD_FILE: single }
    const { accounts } = await readAccounts({ authFile: passwords, users }, env)
    expect(names(accounts)).toEqual(['bob', 'bob', 'eve', 'app', 'env'])
    expect(accounts?.at(-1)).toEqual({ name: 'env', password: 'secret word' })
  })

  test("reads memcached's SASL file, hosts and all", async () => {
    const env = { MEMCACHED_SASL_PWDB: sasl }
    const { accounts } = await readAccounts({ enableSasl: true }, env)
    expect(accounts).toEqual([
      { name: 'plain', password: 'pw' },
      { name: `long@${hostname()}`, password: 'pw2' },
      { name: 'long', password: 'pw2' },
      { name: 'other@elsewhere', password: 'pw3' },
    ])
  })

  const wrong: readonly [string, object, object, string][] = [
    [
      'a user in two places',
      { users },
      { MEMRING_USERNAME: 'app', MEMRING_PASSWORD_FILE: single },
      'in one place only',
    ],
    ['a name alone', {}, { MEMRING_USERNAME: 'x' }, 'expected both'],
    ['a password file alone', {}, { MEMRING_PASSWORD_FILE: single }, 'expected both'],
    [
      'a password file that is not there',
      {},
      { MEMRING_USERNAME: 'x', MEMRING_PASSWORD_FILE: '/no' },
      'ENOENT',
    ],
    [
      'an empty password',
      {},
      { MEMRING_USERNAME: 'x', MEMRING_PASSWORD_FILE: file('empty', '\n') },
      'expected a password',
    ],
    ['an empty name', {}, { MEMRING_USERNAME: '', MEMRING_PASSWORD_FILE: single }, '1 to 250'],
    ['a -Y file that is not there', { authFile: '/no' }, {}, 'Cannot use -Y'],
    [
      'a SASL file that is not there',
      { enableSasl: true },
      { MEMCACHED_SASL_PWDB: '/no' },
      'Cannot use MEMCACHED_SASL_PWDB',
    ],
    ['a users file that is not there', { users: '/no' }, {}, 'Cannot use users file'],
  ]
  test.each(wrong)('%s is refused', async (_, flags, env, message) => {
    await expect(readAccounts(flags, env as Record<string, string>)).rejects.toThrow(message)
  })

  test('tells which users files others can read', async () => {
    const path = file('open.yaml', `users: [{name: app, verifiers: ["${VERIFIER}"]}]\n`)
    chmodSync(path, 0o640)
    expect((await readAccounts({ users: path }, {})).openFiles).toEqual([path])
  })
})

test('rereadAccounts() logs what is wrong, and then changes nothing', async () => {
  const said: string[] = []
  const say = (level: string) => (_: object, message: string) =>
    void said.push(`${level} ${message}`)
  const log = { info: say('info'), warn: say('warn'), error: say('error') } as unknown as Log
  const replaced: (string[] | undefined)[] = []
  const replace = (list: readonly { name: string }[]) => void replaced.push(names(list))
  await rereadAccounts(() => readAccounts({ users }, {}), replace, log)
  await rereadAccounts(() => readAccounts({ users: '/no' }, {}), replace, log)
  await rereadAccounts(() => readAccounts({}, {}), replace, log)
  await rereadAccounts(
    () => readAccounts({ users }, {}),
    () => {
      throw new RangeError('too many')
    },
    log,
  )
  expect(replaced).toEqual([['app']])
  expect(said).toEqual([
    'info Users read again',
    'error Users not read again, those before stay',
    'error Users not read again, those before stay',
  ])
})
