import { describe, expect, test } from 'vitest'
import { RequestBytes } from '../../../src/load/request-bytes.ts'
import { checkWorkload } from '../../../src/load/workload.ts'

const KEYS = [0, 7, 42, 99_999_999]

function requestsOf(valueSize: number): RequestBytes {
  return new RequestBytes(checkWorkload({ valueSize, keyCount: 100_000_000, keyPrefix: 'p:' }))
}

function setText(requests: RequestBytes, key: number): string {
  const target = Buffer.alloc(requests.setSize + 4, '#')
  expect(requests.putSet(target, 2, key)).toBe(2 + requests.setSize)
  expect(target.toString('latin1')).toMatch(/^##[^]*\r\n##$/)
  return target.toString('latin1', 2, 2 + requests.setSize)
}

function valueOf(requests: RequestBytes, key: number): Buffer {
  const [, value = ''] = setText(requests, key).split('\r\n')
  return Buffer.from(value, 'latin1')
}

describe('RequestBytes', () => {
  test('`putGet()` writes exactly the request and nothing beside it', () => {
    const requests = requestsOf(3)
    for (const key of KEYS) {
      const target = Buffer.alloc(requests.getSize + 4, '#')
      expect(requests.putGet(target, 2, key)).toBe(2 + requests.getSize)
      const digits = String(key).padStart(8, '0')
      expect(target.toString('latin1')).toBe(`##get p:${digits}\r\n##`)
    }
  })

  test('`putGet()` of several keys asks for as many that are not neighbours', () => {
    const workload = checkWorkload({ keysPerGet: 3, keyCount: 10_000, keyPrefix: 'p:' })
    const several = new RequestBytes(workload)
    const target = Buffer.alloc(several.getSize + 4, '#')
    expect(several.putGet(target, 2, 42)).toBe(2 + several.getSize)
    const keys = 'p:00000042 p:00007961 p:00005880'
    expect(target.toString('latin1')).toBe(`##get ${keys}\r\n##`)
    expect([0, 1, 2].map(at => several.keyText(several.keyAt(42, at))).join(' ')).toBe(keys)
  })

  test.each([0, 1, 100, 5_000])('`putSet()` writes a value of %d bytes', valueSize => {
    const requests = requestsOf(valueSize)
    for (const key of KEYS) {
      const digits = String(key).padStart(8, '0')
      const [line, value, rest] = setText(requests, key).split('\r\n')
      expect(line).toBe(`set p:${digits} 0 0 ${valueSize}`)
      expect(value).toMatch(/^[!-~]*$/)
      expect(value).toHaveLength(valueSize)
      expect(rest).toBe('')
    }
  })

  test("`isValue()` knows each key's value, whole and in pieces, and no other", () => {
    const requests = requestsOf(100)
    const value = valueOf(requests, 7)
    expect(requests.isValue(value, 0, 100, 7, 0)).toBe(true)
    expect(requests.isValue(value, 30, 50, 7, 30)).toBe(true)
    expect(requests.isValue(value, 30, 50, 7, 31)).toBe(false)
    for (const other of [6, 8, 7 + 250, 7 + 252, 71]) {
      expect(requests.isValue(value, 0, 100, other, 0)).toBe(false)
    }
    // 251 values in all, so this is the nearest key that has the same one.
    expect(requests.isValue(value, 0, 100, 7 + 251, 0)).toBe(true)
    for (let at = 0; at < 100; at += 1) {
      const damaged = Buffer.from(value)
      damaged[at]! ^= 1
      expect(requests.isValue(damaged, 0, 100, 7, 0)).toBe(false)
    }
  })

  test('`isValueLine()` takes the line of exactly this key and size', () => {
    const requests = requestsOf(100)
    const isLine = (text: string): boolean => {
      const bytes = Buffer.from(`xx${text}yy`)
      return requests.isValueLine(bytes, 2, text.length, 42)
    }
    expect(isLine('VALUE p:00000042 0 100')).toBe(true)
    const others = [
      'VALUE p:00000043 0 100',
      'VALUE p:0000004: 0 100',
      'VALUE q:00000042 0 100',
      'VALUE p:00000042 1 100',
      'VALUE p:00000042 0 101',
      'VALUE p:00000042 0 10',
      'VALUE p:00000042 0 1000',
      'value p:00000042 0 100',
      '',
    ]
    for (const text of others) expect([text, isLine(text)]).toEqual([text, false])
  })

  test('`keyText()` is the key on the wire', () => {
    expect(requestsOf(1).keyText(42)).toBe('p:00000042')
  })
})
