/**
 * The main thread's own connection to a node: asks line by line and waits, with a deadline for
 * each answer. For what is done once in a while (probing, fencing), never for clients' requests.
 */
import { createConnection, type Socket } from 'node:net'
import type { TlsDialler } from '../net/tls-outbound.ts'
import type { Credential } from '../auth/account.ts'

const LINE_BYTES_MAX = 4096
/** Lines that wait to be looked at before the node is not read any more. */
const LINES_MAX = 4096
const LATIN1 = 'latin1'

/** What went wrong with a node, in words for the log. */
export class NodeError extends Error {
  override name = 'NodeError'
}

export type ControlAddress = {
  /** An address, or a path that begins with a slash. */
  host: string
  port: number
  /** What its certificate must be for. */
  name: string
  /** Undefined: in the clear. */
  dialler: TlsDialler | undefined
}

export class ControlConnection {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #lines: string[] = []
  #rest = ''
  #isOpen = false
  #error: NodeError | undefined
  #wake: () => void = () => {}

  private constructor({ host, port, name, dialler }: ControlAddress, timeoutMs: number) {
    const open = (): void => {
      this.#isOpen = true
      this.#wake()
    }
    const plain = host.startsWith('/') ? { path: host } : { host, port }
    const socket = dialler?.dial(host, port, name, open) ?? createConnection(plain, open)
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    socket.setEncoding(LATIN1)
    socket.setNoDelay(true)
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', error => this.#fail(error.message))
    socket.on('close', () => this.#fail('connection closed'))
  }

  /**
   * Connects, and logs in if there is a credential.
   * @throws NodeError
   */
  static async open(
    address: ControlAddress,
    credential: Credential | undefined,
    timeouts: { connectMs: number; answerMs: number },
  ): Promise<ControlConnection> {
    const connection = new ControlConnection(address, timeouts.answerMs)
    try {
      await connection.#connected(timeouts.connectMs)
      if (credential !== undefined) {
        const data = `${credential.name} ${credential.password}`
        const said = await connection.ask(
          `set auth 0 0 ${Buffer.byteLength(data)}\r\n`,
          Buffer.from(`${data}\r\n`),
        )
        if (said !== 'STORED') throw new NodeError('login refused')
      }
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** Its own end, as this machine sees it; undefined: of a path. */
  get local(): { address: string; port: number } | undefined {
    const { localAddress: address, localPort: port } = this.#socket
    return address === undefined || port === undefined ? undefined : { address, port }
  }

  /** @throws NodeError, also when the answer is late. */
  async ask(line: string, more?: Uint8Array): Promise<string> {
    this.send(line)
    if (more !== undefined) this.#socket.write(more)
    return await this.line()
  }

  send(text: string): void {
    this.#socket.write(text, LATIN1)
  }

  /** The next line of an answer, without its end. @throws NodeError */
  async line(): Promise<string> {
    const known = this.#lines.shift()
    if (known !== undefined) {
      if (this.#lines.length === 0) this.#socket.resume()
      return known
    }
    await this.#until(() => this.#lines.length > 0, this.#timeoutMs, 'no answer')
    return this.#lines.shift()!
  }

  close(): void {
    this.#socket.destroy()
  }

  async #connected(timeoutMs: number): Promise<void> {
    await this.#until(() => this.#isOpen, timeoutMs, 'no connection')
  }

  async #until(isTrue: () => boolean, timeoutMs: number, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(resolve, timeoutMs, 'late')
    })
    try {
      while (!isTrue()) {
        if (this.#error !== undefined) throw this.#error
        const woken = new Promise<'woken'>(resolve => {
          this.#wake = () => resolve('woken')
        })
        if ((await Promise.race([woken, late])) === 'late') {
          throw new NodeError(`${what} in ${timeoutMs} ms`)
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop()!
    this.#lines.push(...lines)
    if (this.#lines.length > LINES_MAX) this.#socket.pause()
    if (this.#rest.length > LINE_BYTES_MAX) this.#fail('a line without end')
    this.#wake()
  }

  #fail(reason: string): void {
    this.#error ??= new NodeError(reason)
    this.#socket.destroy()
    this.#wake()
  }
}
