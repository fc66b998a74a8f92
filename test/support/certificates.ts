// Certificates for tests of TLS, made by openssl in a folder of their own; there are none in the
// repository.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Certificate = { readonly cert: string; readonly key: string }

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A folder with an authority; what it signs is good for `localhost` and 127.0.0.1. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'memring-tls-'))
  readonly authority: Certificate

  constructor() {
    this.authority = this.selfSigned('authority')
  }

  /** Signed by the authority. */
  issue(name: string, days = 90): Certificate {
    const { cert, key } = this.#paths(name)
    const { authority } = this
    this.#openssl(['req', '-x509', ...KEY, '-keyout', key, '-out', cert, '-days', String(days)], {
      name,
      more: ['-CA', authority.cert, '-CAkey', authority.key],
    })
    return { cert, key }
  }

  /** Signed by nobody else. */
  selfSigned(name: string): Certificate {
    const { cert, key } = this.#paths(name)
    this.#openssl(['req', '-x509', ...KEY, '-keyout', key, '-out', cert, '-days', '90'], {
      name,
      more: [],
    })
    return { cert, key }
  }

  read(path: string): string {
    return readFileSync(path, 'latin1')
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #paths(name: string): Certificate {
    return { cert: join(this.folder, `${name}.crt`), key: join(this.folder, `${name}.key`) }
  }

  #openssl(args: readonly string[], { name, more }: { name: string; more: string[] }): void {
    const subject = ['-subj', `/CN=${name}`]
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    execFileSync('openssl', [...args, ...subject, ...names, ...more], { stdio: 'pipe' })
  }
}
