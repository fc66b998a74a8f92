/**
 * Asks a source again and again which nodes there are, and tells when that has changed.
 *
 *   ask ──the same──▶ wait ──▶ ask …
 *     ├──other nodes──▶ ask again soon ──the same others──▶ changed
 *     └──no answer, or none at all──▶ what was known stays; said once
 *
 * DNS answers may be cut short or rotate, so a change counts once it has been seen twice in a row.
 */
import { DiscoveryError, type FoundNode, type NodeSource } from './found-node.ts'

export type DiscoveryOptions = {
  readonly source: NodeSource
  readonly intervalMs: number
  /** 0 to below 1; spreads the polls of many routers. */
  readonly random: () => number
  readonly onChange: (nodes: readonly FoundNode[]) => void
  /** It went wrong, after it had gone well. */
  readonly onTrouble: (reason: string) => void
  /** It goes well again. */
  readonly onRecovery: () => void
}

/** Of the interval, either way. */
const JITTER = 0.2
/** To see a change a second time. */
const CONFIRM_SHARE = 0.2

export class Discovery {
  readonly #options: DiscoveryOptions
  #known: readonly FoundNode[] = []
  /** Seen once. */
  #seen: readonly FoundNode[] | undefined
  #isTroubled = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** The nodes there are now. @throws DiscoveryError */
  async start(): Promise<readonly FoundNode[]> {
    this.#known = await this.#options.source.find()
    this.#later(1)
    return this.#known
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #later(share: number): void {
    if (this.#stopped) return
    const { intervalMs, random } = this.#options
    const jittered = intervalMs * share * (1 - JITTER + 2 * JITTER * random())
    this.#timer = setTimeout(() => void this.#poll(), jittered)
    this.#timer.unref()
  }

  async #poll(): Promise<void> {
    const { source, onChange, onTrouble, onRecovery } = this.#options
    let found: readonly FoundNode[]
    try {
      found = await source.find()
    } catch (error) {
      if (!(error instanceof DiscoveryError)) throw error
      this.#seen = undefined
      if (!this.#isTroubled && !this.#stopped) onTrouble(error.message)
      this.#isTroubled = true
      this.#later(1)
      return
    }
    if (this.#stopped) return
    if (this.#isTroubled) onRecovery()
    this.#isTroubled = false
    if (areEqual(found, this.#known)) {
      this.#seen = undefined
      this.#later(1)
      return
    }
    if (this.#seen === undefined || !areEqual(found, this.#seen)) {
      this.#seen = found
      this.#later(CONFIRM_SHARE)
      return
    }
    this.#known = found
    this.#seen = undefined
    onChange(found)
    this.#later(1)
  }
}

function areEqual(some: readonly FoundNode[], others: readonly FoundNode[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ label, host, port }, at) => {
      const other = others[at]!
      return label === other.label && host === other.host && port === other.port
    })
  )
}
