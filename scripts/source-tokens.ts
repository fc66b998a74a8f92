/**
 * The words, marks and string literals of a TypeScript source, without comments: just enough for
 * the repository's own checks (scripts/tidy.ts). No parser: whether a slash starts a regular
 * expression is told from the token before it.
 */
export const TokenKind = { word: 0, mark: 1, text: 2 } as const
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind]
export type Token = { readonly kind: TokenKind; readonly text: string; readonly line: number }

const WORD = /[\p{L}\p{N}_$#]+/uy
const WORDS_BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'void',
  'yield',
  'await',
])
const MARKS_BEFORE_DIVISION = new Set([')', ']', '}'])

export function tokensOf(source: string): Token[] {
  return new Tokenizer(source).run()
}

class Tokenizer {
  readonly #source: string
  readonly #tokens: Token[] = []
  /** For each template literal that is open: how many braces are open inside its `${`. */
  readonly #braces: number[] = []
  #at = 0
  #line = 1

  constructor(source: string) {
    this.#source = source
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#step()
    return this.#tokens
  }

  #step(): void {
    const source = this.#source
    const character = source[this.#at]!
    if (character === '\n' || /\s/.test(character)) this.#skipTo(this.#at + 1)
    else if (source.startsWith('//', this.#at)) this.#skipTo(this.#find('\n', this.#at))
    else if (source.startsWith('/*', this.#at)) this.#skipTo(this.#find('*/', this.#at + 2) + 2)
    else if (character === "'" || character === '"') this.#string(character)
    else if (character === '`') this.#template()
    else if (character === '/' && this.#startsRegex()) this.#regex()
    else if (!this.#word()) this.#mark(character)
  }

  #find(text: string, from: number): number {
    const found = this.#source.indexOf(text, from)
    return found === -1 ? this.#source.length : found
  }

  /** Moves on, counting lines. */
  #skipTo(end: number): void {
    for (; this.#at < end && this.#at < this.#source.length; this.#at += 1) {
      if (this.#source[this.#at] === '\n') this.#line += 1
    }
  }

  #push(kind: TokenKind, text: string): void {
    this.#tokens.push({ kind, text, line: this.#line })
  }

  #string(quote: string): void {
    let end = this.#at + 1
    while (end < this.#source.length && this.#source[end] !== quote) {
      end += this.#source[end] === '\\' ? 2 : 1
    }
    this.#push(TokenKind.text, this.#source.slice(this.#at + 1, end))
    this.#skipTo(end + 1)
  }

  /** The text of a template from its backquote, or from the brace that ends a `${…}`. */
  #template(): void {
    let end = this.#at + 1
    while (end < this.#source.length && this.#source[end] !== '`') {
      if (this.#source.startsWith('${', end)) {
        this.#push(TokenKind.text, this.#source.slice(this.#at + 1, end))
        this.#braces.push(0)
        this.#skipTo(end + 2)
        return
      }
      end += this.#source[end] === '\\' ? 2 : 1
    }
    this.#push(TokenKind.text, this.#source.slice(this.#at + 1, end))
    this.#skipTo(end + 1)
  }

  #startsRegex(): boolean {
    const previous = this.#tokens.at(-1)
    if (previous === undefined) return true
    if (previous.kind === TokenKind.text) return false
    if (previous.kind === TokenKind.word) return WORDS_BEFORE_REGEX.has(previous.text)
    return !MARKS_BEFORE_DIVISION.has(previous.text)
  }

  #regex(): void {
    let end = this.#at + 1
    let isInClass = false
    while (end < this.#source.length && (isInClass || this.#source[end] !== '/')) {
      if (this.#source[end] === '[') isInClass = true
      if (this.#source[end] === ']') isInClass = false
      end += this.#source[end] === '\\' ? 2 : 1
    }
    this.#push(TokenKind.text, this.#source.slice(this.#at + 1, end))
    this.#skipTo(end + 1)
  }

  #word(): boolean {
    WORD.lastIndex = this.#at
    const match = WORD.exec(this.#source)
    if (match === null) return false
    this.#push(TokenKind.word, match[0])
    this.#at += match[0].length
    return true
  }

  #mark(character: string): void {
    const depth = this.#braces.at(-1)
    if (depth !== undefined && character === '}' && depth === 0) {
      this.#braces.pop()
      this.#template()
      return
    }
    if (depth !== undefined && character === '{') this.#braces[this.#braces.length - 1] = depth + 1
    if (depth !== undefined && character === '}') this.#braces[this.#braces.length - 1] = depth - 1
    this.#push(TokenKind.mark, character)
    this.#at += 1
  }
}
