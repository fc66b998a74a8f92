/**
 * Everything that is wrong with one cluster file, each with the place where it stands:
 * `file:line:column: field: what was found, what was expected`.
 */

export type Path = readonly (string | number)[]
export type Position = { line: number; column: number }
export type Problem = Position & { field: string; text: string }

/** More than a person reads; the rest is counted. */
const SHOWN_MAX = 100
const VALUE_CHARACTERS_MAX = 60

/** What people call the file. */
export type FileKind = 'cluster file' | 'users file'

export class ClusterFileError extends Error {
  override name = 'ClusterFileError'
  readonly code = 'CLUSTER_FILE'
  /** Empty when the file could not be read at all. */
  readonly problems: readonly Problem[]

  constructor(
    file: string,
    problems: readonly Problem[],
    unreadable?: string,
    kind: FileKind = 'cluster file',
  ) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    const lines = problems.slice(0, SHOWN_MAX).map(problem => formatProblem(file, problem))
    if (problems.length > SHOWN_MAX) lines.push(`and ${problems.length - SHOWN_MAX} more`)
    super([`Cannot use ${kind} ${file}: ${unreadable ?? count}`, ...lines].join('\n'))
    this.problems = problems
  }
}

function formatProblem(file: string, { line, column, field, text }: Problem): string {
  return `${file}:${line}:${column}: ${field === '' ? '' : `${field}: `}${text}`
}

/** `['nodes', 0, 'address']` as `nodes[0].address`. */
export function formatPath(path: Path): string {
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at > 0 ? '.' : ''}${part}`))
    .join('')
}

/** A value as a message may quote it: short, on one line. Callers keep secrets away from here. */
export function quote(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'an empty value'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = JSON.stringify(value)
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text
}

/** `, did you mean "threads"?` when one of the known names is close, else the list of them. */
export function suggest(name: string, known: readonly string[]): string {
  const nearest = known
    .map(candidate => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((one, other) => one.distance - other.distance)[0]
  const limit = Math.max(1, Math.floor(name.length / 3))
  if (nearest !== undefined && nearest.distance <= limit) {
    return `did you mean "${nearest.candidate}"?`
  }
  return `expected one of ${known.join(', ')}`
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function editDistance(one: string, other: string): number {
  // Longer words are no misspelling of a field, and the table below must stay small.
  if (Math.abs(one.length - other.length) > 8) return Infinity
  let before: number[] = []
  let above = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1]
      let cost = Math.min(
        above[column]! + 1,
        current[column - 1]! + 1,
        above[column - 1]! + (same ? 0 : 1),
      )
      const swapped =
        row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      if (column > 1 && swapped) cost = Math.min(cost, before[column - 2]! + 1)
      current.push(cost)
    }
    before = above
    above = current
  }
  return above[other.length]!
}
