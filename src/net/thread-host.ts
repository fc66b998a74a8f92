/**
 * Runs the threads of a node or a router, hosted by piscina: data threads, and (with koffi) the one
 * that accepts. Every thread is one endless task.
 *
 *   main ──control port──▶ data thread 0 … T-1 ◀──descriptors── acceptor ◀── listening sockets
 *
 * Orderly end: stop word, eventfd, 'stop' on the ports; the tasks return; then the pool is closed.
 * Anything else that ends a task ends the process (`onFatal`): a dead thread may have held a lock.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { AcceptorTask, Listener } from './acceptor.ts'
import type { Control } from './control.ts'
import type { DataTask, Lane, NativeLane, ReadyMessage } from './data-thread.ts'
import { DescriptorQueue } from './descriptor-queue.ts'
import { type Kernel, KernelError, loadKernel } from './kernel.ts'
import { formatListen, type ListenAddress } from './transport.ts'
import { boundToPath, forgetPath, isPath } from './unix-listener.ts'

type RunOptions = NonNullable<Parameters<Piscina['run']>[1]>

export type ThreadHostOptions = {
  /** The module whose default export runs a data thread. */
  workerFile: URL
  threads: number
  /**
   * More data threads, on event loops, where `native` ones cannot serve a listener (it is secure).
   */
  portableThreads: number
  control: Control
  listen: readonly ListenAddress[]
  connectionLimit: number
  /**
   * What is over the limit: refused at once, or left waiting until there is room (only where there
   * is an acceptor).
   */
  refusesOverLimit: boolean
  refusal: Uint8Array
  /** Networks that connections may come from; undefined: any. */
  allow: readonly string[] | undefined
  /** What a data thread needs beyond DataTask. */
  extras: object
  onFatal: (error: unknown) => void
  /** What data threads say to main, beside that they are ready. */
  onMessage?: (thread: number, message: unknown) => void
  /** False: as if koffi were not there. */
  useKernel: boolean
  /** Whether data threads block in the kernel (a native transport) or live on an event loop. */
  native: boolean
}

/** Groups of data threads, by which the acceptor deals. */
const Group = { main: 0, portable: 1 } as const

/** A listener that could not be opened. `code` is errno's name, such as EADDRINUSE. */
export class ListenError extends Error {
  override name = 'ListenError'
  readonly code: string
  readonly address: ListenAddress
  constructor(address: ListenAddress, code: string) {
    super(`Cannot listen on ${formatListen(address)}: ${code}`)
    this.address = address
    this.code = code
  }
}

/**
 * IPv6 is not switched on here, or the address is not this machine's: other listeners may still do.
 */
const ABSENT_CODES = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

/**
 * Requests leave nothing to collect, so a thread's young generation need not grow: V8 would let it
 * to 48 MB.
 */
const YOUNG_GENERATION_MB = 3

export class ThreadHost {
  /** Where connections are accepted; ports as the kernel gave them. */
  readonly listening: ListenAddress[] = []
  /** Addresses of this machine that turned out not to exist. */
  readonly skipped: ListenError[] = []
  readonly #options: ThreadHostOptions
  readonly #kernel: Kernel | undefined
  readonly #pool: Piscina
  readonly #ports: MessagePort[] = []
  readonly #tasks: Promise<unknown>[] = []
  readonly #listeners: Listener[] = []
  readonly #lanes: NativeLane[] = []
  #eventfd = -1
  #stopping = false

