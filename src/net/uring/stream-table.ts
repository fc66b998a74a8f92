/** The streams of one thread by slot; slots are used again, generations tell who had them when. */
import { generationOf, GENERATIONS } from './completions.ts'
import { type StreamOwner, UringStream } from './uring-stream.ts'

/** Not a stream's: stands for the thread's eventfd. */
export const WAKE_SLOT = 0

export class StreamTable {
  readonly #slots: (UringStream | undefined)[] = [undefined]
  readonly #free: number[] = []
  #generation = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** A new stream. @param fd less than 0: it never got that far. */
  open(owner: StreamOwner, fd: number): UringStream {
    const slot = this.#free.pop() ?? this.#slots.length
    this.#generation = (this.#generation + 1) % GENERATIONS
    const stream = new UringStream(owner, { fd, slot, generation: this.#generation })
    this.#slots[slot] = stream
    this.#count += 1
    return stream
  }

  /** Undefined: it has been released meanwhile. */
  find(slot: number, tag: number): UringStream | undefined {
    const stream = this.#slots[slot]
    return stream?.generation === generationOf(tag) ? stream : undefined
  }

  release(stream: UringStream): void {
    this.#slots[stream.slot] = undefined
    this.#free.push(stream.slot)
    this.#count -= 1
  }

  all(): UringStream[] {
    return this.#slots.filter(stream => stream !== undefined)
  }
}
