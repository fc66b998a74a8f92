import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import {
  isReady,
  type ReadyMessage,
  receiveConfigure,
  sendReady,
} from '../../../src/cluster/child-protocol.ts'

class Parent extends EventEmitter {
  connected = true
  readonly sent: ReadyMessage[] = []
  send(message: ReadyMessage): boolean {
    this.sent.push(message)
    return true
  }
}

const CONFIGURE = { type: 'configure', name: 'a', users: [{ name: 'u', password: 'p' }] }

test('receiveConfigure() gives the first message', async () => {
  const parent = new Parent()
  const received = receiveConfigure(parent, () => undefined)
  parent.emit('message', CONFIGURE)
  expect(await received).toEqual(CONFIGURE)
})

test.each([{}, null, 'configure', { type: 'configure' }, { ...CONFIGURE, users: 1 }])(
  'receiveConfigure() refuses %j',
  async message => {
    const parent = new Parent()
    const received = receiveConfigure(parent, () => undefined)
    parent.emit('message', message)
    await expect(received).rejects.toThrow('the first message is not a configuration')
  },
)

test('receiveConfigure() refuses to run without a supervisor', async () => {
  const parent = Object.assign(new Parent(), { connected: false })
  await expect(receiveConfigure(parent, () => undefined)).rejects.toThrow(
    'Cannot run with --supervised: expected to be started by "memring up", over an IPC channel',
  )
})

test('receiveConfigure() says when the supervisor is gone, before and after the message', async () => {
  for (const configured of [false, true]) {
    const parent = new Parent()
    let gone = 0
    const received = receiveConfigure(parent, () => {
      gone += 1
    })
    if (configured) parent.emit('message', CONFIGURE)
    if (configured) await received
    parent.emit('disconnect')
    expect(gone).toBe(1)
  }
})

test('sendReady() sends, and refuses when the supervisor has gone', () => {
  const parent = new Parent()
  const listening = [{ host: '127.0.0.1', port: 1 }]
  sendReady(parent, listening)
  parent.connected = false
  expect(() => sendReady(parent, listening)).toThrow('it has gone')
  expect(parent.sent).toEqual([{ type: 'ready', listening }])
})

test.each([
  [{ type: 'ready', listening: [] }, true],
  [{ type: 'ready', listening: [{ host: '::1', port: 65_535 }] }, true],
  [{ type: 'ready', listening: [{ host: '::1', port: 0 }] }, false],
  [{ type: 'ready', listening: [{ host: '::1', port: 65_536 }] }, false],
  [{ type: 'ready', listening: [{ host: '::1', port: '1' }] }, false],
  [{ type: 'ready', listening: [{ port: 1 }] }, false],
  [{ type: 'ready', listening: [null] }, false],
  [{ type: 'ready' }, false],
  [{ listening: [] }, false],
  [undefined, false],
])('isReady(%j) is %s', (message, expected) => {
  expect(isReady(message)).toBe(expected)
})
