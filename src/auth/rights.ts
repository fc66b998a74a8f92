/**
 * What one user may do, as a data thread checks it: a mask and key prefixes. A session without
 * rules has none of these (undefined), and its commands are not checked at all.
 *
 *   as bytes: mask u8 · count u8 · count × (size u8 · prefix)
 */
import type { Account, RightName } from './account.ts'
import { rightNames } from './account.ts'
import { Right } from '../protocol/command.ts'

const BIT: Readonly<Record<RightName, number>> = {
  read: Right.read,
  write: Right.write,
  admin: Right.admin,
}

export class Rights {
  readonly #mask: number
  readonly #prefixes: readonly Uint8Array[]

  constructor(mask: number, prefixes: readonly Uint8Array[]) {
    this.#mask = mask
    this.#prefixes = prefixes
  }

  /** Undefined for an account that may do everything. */
  static of({ rights = rightNames, prefixes = [] }: Account): Rights | undefined {
    const mask = rights.reduce((sum, name) => sum | BIT[name], 0)
    if (mask === Right.all && prefixes.length === 0) return undefined
    return new Rights(
      mask,
      prefixes.map(prefix => Buffer.from(prefix)),
    )
  }

  static decode(bytes: Uint8Array): Rights | undefined {
    if (bytes.length === 0) return undefined
    const prefixes: Uint8Array[] = []
    let at = 2
    for (let i = 0; i < bytes[1]!; i += 1) {
      const size = bytes[at]!
      prefixes.push(bytes.slice(at + 1, at + 1 + size))
      at += 1 + size
    }
    return new Rights(bytes[0]!, prefixes)
  }

  /** What `decode` reads; nothing for undefined. */
  static encode(rights: Rights | undefined): Uint8Array {
    if (rights === undefined) return new Uint8Array(0)
    const parts = rights.#prefixes.flatMap(prefix => [Buffer.of(prefix.length), prefix])
    return Buffer.concat([Buffer.of(rights.#mask, rights.#prefixes.length), ...parts])
  }

  /** Whether all the rights of a mask are held. */
  allows(needs: number): boolean {
    return (this.#mask & needs) === needs
  }

  allowsKey(bytes: Uint8Array, at: number, size: number): boolean {
    const prefixes = this.#prefixes
    if (prefixes.length === 0) return true
    for (let i = 0; i < prefixes.length; i += 1) {
      const prefix = prefixes[i]!
      if (prefix.length > size) continue
      let matched = 0
      while (matched < prefix.length && bytes[at + matched] === prefix[matched]) matched += 1
      if (matched === prefix.length) return true
    }
    return false
  }
}
