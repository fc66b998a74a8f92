/** The epoll transport beside an event loop: it takes its turns from a timer and never waits. */
import { DescriptorQueue } from '../../../src/net/descriptor-queue.ts'
import { EpollTransport } from '../../../src/net/epoll-transport.ts'
import { type IoMemory, mapIoMemory } from '../../../src/net/io-memory.ts'
import { loadKernel } from '../../../src/net/kernel.ts'
import type { Accept, Door, PortableTransport } from '../../../src/net/transport.ts'

export class PumpedEpoll extends EpollTransport implements PortableTransport {
  readonly memory: IoMemory
  readonly door: Door
  readonly done: Promise<void>
  forgotten = 0
  isStopping = false
  #accept: Accept = () => {
    throw new Error('Cannot accept: nobody said how')
  }

  constructor(idleSeconds = 0) {
    const memory = mapIoMemory()
    super(memory, idleSeconds)
    this.memory = memory
    this.door = {
      dealt: new DescriptorQueue(),
      eventfd: loadKernel()!.eventfd(),
      isStopping: () => this.isStopping,
      accept: stream => this.#accept(stream),
      forget: () => {
        this.forgotten += 1
      },
      onWoken: () => {},
      drain: finished => finished(),
    }
    this.open(this.door)
    this.done = new Promise((resolve, reject) => {
      const pump = setInterval(() => {
        try {
          if (!this.turn(0)) return
          resolve()
        } catch (error) {
          reject(error)
        }
        clearInterval(pump)
      }, 1)
      pump.unref()
    })
  }

  adopt(fd: number, accept: Accept): void {
    this.#accept = accept
    this.door.dealt.put(fd)
    loadKernel()!.signal(this.door.eventfd)
  }

  listen(): Promise<number> {
    throw new Error('Cannot listen: a native transport is dealt its connections')
  }

  async close(): Promise<void> {
    this.isStopping = true
    loadKernel()!.signal(this.door.eventfd)
    await this.done
  }
}
