// php-memcached (text, binary, sessions with locking) against memcached (as the control), a node
// and a router.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Endpoint, memcachedEndpoint, nodeEndpoint, routerEndpoint } from './endpoints.ts'
import { countChecks } from './scripts.ts'

describe.each([memcachedEndpoint, nodeEndpoint, routerEndpoint])('PHP: $name', kind => {
  let endpoint: Endpoint
  beforeAll(async () => {
    endpoint = await kind.start()
  })
  afterAll(async () => {
    await endpoint.stop()
  })

  test.each(['text', 'binary'])('php-memcached, %s', async protocol => {
    const args = [endpoint.host, String(endpoint.port), protocol]
    expect(await countChecks('php', 'memcached_client', args)).toBeGreaterThan(40)
  })

  test('sessions with locking lose nothing', async () => {
    expect(await countChecks('php', 'sessions', [endpoint.address])).toBe(5)
  })
})
