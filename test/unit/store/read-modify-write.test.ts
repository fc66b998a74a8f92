/** append, incr and the like, while another thread changes what they have looked at. */
import { describe, expect, test } from 'vitest'
import { Outcome, PutMode } from '../../../src/store/put.ts'
import { around, locate, makeChecked } from './interleaving.ts'
import { NOW, putOf, read, readText, setOf, valueOf } from './support.ts'

const withAndWithoutCas = [
  { name: 'with cas', hasCas: true },
  { name: 'without cas', hasCas: false },
]

describe.each(withAndWithoutCas)('read, modify, write ($name)', ({ hasCas }) => {
  const append = { mode: PutMode.append }

  test('an append starts over when another thread has changed the value', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'a', 'one')
    around(made.store.segments, 'reserve', 'before', () => setOf(other, 'a', 'two'))
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    expect(readText(other, 'a')).toBe('two+')
  })

  test('an append is not stored when another thread has deleted or flushed the value', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'a', 'one')
    around(made.store.segments, 'reserve', 'before', () => other.remove(Buffer.from('a'), 0, 1))
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.notStored)
    setOf(made.store, 'b', 'one')
    const third = made.another()
    around(third.segments, 'reserve', 'before', () => other.flush(0))
    expect(third.put(putOf('b', '+', append))).toBe(Outcome.notStored)
    expect(read(other, 'b')).toBeUndefined()
    made.verify()
  })

  test('an incr that grows starts over when another thread has changed the number', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'n', '9')
    around(made.store.segments, 'reserve', 'before', () => {
      expect(other.arithmetic(putOf('n', ''), 90n, true)).toBe(Outcome.stored)
    })
    expect(made.store.arithmetic(putOf('n', ''), 1n, true)).toBe(Outcome.stored)
    expect(made.store.number).toBe(100n)
    expect(readText(other, 'n')).toBe('100')
  })

  test('a touch between the look and the link of an append is not lost', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    made.store.put(putOf('a', 'one', { exptime: NOW + 10 }))
    around(made.store.segments, 'reserve', 'before', () => {
      other.items.setExptime(other.find(Buffer.from('a'), 0, 1), NOW + 1000)
      other.unlock()
    })
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    expect(read(other, 'a')).toMatchObject({ exptime: NOW + 1000 })
  })

  test('a flush during the link of an append is not survived by what stood there before', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'a', 'one')
    around(made.store.segments, 'removeLive', 'before', () => other.flush(0))
    made.store.put(putOf('a', '+', append))
    expect(read(other, 'a')).toBeUndefined()
  })

  test('an append starts over when the number has been changed in place', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'n', '10')
    around(made.store.segments, 'reserve', 'before', () => {
      expect(other.arithmetic(putOf('n', ''), 7n, true)).toBe(Outcome.stored)
    })
    expect(made.store.put(putOf('n', '+', append))).toBe(Outcome.stored)
    expect(readText(other, 'n')).toBe('17+')
  })

  test('an append to a long number starts over when only its end was changed', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'n', `5${' '.repeat(16_000)}x`)
    around(made.store.segments, 'reserve', 'before', () => {
      expect(other.arithmetic(putOf('n', ''), 0n, true)).toBe(Outcome.stored)
    })
    expect(made.store.put(putOf('n', '+', append))).toBe(Outcome.stored)
    expect(readText(other, 'n')).toBe(`5${' '.repeat(16_001)}+`)
  })

  test('an append takes what was set again, not what it saw, though the bytes are the same', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    made.store.put(putOf('a', 'one', { clientFlags: 1 }))
    around(made.store.segments, 'reserve', 'before', () => {
      other.put(putOf('a', 'one', { clientFlags: 2 }))
    })
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    expect(read(other, 'a')).toMatchObject({ clientFlags: 2 })
    expect(readText(other, 'a')).toBe('one+')
  })

  test('an append starts over when the key came to the same place in another life of it', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    made.store.put(putOf('a', 'one', { clientFlags: 1 }))
    const place = locate(other, 'a')
    around(made.store.segments, 'reserve', 'before', () => {
      // Its segment is dead, free, and the first to be taken again.
      other.segments.sealOpen(0)
      other.remove(Buffer.from('a'), 0, 1)
      other.put(putOf('a', 'one', { clientFlags: 2 }))
      expect(locate(other, 'a')).toBe(place)
    })
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    expect(read(other, 'a')).toMatchObject({ clientFlags: 2 })
    expect(readText(other, 'a')).toBe('one+')
    made.verify()
  })

  test('an append to a value that eviction has moved is stored', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'a', 'one')
    const place = locate(other, 'a')
    read(made.store, 'a')
    around(made.store.segments, 'reserve', 'before', () => {
      for (let i = 0; locate(other, 'a') === place && i < 5_000; i += 1) {
        setOf(other, `flood-${i}`, valueOf(i, 9_000))
      }
    })
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    expect(locate(other, 'a')).not.toBe(place)
    expect(readText(other, 'a')).toBe('one+')
    made.verify()
  })

  test('an append to a large value starts over when that was replaced by one as large', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'a', valueOf(1, 50_000))
    around(made.store.largeSegments, 'take', 'before', () => setOf(other, 'a', valueOf(2, 50_000)))
    expect(made.store.put(putOf('a', '+', append))).toBe(Outcome.stored)
    const expected = Buffer.concat([valueOf(2, 50_000), Buffer.from('+')])
    expect(read(other, 'a')!.value.equals(expected)).toBe(true)
    made.verify()
  })

  test('what a flood of both does to one number is what it does one by one', () => {
    const made = makeChecked({ hasCas })
    const other = made.another()
    setOf(made.store, 'n', '1')
    let expected = 1n
    for (let i = 0; i < 300; i += 1) {
      const step = BigInt(i % 3 === 0 ? 10 ** (i % 12) : 1)
      around(made.store.segments, 'reserve', 'before', () => {
        expect(other.arithmetic(putOf('n', ''), step, true)).toBe(Outcome.stored)
        expected += step
      })
      expect(made.store.arithmetic(putOf('n', ''), 9n, true)).toBe(Outcome.stored)
      expected += 9n
      // Not reached where the number did not grow: runs at the next one that does.
      expect(BigInt(readText(other, 'n')!.trimEnd())).toBe(expected)
    }
    made.verify()
  })
})
