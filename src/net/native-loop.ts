/**
 * What the native transports have in common: the thread's time, who comes in by the door, who has
 * said nothing for too long, and the end. How bytes move is theirs (epoll-transport.ts, uring/).
 *
 *   serving ──told to stop──▶ draining ──drained──▶ ending ──no stream left──▶ over
 *                                                      └──DRAIN_MS──▶ streams are destroyed
 */
import { Sockets } from './sockets.ts'
import { Timers, TurnEnd } from './timers.ts'
import { type Cancel, type Door, DRAIN_MS, IDLE_GRACE_MS } from './transport.ts'
import type { NativeTransport, OutboundHandler, Stream } from './transport.ts'

/** What the loop has to know of a stream. */
export interface LoopStream extends Stream {
  /** The loop's second in which the peer was last heard of. */
  heardAt: number
  /** We connected to the peer, not the other way round. */
  readonly isOutbound: boolean
  /** Whether `end` has been called. */
  readonly isEnding: boolean
  /** The peer has said nothing for as long as it may. */
  idle(): void
}

/** Closing one reads away what is left to read, at most this many times the space there is. */
const DISCARDS_MAX = 16

export abstract class NativeLoop implements NativeTransport {
  protected readonly sockets = new Sockets()
  protected readonly timers = new Timers(() => performance.now())
  protected readonly turnEnd = new TurnEnd()
  /** Counted only where clients may be idle for so long and no longer. */
  protected seconds = 0
  /** All is done that had to be done before streams are closed. */
  protected isDrained = false
  #door: Door | undefined
  #isStopping = false

  /** @param idleSeconds how long a client may say nothing; 0: for ever. */
  constructor(idleSeconds: number) {
    if (idleSeconds > 0) this.every(1000, () => this.#endIdle(idleSeconds))
  }

  abstract connect(host: string, port: number, timeoutMs: number, handler: OutboundHandler): Stream

  /**
   * @internal Handles what is ready, after waiting for it until a timer is due or `limitMs` is
   * over; true: it was the last turn.
   */
  abstract turn(limitMs: number): boolean

  /** @internal `serve` in steps, for those who have an event loop beside it. */
  open(door: Door): void {
    this.#door = door
    this.watchDoor(door.eventfd)
  }

  serve(door: Door): void {
    this.open(door)
    while (!this.turn(-1));
  }

  after(ms: number, call: () => void): Cancel {
    return this.timers.after(ms, call)
  }

  every(ms: number, call: () => void): Cancel {
    return this.timers.every(ms, call)
  }

  atTurnEnd(call: () => void): void {
    this.turnEnd.add(call)
  }

  peerOf(fd: number): string {
    return this.sockets.peerOf(fd)
  }

  errorName(errno: number): string {
    return this.sockets.errorName(errno)
  }

  protected abstract watchDoor(eventfd: number): void
  protected abstract adopt(fd: number, door: Door): void
  protected abstract streams(): LoopStream[]

  /** There is somebody at the door, or the time to stop has come. */
  protected woken(): void {
    const door = this.#door!
    this.sockets.clearEvent(door.eventfd)
    if (door.isStopping()) {
      this.#stop(door)
      return
    }
    for (let fd = door.dealt.take(); fd >= 0; fd = door.dealt.take()) this.adopt(fd, door)
    door.onWoken()
  }

  /** The kernel resets a connection that is closed with something unread, replies and all. */
  protected discard(fd: number, address: number, size: number): void {
    for (let i = 0; i < DISCARDS_MAX; i += 1) {
      if (this.sockets.receive(fd, address, size) < size) return
    }
  }

  /** Those who are still at the door are sent away. */
  protected forgetDealt(): void {
    const door = this.#door!
    for (let fd = door.dealt.take(); fd >= 0; fd = door.dealt.take()) {
      this.sockets.close(fd)
      door.forget()
    }
  }

  #endIdle(idleSeconds: number): void {
    this.seconds += 1
    for (const stream of this.streams()) {
      const silent = stream.isOutbound ? 0 : this.seconds - stream.heardAt
      if (silent <= idleSeconds) continue
      if (!stream.isEnding) stream.idle()
      else if (silent > idleSeconds + IDLE_GRACE_MS / 1000) stream.destroy()
    }
  }

  #stop(door: Door): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.forgetDealt()
    door.drain(() => {
      this.isDrained = true
      for (const stream of this.streams()) stream.end()
      this.after(DRAIN_MS, () => {
        for (const stream of this.streams()) stream.destroy()
      })
    })
  }
}
