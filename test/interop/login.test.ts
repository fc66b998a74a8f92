// Clients that log in: memjs and pylibmc by SASL PLAIN on the binary protocol, through a node that
// takes both kinds of login and through the router; pymemcache has no login.

import { Client as Memjs } from 'memjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD, USER, writePasswordFile } from '../support/users.ts'
import { type Endpoint, memcachedEndpoint, nodeEndpoint, routerEndpoint } from './endpoints.ts'
import { countChecks, runScript } from './scripts.ts'

const LOGIN_REFUSED = 3
const passwords = writePasswordFile()
afterAll(() => passwords.remove())

const guarded = [
  { name: 'node -S -Y', start: () => nodeEndpoint.start(['-S', '-Y', passwords.path]) },
  { name: 'router -Y', start: () => routerEndpoint.start(['-Y', passwords.path]) },
]

function memjs(endpoint: Endpoint, username: string, password: string): Memjs {
  const logger = { log: (): void => {} }
  return Memjs.create(endpoint.address, { username, password, retries: 0, timeout: 2, logger })
}

describe.each(guarded)('clients that log in: $name', kind => {
  let endpoint: Endpoint
  beforeAll(async () => {
    endpoint = await kind.start()
  })
  afterAll(async () => {
    await endpoint.stop()
  })

  test('memjs with user and password', async () => {
    const client = memjs(endpoint, USER, PASSWORD)
    try {
      expect(await client.set('memjs', 'value', {})).toBe(true)
      expect(String((await client.get('memjs')).value)).toBe('value')
      const names = Array.from({ length: 50 }, (_, at) => `memjs-${at}`)
      await Promise.all(names.map(name => client.set(name, name, {})))
      const found = await Promise.all(names.map(name => client.get(name)))
      expect(found.map(one => String(one.value))).toEqual(names)
      expect(await client.delete('memjs')).toBe(true)
    } finally {
      client.close()
    }
  })

  test('memjs with a wrong password writes nothing', async () => {
    const insider = memjs(endpoint, USER, PASSWORD)
    const outsider = memjs(endpoint, USER, 'wrong')
    try {
      expect(await insider.set('guarded', 'old', {})).toBe(true)
      await expect(outsider.set('guarded', 'new', {})).rejects.toThrow()
      expect(String((await insider.get('guarded')).value)).toBe('old')
    } finally {
      insider.close()
      outsider.close()
    }
  })

  test('pylibmc with user and password', async () => {
    const args = [endpoint.address, USER, PASSWORD]
    expect(await countChecks('python', 'pylibmc_binary', args)).toBeGreaterThan(10)
  })

  test('pylibmc with a wrong password, and with none, is refused', async () => {
    const wrong = await runScript('python', 'pylibmc_binary', [endpoint.address, USER, 'wrong'])
    expect([wrong.status, wrong.stdout]).toEqual([LOGIN_REFUSED, ''])
    const none = await runScript('python', 'pylibmc_binary', [endpoint.address])
    expect([none.status, none.stdout]).toEqual([LOGIN_REFUSED, ''])
  })
})

describe.each([memcachedEndpoint, nodeEndpoint, routerEndpoint])('binary: $name', kind => {
  test('pylibmc in binary without a login', async () => {
    const endpoint = await kind.start()
    try {
      expect(await countChecks('python', 'pylibmc_binary', [endpoint.address])).toBeGreaterThan(10)
    } finally {
      await endpoint.stop()
    }
  })
})

describe('PHP: SASL', () => {
  test('php-memcached, binary, with the right password and with a wrong one', async () => {
    const endpoint = await nodeEndpoint.start(['-S', '-Y', passwords.path])
    try {
      const args = [endpoint.host, String(endpoint.port), 'binary', USER]
      expect(await countChecks('php', 'memcached_client', [...args, PASSWORD])).toBeGreaterThan(40)
      const wrong = await runScript('php', 'memcached_client', [...args, 'wrong'])
      expect([wrong.status, wrong.stdout]).toEqual([LOGIN_REFUSED, ''])
    } finally {
      await endpoint.stop()
    }
  })
})
