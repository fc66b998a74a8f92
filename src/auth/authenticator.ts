/** Who may come in: names and passwords, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'

export type Credential = { name: string; password: string }

export interface Authenticator {
  /** The user's name, or undefined when name and password do not belong together. */
  verify(name: Uint8Array, password: Uint8Array): string | undefined
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Every entry is compared, whichever fits: the time taken tells nothing about names. */
export class PasswordList implements Authenticator {
  readonly #entries: readonly { user: string; name: Buffer; password: Buffer }[]

  constructor(credentials: readonly Credential[]) {
    this.#entries = credentials.map(({ name, password }) => ({
      user: name,
      name: digest(Buffer.from(name)),
      password: digest(Buffer.from(password)),
    }))
  }

  verify(name: Uint8Array, password: Uint8Array): string | undefined {
    const nameDigest = digest(name)
    const passwordDigest = digest(password)
    let user: string | undefined
    for (const entry of this.#entries) {
      const sameName = timingSafeEqual(entry.name, nameDigest)
      const samePassword = timingSafeEqual(entry.password, passwordDigest)
      if (sameName && samePassword) user = entry.user
    }
    return user
  }
}
