import { expect, test } from 'vitest'
import { makeNode } from './support.ts'

const ITEMS = 20_000

test('a dump ends when the rights of its user do', () => {
  const node = makeNode()
  const filler = node.connect()
  for (let i = 0; i < ITEMS; i += 1) filler.send(`set key-${i} 0 0 1 noreply\r\nx\r\n`)
  const whole = node.connect().ask('lru_crawler metadump all\r\n')
  expect(whole.endsWith('END\r\n')).toBe(true)
  const client = node.connect()
  client.deliver(Buffer.from('lru_crawler metadump all\r\n'))
  const before = client.stream.size
  expect(before).toBeGreaterThan(0)
  expect(client.stream.ended).toBe(false)
  client.session.login.onRevoked()
  expect(client.stream.ended).toBe(true)
  client.drain()
  expect(client.stream.size).toBe(before)
  expect(before).toBeLessThan(whole.length / 2)
})
