/** How long lines may get, whole and in pieces (PROTOCOL: line length, tokens, swallow). */
import { describe, expect, test } from 'vitest'
import { makeNode } from './support.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'

describe('a line without its end', () => {
  const starts = ['set a 0 0 ', 'delete ', 'gat 0 ', 'getx ', 'gets', '\0', 'mg a ']
  test.each(starts)('of %j may have 2048 bytes, not 2049', start => {
    const client = makeNode().connect()
    client.send(start.padEnd(2048, 'x'))
    expect(client.stream.ended).toBe(false)
    client.send('x')
    expect(client.stream.ended).toBe(true)
    expect(client.reply).toBe('')
  })

  test.each(['get ', 'gets ', `${' '.repeat(100)}get `])('of %j may have a megabyte', start => {
    const client = makeNode().connect()
    client.send(start.padEnd(1024 * 1024, 'k '), [60_000])
    expect(client.stream.ended).toBe(false)
    client.send(' x')
    expect(client.stream.ended).toBe(true)
  })

  test('101 spaces before a get are too many', () => {
    const client = makeNode().connect()
    client.send(`${' '.repeat(101)}get `.padEnd(2049, 'x'))
    expect(client.stream.ended).toBe(true)
  })

  test('that comes byte by byte is looked at once', () => {
    const client = makeNode().connect()
    const started = process.cpuUsage().user
    client.send(`get ${'k'.repeat(250)} `.repeat(1).padEnd(200_000, 'abcdefg '), [16])
    client.send('\r\n')
    expect(client.reply).toBe('END\r\n')
    expect((process.cpuUsage().user - started) / 1000).toBeLessThan(5_000)
  })
})

describe('a line that comes whole', () => {
  test('may have 16,384 bytes, a get more', () => {
    const node = makeNode()
    const client = node.connect()
    expect(client.ask(`${'delete a '.padEnd(16_383, 'x')}\n`)).toBe('NOT_FOUND\r\n')
    const keys = 'kkkkkkkk '.repeat(5_000)
    expect(client.ask(`get ${keys}\r\n`)).toBe('END\r\n')
    const other = node.connect()
    other.send(`${'delete a '.padEnd(16_386, 'x')}\n`)
    expect(other.reply).toBe('')
    expect(other.stream.ended).toBe(true)
  })
})

describe('noreply', () => {
  test('is only the last word, even where the key belongs', () => {
    const client = makeNode().connect()
    client.send('set noreply 0 0 1\r\n1\r\nget noreply\r\ndelete noreply\r\n')
    expect(client.reply).toBe('STORED\r\nVALUE noreply 0 1\r\n1\r\nEND\r\n')
    expect(client.ask('get noreply\r\n')).toBe('END\r\n')
    expect(client.ask('delete a noreply x\r\n')).toBe('NOT_FOUND\r\n')
    expect(client.ask('set a 0 0 1 noreply x\r\n1\r\n')).toBe('STORED\r\n')
    expect(client.ask('set a 0 0 1 NOREPLY\r\n1\r\n')).toBe('STORED\r\n')
    expect(client.ask('touch a 0 noreplyx\r\n')).toBe('TOUCHED\r\n')
    expect(client.ask('set a 0 0 1 noreply\r\n12345\r\n')).toBe('ERROR\r\n')
  })

  test('does not hide that a line has too few words', () => {
    const client = makeNode().connect()
    expect(client.ask('set a 0 noreply\r\n')).toBe(FORMAT)
    expect(client.ask('incr noreply\r\n')).toBe(FORMAT)
  })
})

describe('switches', () => {
  test('-F: flush_all is refused, whatever its argument, and counted', () => {
    const client = makeNode({ flush: false }).connect()
    const refused = 'CLIENT_ERROR flush_all not allowed\r\n'
    client.send('set a 0 0 1\r\n1\r\nflush_all\r\nflush_all x\r\nflush_all 5\r\nget a\r\n')
    expect(client.reply).toBe(`STORED\r\n${refused.repeat(3)}VALUE a 0 1\r\n1\r\nEND\r\n`)
    expect(client.ask('flush_all noreply\r\nstats\r\n')).toContain('STAT cmd_flush 4\r\n')
  })

  test('-C: gets says 0, cas never fits', () => {
    const client = makeNode({ cas: false }).connect()
    client.send(
      'set a 0 0 1\r\n1\r\ngets a\r\ncas a 0 0 1 0\r\n2\r\ncas a 0 0 1 2\r\n2\r\nget a\r\n',
    )
    const gets = 'VALUE a 0 1 0\r\n1\r\nEND\r\n'
    expect(client.reply).toBe(`STORED\r\n${gets}EXISTS\r\nEXISTS\r\nVALUE a 0 1\r\n1\r\nEND\r\n`)
  })
})

describe('time', () => {
  test('an item goes in the second of its exptime, a delayed flush in its own', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('set a 0 2 1\r\n1\r\nset b 0 0 1\r\n1\r\nflush_all 5\r\n')
    node.advance(1)
    expect(client.ask('get a\r\n')).toContain('STORED\r\nSTORED\r\nOK\r\nVALUE a')
    node.advance(1)
    expect(client.ask('get a b\r\n')).toBe('VALUE b 0 1\r\n1\r\nEND\r\n')
    node.advance(2)
    expect(client.ask('set c 0 0 1\r\n1\r\nget b c\r\n')).toContain('VALUE c')
    node.advance(1)
    expect(client.ask('get b c\r\nset d 0 0 1\r\n1\r\nget d\r\n')).toBe(
      'END\r\nSTORED\r\nVALUE d 0 1\r\n1\r\nEND\r\n',
    )
  })

  test('a later flush takes the place of one that is still to come', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('flush_all 5\r\nflush_all\r\nset a 0 0 1\r\n1\r\n')
    node.advance(10)
    client.send('get a\r\n')
    expect(client.reply).toBe('OK\r\nOK\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n')
  })
})
