// What SASL refuses, and how: the same bytes as memcached's `-S`, whose accounts are in a database
// of its own, so that nobody gets in here. Which mechanisms there are is each one's own.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { frame, Opcode, saslPlain } from '../support/binary.ts'
import { TestConnection } from '../support/connection.ts'
import { type ServerProcess, startNode } from '../support/processes.ts'
import { memcacheds } from '../support/targets.ts'
import { temporaryDirectory, USER, writePasswordFile } from '../support/users.ts'

const wrong = '\0alice\0wrong'
const auth = (key: string, value = ''): Buffer => frame(Opcode.saslAuth, { key, value })
const step = (key: string, value = ''): Buffer => frame(Opcode.saslStep, { key, value })
/** Refused to who has not logged in, and the end of the connection. */
const last = frame(Opcode.get, { key: 'a' })

const cases: readonly [string, readonly Buffer[]][] = [
  ['nothing', []],
  ['a wrong password', [saslPlain(USER, 'wrong')]],
  ['a wrong password, twice', [saslPlain(USER, 'wrong'), saslPlain(USER, 'wronger')]],
  ['an unknown user', [saslPlain('nobody', 'secret')]],
  ['one NUL only', [auth('PLAIN', '\0alicewrong')]],
  ['no NUL', [auth('PLAIN', 'alice')]],
  ['an unknown mechanism', [auth('NOPE', wrong)]],
  ['an unknown mechanism of 32 bytes', [auth('N'.repeat(32), wrong)]],
  ['a mechanism of 33 bytes', [auth('N'.repeat(33), wrong), saslPlain(USER, 'wrong')]],
  ['a mechanism of 33 bytes alone', [auth('N'.repeat(33)), step('N'.repeat(33), 'x')]],
  ['no mechanism', [auth('', wrong)]],
  ['neither mechanism nor value', [auth('')]],
  ['extras', [frame(Opcode.saslAuth, { key: 'PLAIN', value: wrong, extras: Buffer.alloc(4) })]],
  ['a step without a beginning', [step('PLAIN', wrong)]],
  ['an empty step without a beginning', [step('PLAIN')]],
  ['a step without a mechanism', [step('', wrong)]],
  ['a beginning with nothing', [auth('PLAIN')]],
  ['two beginnings with nothing', [auth('PLAIN'), auth('PLAIN')]],
  ['a wrong step', [auth('PLAIN'), step('PLAIN', wrong), step('PLAIN', wrong)]],
  ['an empty step', [auth('PLAIN'), step('PLAIN'), step('PLAIN')]],
  ['a malformed step', [auth('PLAIN'), step('PLAIN', 'alice')]],
  ['a beginning with nothing, then one with all', [auth('PLAIN'), saslPlain(USER, 'wrong')]],
  ['a list with a key', [frame(Opcode.saslMechanisms, { key: 'x' })]],
  ['a list with a value', [frame(Opcode.saslMechanisms, { value: 'x' })]],
  ['a list with extras', [frame(Opcode.saslMechanisms, { extras: Buffer.alloc(4) })]],
  ['set', [frame(Opcode.set, { key: 'a', value: '1', extras: Buffer.alloc(8) })]],
  ['noop', [frame(Opcode.noop)]],
  ['quit', [frame(Opcode.quit)]],
  ['an unknown opcode', [frame(0x77 as Opcode)]],
]

async function answerOf(server: ServerProcess, frames: readonly Buffer[]): Promise<string> {
  const connection = await TestConnection.open(server)
  await connection.send(Buffer.concat([...frames, last]))
  return (await connection.receiveEnd()).toString('hex')
}

const passwords = writePasswordFile()
/** Cyrus SASL, which memcached asks, does not start without. */
const folder = temporaryDirectory()
writeFileSync(join(folder, 'memcached.conf'), 'mech_list: plain\n')
let node: ServerProcess
beforeAll(async () => {
  node = await startNode(['-S', '-Y', passwords.path, '--login-wait', '0'])
})
afterAll(async () => {
  await node.stop()
  passwords.remove()
})

describe.each(memcacheds)('SASL before a login, as $name', target => {
  let memcached: ServerProcess
  beforeAll(async () => {
    vi.stubEnv('SASL_CONF_PATH', folder)
    memcached = await target.start(['-S'])
    vi.unstubAllEnvs()
  })
  afterAll(async () => {
    await memcached.stop()
  })

  test.each(cases)('%s', async (_, frames) => {
    expect(await answerOf(node, frames)).toBe(await answerOf(memcached, frames))
  })
})
