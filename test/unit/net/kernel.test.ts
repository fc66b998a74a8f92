import { once } from 'node:events'
import { connect } from 'node:net'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import runAcceptor from '../../../src/net/acceptor.ts'
import { Control } from '../../../src/net/control.ts'
import { type Dealt, runDataThread } from '../../../src/net/data-thread.ts'
import { KernelError, loadKernel } from '../../../src/net/kernel.ts'
import { NodeTransport } from '../../../src/net/node-transport.ts'
import type { StreamHandler } from '../../../src/net/transport.ts'

const kernel = loadKernel()!

describe('Kernel', () => {
  test.each(['127.0.0.1', '::1'])(
    'listens on %s, on a port that the kernel chooses',
    async host => {
      const listener = kernel.listen(host, 0, 5)
      const port = kernel.portOf(listener)
      expect(port).toBeGreaterThan(0)
      expect(kernel.accept(listener)).toBeLessThan(0)
      const client = connect({ host, port })
      await once(client, 'connect')
      const ready: boolean[] = []
      kernel.poll([listener], 2000, ready)
      expect(ready).toEqual([true])
      const fd = kernel.accept(listener)
      expect(fd).toBeGreaterThan(0)
      kernel.sendAndClose(fd, Buffer.from('bye'))
      const [data] = (await once(client, 'data')) as [Buffer]
      expect(data.toString()).toBe('bye')
      kernel.close(listener)
    },
  )

  test('a port in use and an address of another machine are errors with their names', () => {
    const listener = kernel.listen('127.0.0.1', 0, 5)
    const port = kernel.portOf(listener)
    const errorOf = (host: string): unknown => {
      try {
        return kernel.listen(host, port, 5)
      } catch (error) {
        return error
      }
    }
    expect(errorOf('127.0.0.1')).toBeInstanceOf(KernelError)
    expect(errorOf('127.0.0.1')).toMatchObject({ code: 'EADDRINUSE', message: /bind failed/ })
    expect(errorOf('192.0.2.1')).toMatchObject({ code: 'EADDRNOTAVAIL' })
    kernel.close(listener)
  })

  test('an eventfd wakes who polls it; without it the time runs out', () => {
    const eventfd = kernel.eventfd()
    const ready: boolean[] = []
    const before = performance.now()
    kernel.poll([eventfd], 30, ready)
    expect(ready).toEqual([false])
    expect(performance.now() - before).toBeGreaterThan(20)
    kernel.signal(eventfd)
    kernel.poll([eventfd], -1, ready)
    expect(ready).toEqual([true])
    kernel.close(eventfd)
  })
})

describe('Control', () => {
  test('admits up to its limit, counts refusals, and again when somebody leaves', () => {
    const control = new Control()
    const other = new Control(control.buffer)
    expect([control.admit(2), other.admit(2), control.admit(2)]).toEqual([true, true, false])
    expect(other.connections).toBe(2)
    expect(other.rejectedConnections).toBe(1)
    other.leave()
    expect(control.admit(2)).toBe(true)
    expect(control.totalConnections).toBe(3)
    expect(control.isStopping).toBe(false)
    other.stop()
    expect(control.isStopping).toBe(true)
  })
})

describe('runAcceptor()', () => {
  test('deals connections out in turn, refuses those over the limit, and ends when told', async () => {
    const control = new Control()
    const listener = kernel.listen('127.0.0.1', 0, 50)
    const port = kernel.portOf(listener)
    const clients = Array.from({ length: 9 }, () => connect(port, '127.0.0.1'))
    const replies = clients.map(async client => {
      let text = ''
      client.on('data', (data: Buffer) => {
        text += data.toString()
      })
      await once(client, 'close')
      return text
    })
    await Promise.all(clients.map(client => once(client, 'connect')))
    const eventfd = kernel.eventfd()
    const dealt: [thread: number, fd: number][] = []
    const ended: number[] = []
    const portOf = (thread: number) => ({
      postMessage: ({ fd }: Dealt) => {
        dealt.push([thread, fd])
        // The acceptor blocks this thread: it has to be told to end from inside.
        if (dealt.length === 7) {
          control.stop()
          kernel.signal(eventfd)
        }
      },
      close: () => ended.push(thread),
    })
    const lanes = [0, 1, 2].map(portOf) as unknown as MessagePort[]
    const refusal = Buffer.from('ERROR Too many open connections\r\n')
    const listeners = [{ fd: listener, secure: undefined, group: 0 }]
    const task = { control: control.buffer, listeners, eventfd, refusal, lanes: [lanes] }
    runAcceptor({ ...task, connectionLimit: 7, refusesOverLimit: true, allow: undefined })
    expect(dealt.map(([thread]) => thread)).toEqual([0, 1, 2, 0, 1, 2, 0])
    expect(ended).toEqual([0, 1, 2])
    expect(control.connections).toBe(7)
    expect(control.rejectedConnections).toBe(2)
    for (const [, fd] of dealt) kernel.close(fd)
    kernel.close(listener)
    const texts = await Promise.all(replies)
    expect(texts.sort()).toEqual([
      ...Array.from({ length: 7 }, () => ''),
      refusal.toString(),
      refusal.toString(),
    ])
  })
})

describe('runDataThread() without an acceptor', () => {
  test('listens itself, counts connections in and out, refuses, drains and returns', async () => {
    const control = new Control()
    const { port1, port2 } = new MessageChannel()
    const steps: string[] = []
    const handler = (): StreamHandler => ({
      onData: () => steps.push('data'),
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {
        control.leave()
        steps.push('closed')
      },
    })
    const task = {
      index: 0,
      isPortable: true,
      control: control.buffer,
      port: port2,
      accepted: undefined,
      listen: [{ host: '127.0.0.1', port: 0, backlog: 5 }],
      connectionLimit: 1,
      allow: undefined,
      refusal: Buffer.from('full\r\n'),
    }
    const done = runDataThread(task, new NodeTransport(), {
      accept: handler,
      drain: finished => {
        steps.push('drain')
        finished()
      },
    })
    const [message] = (await once(port1, 'message')) as [{ type: string; ports: number[] }]
    expect(message.type).toBe('ready')
    const first = connect(message.ports[0]!, '127.0.0.1')
    first.write('x')
    await once(first, 'connect')
    const second = connect(message.ports[0]!, '127.0.0.1')
    const [data] = (await once(second, 'data')) as [Buffer]
    expect(data.toString()).toBe('full\r\n')
    expect([control.connections, control.rejectedConnections]).toEqual([1, 1])
    port1.postMessage('stop')
    await done
    expect(steps).toEqual(['data', 'drain', 'closed'])
    expect(control.connections).toBe(0)
    first.destroy()
    port1.close()
  })
})
