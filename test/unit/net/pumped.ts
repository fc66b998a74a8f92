/** Native transports beside an event loop: they take their turns from a timer and never wait. */
import { DescriptorQueue } from '../../../src/net/descriptor-queue.ts'
import { EpollTransport } from '../../../src/net/epoll-transport.ts'
import { IO_OUTPUT_BYTES, type IoMemory, mapIoMemory } from '../../../src/net/io-memory.ts'
import { loadKernel } from '../../../src/net/kernel.ts'
import type {
  Accept,
  Cancel,
  Door,
  NativeTransport,
  OutboundHandler,
  PortableDoor,
  PortableTransport,
  Stream,
} from '../../../src/net/transport.ts'
import { type UringOptions, UringTransport } from '../../../src/net/uring/uring-transport.ts'
import { Output } from '../../../src/protocol/output.ts'

type InSteps = NativeTransport & { open(door: Door): void; turn(limitMs: number): boolean }

/** A timer is seldom: small buffers would take for ever with one turn each time. */
const TURNS_AT_ONCE = 8

export class Pumped implements PortableTransport {
  readonly transport: InSteps
  readonly memory: IoMemory
  /** What a worker would write its replies to. */
  readonly output: Output
  readonly door: Door
  readonly done: Promise<void>
  forgotten = 0
  isStopping = false
  #accept: Accept = () => {
    throw new Error('Cannot accept: nobody said how')
  }

  constructor(make: (memory: IoMemory, output: Output) => InSteps) {
    this.memory = mapIoMemory()
    this.output = new Output(this.memory.bytes, this.memory.at, IO_OUTPUT_BYTES)
    this.transport = make(this.memory, this.output)
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
    this.transport.open(this.door)
    this.done = new Promise((resolve, reject) => {
      const pump = setInterval(() => {
        try {
          if (!this.#turns()) return
          resolve()
        } catch (error) {
          reject(error)
        }
        clearInterval(pump)
      }, 1)
      pump.unref()
    })
  }

  /** A few turns; true: that was the last. */
  #turns(): boolean {
    for (let i = 0; i < TURNS_AT_ONCE; i += 1) if (this.transport.turn(0)) return true
    return false
  }

  adopt(fd: number, { accept }: PortableDoor): void {
    this.#accept = accept
    this.door.dealt.put(fd)
    loadKernel()!.signal(this.door.eventfd)
  }

  listen(): Promise<number> {
    throw new Error('Cannot listen: a native transport is dealt its connections')
  }

  connect(host: string, port: number, timeoutMs: number, handler: OutboundHandler): Stream {
    return this.transport.connect(host, port, timeoutMs, handler)
  }

  after(ms: number, call: () => void): Cancel {
    return this.transport.after(ms, call)
  }

  every(ms: number, call: () => void): Cancel {
    return this.transport.every(ms, call)
  }

  atTurnEnd(call: () => void): void {
    this.transport.atTurnEnd(call)
  }

  async close(): Promise<void> {
    this.isStopping = true
    loadKernel()!.signal(this.door.eventfd)
    await this.done
  }
}

export class PumpedEpoll extends Pumped {
  constructor(idleSeconds = 0) {
    super(memory => new EpollTransport(memory, idleSeconds))
  }
}

export class PumpedUring extends Pumped {
  constructor(options: UringOptions = {}) {
    super((memory, output) => new UringTransport(memory, output, options))
  }
}
