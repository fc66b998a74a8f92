// npm memcached and memcache-client (classic text) and memjs (binary) against memcached (as the
// control), a node and a router.

import { MemcacheClient, type MultiRetrievalResponse } from 'memcache-client'
import Memcached from 'memcached'
import { Client as Memjs } from 'memjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Endpoint, memcachedEndpoint, nodeEndpoint, routerEndpoint } from './endpoints.ts'

const MANY = 200
const LARGE = 'L'.repeat(900_000)
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

/** The answer of a client that wants a callback. */
function answer<T>(
  call: (done: (error: Error | undefined, result: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === undefined || error === null) resolve(result)
      else reject(error)
    })
  })
}

/** Keys of one client's own, for all use one server. */
function keyOf(client: string): (name: string | number) => string {
  return name => `${client}-${name}`
}

describe.each([memcachedEndpoint, nodeEndpoint, routerEndpoint])('Node clients: $name', kind => {
  let endpoint: Endpoint
  beforeAll(async () => {
    endpoint = await kind.start()
  })
  afterAll(async () => {
    await endpoint.stop()
  })

  test('npm memcached', async () => {
    const client = new Memcached(endpoint.address, { timeout: 5_000, retries: 0 })
    const key = keyOf('memcached')
    const get = (name: string): Promise<unknown> => answer(done => client.get(key(name), done))
    try {
      expect(await get('a')).toBeUndefined()
      expect(await answer(done => client.set(key('a'), 'one', 0, done))).toBe(true)
      expect(await get('a')).toBe('one')
      expect(await answer(done => client.add(key('a'), 'two', 0, done)).catch(() => false)).toBe(
        false,
      )
      expect(await answer(done => client.replace(key('a'), 'b', 0, done))).toBe(true)
      expect(await answer(done => client.append(key('a'), '>', done))).toBe(true)
      expect(await answer(done => client.prepend(key('a'), '<', done))).toBe(true)
      expect(await get('a')).toBe('<b>')

      expect(await answer(done => client.set(key('large'), LARGE, 0, done))).toBe(true)
      expect(await get('large')).toBe(LARGE)
      expect(await answer(done => client.set(key('binary'), BINARY, 0, done))).toBe(true)
      expect(await get('binary')).toEqual(BINARY)
      expect(await answer(done => client.set(key('object'), { deep: [1] }, 0, done))).toBe(true)
      expect(await get('object')).toEqual({ deep: [1] })

      const names = Array.from({ length: MANY }, (_, at) => key(at))
      await Promise.all(names.map(name => answer(done => client.set(name, name, 0, done))))
      expect(await answer(done => client.getMulti([...names, key('missing')], done))).toEqual(
        Object.fromEntries(names.map(name => [name, name])),
      )

      expect(await answer(done => client.set(key('n'), 10, 0, done))).toBe(true)
      expect(await answer(done => client.incr(key('n'), 5, done))).toBe(15)
      expect(await answer(done => client.decr(key('n'), 4, done))).toBe(11)
      expect(await answer(done => client.incr(key('missing'), 1, done))).toBe(false)

      const found = await answer<{ cas: string } | undefined>(done => client.gets(key('n'), done))
      const unique = String(found?.cas)
      expect(await answer(done => client.cas(key('n'), 20, unique, 0, done))).toBe(true)
      expect(await answer(done => client.cas(key('n'), 30, unique, 0, done))).toBe(false)
      expect(await get('n')).toBe(20)

      expect(await answer(done => client.touch(key('n'), 100, done))).toBe(true)
      expect(await answer(done => client.touch(key('missing'), 100, done))).toBe(false)
      expect(await answer(done => client.del(key('n'), done))).toBe(true)
      expect(await answer(done => client.del(key('n'), done))).toBe(false)
      expect(await get('n')).toBeUndefined()
    } finally {
      client.end()
    }
  })

  test('memcache-client', async () => {
    const client = new MemcacheClient({ server: endpoint.address, cmdTimeout: 5_000 })
    const key = keyOf('memcache-client')
    const get = async (name: string): Promise<unknown> =>
      (await client.get<unknown>(key(name)))?.value
    try {
      expect(await get('a')).toBeUndefined()
      expect(await client.set(key('a'), 'one')).toEqual(['STORED'])
      expect(await get('a')).toBe('one')
      await expect(client.add(key('a'), 'two')).rejects.toThrow('NOT_STORED')
      expect(await client.replace(key('a'), 'b')).toEqual(['STORED'])
      expect(await client.append(key('a'), '>')).toEqual(['STORED'])
      expect(await client.prepend(key('a'), '<')).toEqual(['STORED'])
      expect(await get('a')).toBe('<b>')

      await client.set(key('large'), LARGE)
      expect(await get('large')).toBe(LARGE)
      await client.set(key('binary'), BINARY)
      expect(await get('binary')).toEqual(BINARY)
      await client.set(key('object'), { deep: [1] }, { compress: true })
      expect(await get('object')).toEqual({ deep: [1] })

      const names = Array.from({ length: MANY }, (_, at) => key(at))
      await Promise.all(names.map(name => client.set(name, name)))
      const many = await client.get<MultiRetrievalResponse>([...names, key('missing')])
      expect(Object.keys(many).toSorted()).toEqual(names.toSorted())
      expect(names.every(name => many[name]?.value === name)).toBe(true)

      await client.set(key('n'), '10')
      expect(await client.incr(key('n'), 5)).toBe('15')
      expect(await client.decr(key('n'), 4)).toBe('11')
      await expect(client.incr(key('missing'), 1)).rejects.toThrow('NOT_FOUND')

      const casUniq = (await client.gets<{ casUniq: string }>(key('n'))).casUniq
      expect(await client.cas(key('n'), '20', { casUniq })).toEqual(['STORED'])
      await expect(client.cas(key('n'), '30', { casUniq })).rejects.toThrow('EXISTS')
      expect(await get('n')).toBe('20')

      expect(await client.touch(key('n'), 100)).toEqual(['TOUCHED'])
      await expect(client.touch(key('missing'), 100)).rejects.toThrow('NOT_FOUND')
      expect(await client.delete(key('n'))).toEqual(['DELETED'])
      await expect(client.delete(key('n'))).rejects.toThrow('NOT_FOUND')
      expect(await get('n')).toBeUndefined()
    } finally {
      client.shutdown()
    }
  })

  test('memjs', async () => {
    const client = Memjs.create(endpoint.address, { retries: 0, timeout: 5 })
    const key = keyOf('memjs')
    const get = async (name: string | number): Promise<Buffer | null> =>
      (await client.get(key(name))).value
    try {
      expect(await get('a')).toBeNull()
      expect(await client.set(key('a'), 'one', {})).toBe(true)
      expect(String(await get('a'))).toBe('one')
      expect(await client.set(key('binary'), BINARY, { expires: 100 })).toBe(true)
      expect(await get('binary')).toEqual(BINARY)
      expect(await client.set(key('large'), LARGE, {})).toBe(true)
      expect(String(await get('large'))).toBe(LARGE)

      const names = Array.from({ length: MANY }, (_, at) => at)
      await Promise.all(names.map(name => client.set(key(name), String(name), {})))
      const values = await Promise.all(names.map(name => get(name)))
      expect(values.map(String)).toEqual(names.map(String))

      expect(await client.delete(key('a'))).toBe(true)
      expect(await client.delete(key('a'))).toBe(false)
      expect(await get('a')).toBeNull()
    } finally {
      client.close()
    }
  })
})
