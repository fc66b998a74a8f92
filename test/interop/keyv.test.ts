// Keyv with its memcache adapter (memjs, binary protocol), without a login and by SASL PLAIN.

import { KeyvMemcache } from '@keyv/memcache'
import { Keyv } from 'keyv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD, USER, writePasswordFile } from '../support/users.ts'
import { type Endpoint, memcachedEndpoint, nodeEndpoint, routerEndpoint } from './endpoints.ts'

const passwords = writePasswordFile()
afterAll(() => passwords.remove())

const kinds = [
  { name: 'memcached', start: () => memcachedEndpoint.start() },
  { name: 'node', start: () => nodeEndpoint.start() },
  { name: 'router over 3 nodes', start: () => routerEndpoint.start() },
  {
    name: 'node -S -Y',
    start: () => nodeEndpoint.start(['-S', '-Y', passwords.path]),
    login: { username: USER, password: PASSWORD },
  },
]

describe.each(kinds)('Keyv: $name', ({ start, login }) => {
  let endpoint: Endpoint
  beforeAll(async () => {
    endpoint = await start()
  })
  afterAll(async () => {
    await endpoint.stop()
  })

  test('values, lifetimes, deletes', async () => {
    const store = new KeyvMemcache(endpoint.address, { retries: 0, timeout: 5, ...login })
    const keyv = new Keyv({ store, namespace: 'interop' })
    try {
      expect(await keyv.get('a')).toBeUndefined()
      expect(await keyv.set('a', { deep: [1, 'two'] })).toBe(true)
      expect(await keyv.get('a')).toEqual({ deep: [1, 'two'] })
      const large = 'L'.repeat(900_000)
      await keyv.set('large', large)
      expect(await keyv.get('large')).toBe(large)
      const names = Array.from({ length: 50 }, (_, at) => `many-${at}`)
      await Promise.all(names.map(name => keyv.set(name, name)))
      expect(await keyv.get([...names, 'missing'])).toEqual([...names, undefined])
      expect(await keyv.delete('a')).toBe(true)
      expect(await keyv.get('a')).toBeUndefined()
      await keyv.set('brief', 'x', 1_000)
      expect(await keyv.get('brief')).toBe('x')
      await new Promise(resolve => setTimeout(resolve, 2_100))
      expect(await keyv.get('brief')).toBeUndefined()
    } finally {
      store.client.close()
    }
  })
})
