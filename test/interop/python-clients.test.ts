// pymemcache, pylibmc and Django's caches on them, against memcached (as the control), a node and a router.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Endpoint, memcachedEndpoint, nodeEndpoint, routerEndpoint } from './endpoints.ts'
import { countChecks } from './scripts.ts'

const KEY_COUNT = 10_000

describe.each([memcachedEndpoint, nodeEndpoint, routerEndpoint])('Python clients: $name', kind => {
  let endpoint: Endpoint
  beforeAll(async () => {
    endpoint = await kind.start()
  })
  afterAll(async () => {
    await endpoint.stop()
  })

  test('pymemcache', async () => {
    const { host, port } = endpoint
    expect(await countChecks('python', 'pymemcache_client', [host, String(port)])).toBeGreaterThan(
      30,
    )
  })

  test('pylibmc, text, ketama on', async () => {
    expect(await countChecks('python', 'pylibmc_client', [endpoint.address])).toBeGreaterThan(30)
  })

  test('Django: PyMemcacheCache and PyLibMCCache', async () => {
    expect(await countChecks('python', 'django_caches', [endpoint.address])).toBeGreaterThan(30)
  })
})

describe('placement', () => {
  test(`libmemcached and the router agree where each of ${KEY_COUNT} keys lives`, async () => {
    const endpoint = await routerEndpoint.start()
    try {
      const args = [String(KEY_COUNT), endpoint.address, ...endpoint.nodes]
      expect(await countChecks('python', 'pylibmc_placement', args)).toBeGreaterThan(8)
    } finally {
      await endpoint.stop()
    }
  })
})
