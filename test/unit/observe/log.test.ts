import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createLog, toReadable } from '../../../src/observe/log.ts'

const noon = new Date(2026, 1, 3, 12, 3, 44)

function readable(fields: Record<string, unknown>): string {
  const event = { time: noon.getTime(), pid: 1, hostname: 'h', name: 'node-1', msg: 'Serving' }
  return toReadable(JSON.stringify({ ...event, ...fields }))
}

describe('a line for a terminal', () => {
  test('has the time, who speaks, what, and its fields', () => {
    const line = readable({ level: 30, listening: '127.0.0.1:11211', count: 5, deep: { a: [1] } })
    expect(line).toBe('12:03:44 node-1 Serving listening=127.0.0.1:11211 count=5 deep={"a":[1]}')
  })

  test('says its level when something is wrong', () => {
    const levels = [20, 30, 40, 50, 60].map(level => readable({ level }).slice(16))
    expect(levels).toEqual(['Serving', 'Serving', 'WARN Serving', 'ERROR Serving', 'FATAL Serving'])
  })
})

describe('the last line', () => {
  const error = new RangeError('it broke')

  test('is JSON of one line for a pipe, with the stack', () => {
    const line = createLog('node-1', { isTerminal: false }).lastLine(error)
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toMatchObject({
      level: 60,
      name: 'node-1',
      pid: process.pid,
      msg: 'Cannot go on: it broke',
      err: { type: 'RangeError', message: 'it broke', stack: error.stack },
    })
  })

  test('is readable for a terminal, whatever was thrown', () => {
    const log = createLog('node-1', { isTerminal: true })
    expect(log.lastLine(error)).toMatch(/^\d\d:\d\d:\d\d node-1 FATAL Cannot go on: it broke err=/)
    for (const thrown of [undefined, null, 'text', 5]) {
      expect(log.lastLine(thrown)).toContain(`Cannot go on: ${String(thrown)}`)
    }
  })
})

describe('a process that logs', () => {
  const file = fileURLToPath(new URL('./fixtures/logging-process.ts', import.meta.url))
  const run = (mode: string): string => {
    const { stderr, status } = spawnSync(process.execPath, [file, mode], { encoding: 'utf8' })
    expect(status).toBe(0)
    return stderr
  }

  test('writes JSON lines to standard error when that is no terminal', () => {
    const lines = run('pipe').trimEnd().split('\n')
    const events = lines.map(line => JSON.parse(line) as Record<string, unknown>)
    expect(events.map(({ level, msg }) => [level, msg])).toEqual([
      [30, 'Serving'],
      [40, 'Beware'],
      [50, 'Broken'],
    ])
    expect(events[0]).toMatchObject({ name: 'node-7', port: 11211 })
  })

  test('writes readable lines to a terminal', () => {
    const lines = run('terminal').trimEnd().split('\n')
    expect(lines.map(line => line.slice(9))).toEqual([
      'node-7 Serving port=11211',
      'node-7 WARN Beware',
      'node-7 ERROR Broken',
    ])
  })
})
