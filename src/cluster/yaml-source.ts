/**
 * A YAML text as plain data that still knows where each value stood. `${VAR}` and
 * `${VAR:-default}` are filled in value by value, after parsing, so that what an environment
 * variable holds is never read as YAML and no position moves.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
} from 'yaml'
import { formatPath, type Path, type Position, type Problem } from './problems.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A file of 500 nodes with every field set has some 10,000 values; aliases multiply. */
const VALUES_MAX = 50_000
const DEPTH_MAX = 20

export class YamlSource {
  /** Mappings without a prototype, lists, strings, numbers, booleans, null. */
  readonly data: unknown
  /** In the order they were found. */
  readonly problems: Problem[] = []
  readonly #lines = new LineCounter()
  readonly #document: Document
  readonly #environment: Environment
  readonly #keys = new Map<string, Position>()
  readonly #values = new Map<string, Position>()
  readonly #rawTexts = new Map<string, string>()
  readonly #refused = new Set<string>()
  #valueCount = 0

  constructor(text: string, environment: Environment) {
    this.#environment = environment
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
    for (const { pos, message } of [...this.#document.errors, ...this.#document.warnings]) {
      // What follows the colon quotes the file, and that may be a password.
      const what = (message.split(': ')[0] ?? message).replace(/^Unexpected/, 'unexpected')
      const hint = this.#lineAt(text, pos[0]).includes('${')
        ? '; inside { } and [ ] write "${VAR}" in quotes'
        : ''
      this.problems.push({ ...this.#position(pos[0]), field: '', text: `not YAML: ${what}${hint}` })
    }
    this.data = this.problems.length > 0 ? undefined : this.#read(this.#document.contents, [])
  }

  /** Where the value stands; a value that is not in the file stands where its parent does. */
  positionOf(path: Path): Position {
    for (let length = path.length; length >= 0; length -= 1) {
      const known = this.#values.get(keyOf(path.slice(0, length)))
      if (known !== undefined) return known
    }
    return { line: 1, column: 1 }
  }

  /** Where the field's name stands. */
  positionOfKey(path: Path): Position {
    return this.#keys.get(keyOf(path)) ?? this.positionOf(path)
  }

  /** The text of a value before its variables were filled in. */
  rawTextOf(path: Path): string | undefined {
    return this.#rawTexts.get(keyOf(path))
  }

  /** Whether this value, or one around it, has a problem of its own already. */
  isRefused(path: Path): boolean {
    return path.some((_, at) => this.#refused.has(keyOf(path.slice(0, at + 1))))
  }

  /** Whether a problem of exactly this field is noted. */
  isReported(path: Path): boolean {
    const field = formatPath(path)
    return this.problems.some(problem => problem.field === field)
  }

  problemsInOrder(): Problem[] {
    return this.problems.toSorted(
      (one, other) => one.line - other.line || one.column - other.column,
    )
  }

  addProblem(path: Path, text: string, position = this.positionOf(path)): void {
    this.problems.push({ ...position, field: formatPath(path), text })
  }

  #refuse(path: Path, text: string): void {
    this.#refused.add(keyOf(path))
    this.addProblem(path, text)
  }

  #read(node: Node | null, path: Path): unknown {
    this.#valueCount += 1
    if (node?.range && !this.#values.has(keyOf(path))) {
      this.#values.set(keyOf(path), this.#position(node.range[0]))
    }
    if (path.length > DEPTH_MAX || this.#valueCount > VALUES_MAX) {
      const limit = `expected at most ${VALUES_MAX} values, ${DEPTH_MAX} deep`
      if (this.#valueCount <= VALUES_MAX + 1) this.#refuse(path, `found more, ${limit}`)
      return undefined
    }
    if (isAlias(node)) return this.#read(node.resolve(this.#document) ?? null, path)
    if (isSeq<Node>(node)) return node.items.map((item, at) => this.#read(item, [...path, at]))
    if (isMap<Node, Node>(node)) return this.#readMap(node.items, path)
    if (isScalar(node)) return this.#readScalar(node, path)
    return null
  }

  #readMap(pairs: readonly Pair<Node, Node>[], path: Path): unknown {
    const result: Record<string, unknown> = Object.create(null)
    for (const { key, value } of pairs) {
      if (!isScalar(key)) {
        this.#refuse(path, 'found a field whose name is not a word, expected name: value')
        continue
      }
      const name = String(key.value)
      const below = [...path, name]
      if (key.range) this.#keys.set(keyOf(below), this.#position(key.range[0]))
      result[name] = this.#read(value, below)
    }
    return result
  }

  #readScalar(scalar: Scalar, path: Path): unknown {
    const { value } = scalar
    if (typeof value !== 'string') return value
    this.#rawTexts.set(keyOf(path), value)
    if (!value.includes('${')) return value
    const filled = this.#fill(value, path)
    return scalar.type === Scalar.PLAIN && filled !== undefined ? retype(filled) : filled
  }

  /** Variables in one value; undefined, and a problem noted, if one is missing or misspelt. */
  #fill(value: string, path: Path): string | undefined {
    let complete = true
    const filled = value.replaceAll(/\$\{([^}]*)(\}?)/g, (_, body: string, end: string) => {
      const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(body)
      const name = match?.[1]
      if (end === '' || name === undefined) {
        this.#refuse(path, 'found "${" with no variable, expected ${NAME} or ${NAME:-default}')
        complete = false
        return ''
      }
      const given = this.#environment[name]
      const fallback = match?.[2]
      // As in a shell, `:-` also stands in for a variable that is set and empty.
      if (fallback !== undefined) return given === undefined || given === '' ? fallback : given
      if (given !== undefined) return given
      // A default would be a password written into the file.
      const way = path.at(-1) === 'password' ? '' : `, or \${${name}:-default}`
      const expected = `expected it in the environment${way}`
      this.#refuse(path, `found \${${name}}, which is not set, ${expected}`)
      complete = false
      return ''
    })
    return complete ? filled : undefined
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  #lineAt(text: string, offset: number): string {
    const start = text.lastIndexOf('\n', offset - 1) + 1
    const end = text.indexOf('\n', offset)
    return text.slice(start, end < 0 ? undefined : end)
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}

/**
 * An unquoted value is a number or a switch if it looks like one, filled in or not. Only what
 * turns back into the same text: `007` stays a text.
 */
function retype(text: string): unknown {
  if (/^(0|-?[1-9]\d{0,14})$/.test(text)) return Number(text)
  if (text === 'true') return true
  if (text === 'false') return false
  return text
}
