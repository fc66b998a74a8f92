// The process in which the load runs, pinned to a CPU of its own. It does one thing at a time as
// its parent asks over the IPC channel, keeps the connections to all servers open between
// measurements, and reads the server's CPU time itself, right before the first request and right
// after the last reply.

import process from 'node:process'
import { type DriverOptions, LoadDriver } from '../../src/load/driver.ts'
import type { LoadResult } from '../../src/load/tally.ts'
import { cpuSeconds } from './support.ts'

export type LoadTask =
  | { readonly type: 'open'; readonly name: string; readonly options: DriverOptions }
  | { readonly type: 'preload'; readonly name: string }
  | {
      readonly type: 'run'
      readonly name: string
      readonly seconds: number
      /** Requests a second; null, and as many as are answered are sent. */
      readonly rate: number | null
      /** The server process whose CPU time is read. */
      readonly pid: number
    }
  | { readonly type: 'close' }

export interface Slice {
  readonly load: LoadResult
  /** CPU seconds used meanwhile by the server, all threads. */
  readonly serverCpuSeconds: number
  /** CPU seconds used meanwhile by this process. */
  readonly loadCpuSeconds: number
}

export type LoadAnswer =
  | { readonly ok: true; readonly slice: Slice | null }
  | { readonly ok: false; readonly error: string }

type RunTask = Extract<LoadTask, { type: 'run' }>

const drivers = new Map<string, LoadDriver>()

async function handle(task: LoadTask): Promise<Slice | null> {
  switch (task.type) {
    case 'open':
      drivers.set(task.name, await LoadDriver.open(task.options))
      return null
    case 'preload':
      return { load: await driverOf(task.name).preload(), serverCpuSeconds: 0, loadCpuSeconds: 0 }
    case 'run':
      return measure(driverOf(task.name), task)
    case 'close':
      for (const driver of drivers.values()) driver.close()
      drivers.clear()
      return null
  }
}

async function measure(driver: LoadDriver, task: RunTask): Promise<Slice> {
  const { pid, seconds, rate } = task
  const serverBefore = cpuSeconds(pid)
  const loadBefore = process.cpuUsage()
  const load = await driver.run(rate === null ? { seconds } : { seconds, rate })
  const { user, system } = process.cpuUsage(loadBefore)
  const serverCpuSeconds = cpuSeconds(pid) - serverBefore
  return { load, serverCpuSeconds, loadCpuSeconds: (user + system) / 1e6 }
}

function driverOf(name: string): LoadDriver {
  const driver = drivers.get(name)
  if (driver === undefined) throw new Error(`Cannot find driver "${name}": expected an open one`)
  return driver
}

process.on('message', (task: LoadTask) => {
  handle(task).then(
    slice => answer({ ok: true, slice }),
    (error: unknown) => answer({ ok: false, error: String(error) }),
  )
})
// The parent is gone: nobody will ask for anything more.
process.on('disconnect', () => process.exit())

function answer(message: LoadAnswer): void {
  process.send?.(message)
}
