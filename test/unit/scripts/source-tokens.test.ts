import { describe, expect, it } from 'vitest'
import { TokenKind, tokensOf } from '../../../scripts/source-tokens.ts'

/** Marks and words as they are, literals in angle brackets. */
function spell(source: string): string {
  return tokensOf(source)
    .map(({ kind, text }) => (kind === TokenKind.text ? `<${text}>` : text))
    .join(' ')
}

describe('tokensOf()', () => {
  it.each([
    ['words and marks', 'const a=b.c', 'const a = b . c'],
    ['strings with either quote', `f('a"b', "c'd")`, `f ( <a"b> , <c'd> )`],
    ['an escaped quote', `'a\\'b' + c`, `<a\\'b> + c`],
    ['a line comment', "a // 'b\nc", 'a c'],
    ['a block comment', "a /* 'b\n */ c", 'a c'],
    ['a comment mark in a string', "'//' + a", '<//> + a'],
    ['a template', '`a ${b + `c${d}`} e` + f', '<a > b + <c> d <> < e> + f'],
    ['braces in a template', '`${{ a: {} }}` + b', '<> { a : { } } <> + b'],
    ['a regular expression', "a = /'[/']\\/x/u, b", "a = <'[/']\\/x> u , b"],
    ['a regular expression after a word', "return /'/", "return <'>"],
    ['a division', "a / b + c[0] / f() / '1'", 'a / b + c [ 0 ] / f ( ) / <1>'],
    ['a private name', 'this.#a', 'this . #a'],
    ['a string that never ends', "a 'b", 'a <b>'],
    ['a comment that never ends', 'a /* b', 'a'],
    ['nothing', '', ''],
  ])('reads %s', (_, source, spelled) => {
    expect(spell(source)).toBe(spelled)
  })

  it('counts lines across strings, templates and comments', () => {
    const source = "a\n/*\n\n*/ 'b'\n`c\n${\nd}\n` e"
    const lines = tokensOf(source).map(({ text, line }) => [text, line])
    expect(lines).toEqual([
      ['a', 1],
      ['b', 4],
      ['c\n', 5],
      ['d', 7],
      ['\n', 7],
      ['e', 8],
    ])
  })
})
