/**
 * Memory for replies that wait for an earlier one, or for their client's turn: copied in one behind
 * the other, and a page is written again when nothing in it is waited for.
 *
 *   page │ reply │ reply │ … │ ◀── at ── room │        live: how many of them still wait
 */
import { copyBytes, copyOf, freeBytes } from '../base/bytes.ts'

export const PAGE_BYTES = 64 * 1024
/** Larger replies have memory of their own. */
export const PAGED_BYTES_MAX = 8 * 1024
/** Pages kept for later: 4 MiB. */
const SPARE_PAGES_MAX = 64

class Page {
  readonly bytes = new Uint8Array(PAGE_BYTES)
  at = 0
  live = 0
}

/** Bytes that are kept, until `release`. */
export class Kept {
  readonly bytes: Uint8Array
  readonly at: number
  readonly length: number
  #page: Page | undefined
  readonly #pages: ReplyPages | undefined

  constructor(bytes: Uint8Array, at: number, length: number, page?: Page, pages?: ReplyPages) {
    this.bytes = bytes
    this.at = at
    this.length = length
    this.#page = page
    this.#pages = pages
  }

  /** The bytes may be overwritten from now on. */
  release(): void {
    const page = this.#page
    if (page === undefined) {
      if (this.#pages === undefined) freeBytes(this.bytes)
      return
    }
    this.#page = undefined
    page.live -= 1
    if (page.live === 0) this.#pages!.free(page)
  }
}

const NOTHING = new Uint8Array(0)

export class ReplyPages {
  #page = new Page()
  readonly #spare: Page[] = []

  /** Copies; the caller's bytes are its own again. */
  keep(bytes: Uint8Array, at: number, length: number): Kept {
    if (length === 0) return new Kept(NOTHING, 0, 0)
    if (length > PAGED_BYTES_MAX) return new Kept(copyOf(bytes, at, length), 0, length)
    if (PAGE_BYTES - this.#page.at < length) this.#page = this.#spare.pop() ?? new Page()
    const page = this.#page
    const to = page.at
    copyBytes(page.bytes, to, bytes, at, length)
    page.at += length
    page.live += 1
    return new Kept(page.bytes, to, length, page, this)
  }

  free(page: Page): void {
    page.at = 0
    if (page !== this.#page && this.#spare.length < SPARE_PAGES_MAX) this.#spare.push(page)
  }
}