  private constructor(options: ThreadHostOptions) {
    this.#options = options
    this.#kernel = options.useKernel ? loadKernel() : undefined
    const count = options.threads + options.portableThreads + (this.#kernel ? 1 : 0)
    this.#pool = new Piscina({
      minThreads: count,
      maxThreads: count,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
  }

  /** Listens, then starts the threads; resolves when all serve. @throws ListenError */
  static async start(options: ThreadHostOptions): Promise<ThreadHost> {
    const host = new ThreadHost(options)
    try {
      const addresses = await resolveAll(options.listen)
      if (host.#kernel) host.#openListeners(host.#kernel, addresses)
      await host.#startThreads(addresses)
    } catch (error) {
      await host.#pool.close({ force: true })
      throw error
    }
    return host
  }

  /** To every data thread; native ones hear it when they are woken. */
  tell(message: unknown): void {
    for (const port of this.#ports) port.postMessage(message)
  }

  /** The orderly end; resolves when every thread has returned. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#options.control.stop()
    for (const { eventfd } of this.#lanes) this.#kernel?.signal(eventfd)
    if (this.#kernel) this.#kernel.signal(this.#eventfd)
    for (const port of this.#ports) port.postMessage('stop')
    await Promise.all(this.#tasks)
    for (const { eventfd } of this.#lanes) this.#kernel?.close(eventfd)
    for (const { fd } of this.#listeners) this.#kernel?.close(fd)
    for (const { host } of this.listening) if (isPath(host)) forgetPath(host)
    await this.#pool.close()
  }

  /** Descriptors that accept; none without the kernel's calls. */
  get listenerFds(): readonly number[] {
    return this.#listeners.map(({ fd }) => fd)
  }

  /** Makes a thread that blocks in the kernel look round (`onWoken`); others look by themselves. */
  wake(index: number): void {
    const lane = this.#lanes[index]
    if (lane && !this.#stopping) this.#kernel?.signal(lane.eventfd)
  }

  #openListeners(kernel: Kernel, addresses: readonly ListenAddress[]): void {
    let shared = 0
    for (const address of addresses) {
      // One port for all addresses when the kernel chooses it.
      const port = address.port === 0 ? shared : address.port
      try {
        if (isPath(address.host)) {
          const fd = boundToPath(address, path => kernel.listenUnix(path, address.backlog))
          this.#addListener(fd, address)
          this.listening.push(address)
          continue
        }
        const fd = kernel.listen(address.host, port, address.backlog)
        this.#addListener(fd, address)
        shared = kernel.portOf(fd)
        this.listening.push({ ...address, port: shared })
      } catch (error) {
        const code = error instanceof KernelError ? error.code : String(error)
        const failure = new ListenError(address, code)
        if (!ABSENT_CODES.has(code)) throw failure
        this.skipped.push(failure)
      }
    }
    const [first] = this.skipped
    if (this.listening.length === 0 && first) throw first
    this.#eventfd = kernel.eventfd()
  }

  #addListener(fd: number, { secure }: ListenAddress): void {
    const group = secure && this.#options.portableThreads > 0 ? Group.portable : Group.main
    this.#listeners.push({ fd, secure, group })
  }

  async #startThreads(addresses: readonly ListenAddress[]): Promise<void> {
    const { threads, portableThreads, native } = this.#options
    const lanes: [Lane[], Lane[]] = [[], []]
    const ready: Promise<ReadyMessage>[] = []
    let listen = this.#kernel ? [] : addresses
    for (let index = 0; index < threads + portableThreads; index += 1) {
      const isPortable = !native || index >= threads
      const ofGroup = lanes[index < threads ? Group.main : Group.portable]
      ready.push(this.#startDataThread({ index, isPortable }, listen, ofGroup))
      if (this.#kernel || index > 0) continue
      // Without an acceptor all threads share the ports that the first one got.
      const { ports } = await Promise.race([ready[0]!, this.#failure()])
      listen = addresses.map((address, i) => ({ ...address, port: ports[i] ?? address.port }))
      this.listening.push(...listen)
    }
    await Promise.race([Promise.all(ready), this.#failure()])
    if (this.#kernel) this.#startAcceptor(lanes)
    for (const task of this.#tasks) this.#watch(task)
  }

  #startDataThread(
    { index, isPortable }: { index: number; isPortable: boolean },
    listen: readonly ListenAddress[],
    lanes: Lane[],
  ): Promise<ReadyMessage> {
    const shared = this.#options
    const control = new MessageChannel()
    const accepted = this.#kernel ? this.#openLane(this.#kernel, lanes, isPortable) : undefined
    this.#ports.push(control.port1)
    const task: DataTask = {
      index,
      isPortable,
      control: shared.control.buffer,
      port: control.port2,
      accepted,
      listen,
      connectionLimit: shared.connectionLimit,
      refusal: shared.refusal,
      allow: shared.allow,
    }
    const ports =
      accepted && 'postMessage' in accepted ? [control.port2, accepted] : [control.port2]
    this.#run({ ...task, ...shared.extras }, ports, this.#options.workerFile)
    const { onMessage } = shared
    return readyMessage(control.port1, message => onMessage?.(index, message))
  }

  /** The way from the acceptor to one more data thread; returns the data thread's end. */
  #openLane(kernel: Kernel, lanes: Lane[], isPortable: boolean): Lane {
    if (isPortable) {
      const { port1, port2 } = new MessageChannel()
      lanes.push(port1)
      return port2
    }
    const lane = { queue: new DescriptorQueue().buffer, eventfd: kernel.eventfd() }
    this.#lanes.push(lane)
    lanes.push(lane)
    return lane
  }

  /** Rejects when a task does. */
  #failure(): Promise<never> {
    return new Promise((_, reject) => {
      for (const task of this.#tasks) task.catch(reject)
    })
  }

  #startAcceptor(lanes: readonly (readonly Lane[])[]): void {
    const task: AcceptorTask = {
      control: this.#options.control.buffer,
      listeners: this.#listeners,
      eventfd: this.#eventfd,
      connectionLimit: this.#options.connectionLimit,
      refusesOverLimit: this.#options.refusesOverLimit,
      refusal: this.#options.refusal,
      allow: this.#options.allow,
      lanes,
    }
    const ports = lanes.flat().filter(lane => 'postMessage' in lane)
    this.#run(task, ports, new URL('./acceptor.ts', import.meta.url))
  }

  #run(task: object, ports: MessagePort[], file: URL): void {
    const transferList = ports as unknown as NonNullable<RunOptions['transferList']>
    const filename = fileURLToPath(file)
    this.#tasks.push(this.#pool.run(task, { transferList, filename }))
  }

  /** A task that returns before it is told to, or throws, takes the process with it. */
  #watch(task: Promise<unknown>): void {
    task.then(
      () => {
        if (!this.#stopping) this.#options.onFatal(new Error('A thread ended by itself'))
      },
      (error: unknown) => this.#options.onFatal(error),
    )
  }
}

/** That the thread is ready; everything else it says is for `onOther`. */
function readyMessage(
  port: MessagePort,
  onOther: (message: unknown) => void,
): Promise<ReadyMessage> {
  return new Promise(resolve => {
    port.on('message', (message: { type?: unknown }) => {
      if (message.type === 'ready') resolve(message as ReadyMessage)
      else onOther(message)
    })
  })
}

async function resolveAll(listen: readonly ListenAddress[]): Promise<ListenAddress[]> {
  const resolved: ListenAddress[] = []
  for (const address of listen) {
    if (isIP(address.host) !== 0 || isPath(address.host)) {
      resolved.push(address)
      continue
    }
    let found: { address: string }[]
    try {
      found = await lookup(address.host, { all: true })
    } catch (error) {
      throw new ListenError(address, (error as NodeJS.ErrnoException).code ?? 'ENOTFOUND')
    }
    for (const { address: host } of found) resolved.push({ ...address, host })
  }
  return resolved
}

/** The `worker` module in the folder of the module at `url`, run as TypeScript or built. */
export function workerBeside(url: string): URL {
  return new URL(`./worker.${url.endsWith('.ts') ? 'ts' : 'js'}`, url)
}
