// A real name server, Debian's dnsmasq, on a port of its own; its records change by starting it anew.

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'

const ALIVE = 'address=/alive.test/127.0.0.9'

export class NameServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'memring-dns-'))
  #child: ChildProcess | undefined

  private constructor(port: number) {
    this.port = port
  }

  static async create(): Promise<NameServer> {
    // Its TCP port must be free, too: that is the one that other tests may have.
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket('udp4').bind(port, '127.0.0.1')
    await once(udp, 'listening')
    udp.close()
    tcp.close()
    await once(tcp, 'close')
    return new NameServer(port)
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** @param records lines of dnsmasq's configuration; it knows `.test` only. */
  async serve(records: readonly string[]): Promise<void> {
    await this.stop()
    const file = join(this.#folder, 'dnsmasq.conf')
    const alone = ['no-resolv', 'no-hosts', 'no-daemon', 'bind-interfaces', 'local=/test/']
    const lines = [`port=${this.port}`, 'listen-address=127.0.0.1', ...alone, ALIVE, ...records]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const child = spawn('dnsmasq', ['-C', file, '-u', 'root'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()))
    child.on('error', () => (said = 'Debian package dnsmasq-base is needed'))
    this.#child = child
    const resolver = new Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([this.address])
    await expect
      .poll(() => resolver.resolve4('alive.test').catch(() => said), { timeout: 10_000 })
      .toEqual(['127.0.0.9'])
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill()
    await once(child, 'exit')
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
