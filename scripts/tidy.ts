/**
 * The repository's own checks, beside the compiler, the linter and the formatter:
 *
 *   import-arrow    a folder of src imports only what the table below allows
 *   import-cycle    no folder reaches itself through others
 *   koffi           kernel calls are in src/net and in the store's region file, nowhere else
 *   process         only src/cli reads arguments and environment; the rest is given values
 *   line-length     at most 100 characters in src
 *   file-length     at most 400 lines in src
 *   open-end        no note of work left undone: that belongs in an issue
 *   machine-path    no path of somebody's machine
 *
 * `npm run tidy [-- ROOT]` prints `file:line rule: message` for each finding, and exits with 1 if
 * there is one.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Token, TokenKind, tokensOf } from './source-tokens.ts'

/** Which other folders of src a folder may import. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protocol: ['base'],
  store: ['base'],
  net: ['base'],
  ring: ['base'],
  observe: ['base'],
  auth: ['base', 'protocol'],
  session: ['base', 'protocol', 'auth', 'net'],
  cluster: ['base', 'ring', 'observe', 'auth'],
  server: ['base', 'protocol', 'session', 'store', 'net', 'auth', 'observe'],
  router: ['base', 'protocol', 'session', 'ring', 'cluster', 'net', 'auth', 'observe'],
  load: ['base', 'net', 'observe'],
  sim: ['base', 'store'],
  cli: 'base protocol store net ring observe auth session cluster server router load sim'.split(
    ' ',
  ),
}

const LINE_LENGTH_MAX = 100
const FILE_LINES_MAX = 400
/** Classes of one letter, so that this line passes its own check. */
const OPEN_ENDS = /\b(?:TO[D]O|FIX[M]E)\b/
const MACHINE_PATHS = /(?<![\w.-])\/(?:work|root|home|Users)\//

/** What is read: the folders and files of the project, as paths from its root. */
const roots = ['src', 'test', 'scripts', 'cluster-config', '.ci', '.github']
const textFile = /\.(?:ts|md|yaml|yml|json|sh|conf)$|Dockerfile$|^\.ci\/run$/
const topLevelSkipped = /^package-lock\.json$/

export type SourceFile = { readonly path: string; readonly text: string }
export type Finding = {
  readonly path: string
  readonly line: number
  readonly rule: string
  readonly message: string
}
type Import = { readonly specifier: string; readonly line: number }

/** Paths are from the project's root, with slashes. */
export function tidy(files: readonly SourceFile[]): Finding[] {
  const found: Finding[] = []
  const sources = files.filter(file => file.path.startsWith('src/'))
  for (const file of files) found.push(...checkLines(file))
  for (const file of sources) {
    const tokens = file.path.endsWith('.ts') ? tokensOf(file.text) : []
    found.push(...checkLength(file), ...checkImports(file, importsOf(tokens)))
    found.push(...checkKoffi(file, tokens), ...checkProcess(file, tokens))
  }
  return [...found, ...checkCycles(sources)]
}

/** Static imports and exports, dynamic imports, and `new URL('./x.ts', import.meta.url)`. */
export function importsOf(tokens: readonly Token[]): Import[] {
  const found: Import[] = []
  tokens.forEach((token, at) => {
    if (token.kind !== TokenKind.text) return
    const before = (count: number): string => tokens[at - count]?.text ?? ''
    const isStatic = isWord(tokens[at - 1], 'from') || isWord(tokens[at - 1], 'import')
    const isDynamic = before(1) === '(' && isWord(tokens[at - 2], 'import')
    const isUrl =
      before(1) === '(' && before(2) === 'URL' && before(3) === 'new' && isImportMeta(tokens, at)
    if (isStatic || isDynamic || isUrl) found.push({ specifier: token.text, line: token.line })
  })
  return found
}

function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === TokenKind.word && token.text === text
}

function isImportMeta(tokens: readonly Token[], at: number): boolean {
  const after = tokens.slice(at + 1, at + 7).map(token => token.text)
  return after.join('') === ',import.meta.url'
}

function checkLines({ path, text }: SourceFile): Finding[] {
  const found: Finding[] = []
  text.split('\n').forEach((content, index) => {
    const add = (rule: string, message: string): void => {
      found.push({ path, line: index + 1, rule, message })
    }
    const length = Array.from(content).length
    if (path.startsWith('src/') && length > LINE_LENGTH_MAX) {
      add('line-length', `${length} characters, expected at most ${LINE_LENGTH_MAX}`)
    }
    const openEnd = OPEN_ENDS.exec(content)
    if (openEnd !== null) add('open-end', `${openEnd[0]}, expected an issue instead`)
    const machinePath = MACHINE_PATHS.exec(content)
    if (machinePath !== null) {
      add('machine-path', `path under ${machinePath[0]}, expected one from the project's root`)
    }
  })
  return found
}

function checkLength({ path, text }: SourceFile): Finding[] {
  const count = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (count <= FILE_LINES_MAX) return []
  const message = `${count} lines, expected at most ${FILE_LINES_MAX}`
  return [{ path, line: FILE_LINES_MAX + 1, rule: 'file-length', message }]
}

function checkImports(file: SourceFile, imports: readonly Import[]): Finding[] {
  const from = folderOf(file.path)
  const found: Finding[] = []
  for (const { specifier, line } of imports) {
    const add = (message: string): void => {
      found.push({ path: file.path, line, rule: 'import-arrow', message })
    }
    if (!specifier.startsWith('.')) continue
    const target = resolve(file.path, specifier)
    const to = folderOf(target)
    const allowed = from === undefined ? undefined : arrows[from]
    if (from === to && from !== undefined) continue
    if (to === undefined) add(`${target}, expected a file in a folder of src`)
    else if (allowed === undefined) add(`${from ?? 'src'} has no row in the table`)
    else if (!allowed.includes(to)) {
      const expected = allowed.length === 0 ? 'nothing' : `only ${allowed.join(', ')}`
      add(`${from} imports ${to}, expected ${expected}`)
    }
  }
  return found
}

/** Its name in any literal counts: it is optional, and so it is required rather than imported. */
function checkKoffi({ path }: SourceFile, tokens: readonly Token[]): Finding[] {
  if (mayCallKernel(path)) return []
  const message = 'koffi, expected only in src/net and src/store/region.ts'
  return tokens
    .filter(token => token.kind === TokenKind.text && isKoffi(token.text))
    .map(({ line }) => ({ path, line, rule: 'koffi', message }))
}

function isKoffi(specifier: string): boolean {
  return /^(?:koffi|@koromix\/koffi[\w-]*)(?:\/\S*)?$/.test(specifier)
}

function mayCallKernel(path: string): boolean {
  return path.startsWith('src/net/') || path === 'src/store/region.ts'
}

/** `process.argv`, `process.env`, `process['env']`, `{ env } = process`, and node:process. */
function checkProcess({ path }: SourceFile, tokens: readonly Token[]): Finding[] {
  if (path.startsWith('src/cli/')) return []
  const found: Finding[] = []
  const add = (line: number, what: string): void => {
    found.push({ path, line, rule: 'process', message: `${what}, expected only in src/cli` })
  }
  tokens.forEach((token, at) => {
    const next = (count: number): string => tokens[at + count]?.text ?? ''
    if (isWord(token, 'process')) {
      const optional = next(1) === '?' ? 1 : 0
      const isMember = next(1 + optional) === '.' || next(1 + optional) === '['
      const member = next(2 + optional) === '[' ? next(3 + optional) : next(2 + optional)
      if (isMember && (member === 'argv' || member === 'env')) add(token.line, `process.${member}`)
      const isTakenApart = tokens[at - 1]?.text === '=' && tokens[at - 2]?.text === '}'
      if (isTakenApart && !isMember) add(token.line, 'process taken apart')
    }
  })
  for (const { specifier, line } of importsOf(tokens)) {
    if (/^(?:node:)?process$/.test(specifier)) add(line, `import of ${specifier}`)
  }
  return found
}

/** Cycles between folders, told once each, at an import that closes it. */
function checkCycles(sources: readonly SourceFile[]): Finding[] {
  const edges = new Map<string, Map<string, Finding>>()
  for (const { path, text } of sources.filter(file => file.path.endsWith('.ts'))) {
    const from = folderOf(path)
    for (const { specifier, line } of importsOf(tokensOf(text))) {
      const to = specifier.startsWith('.') ? folderOf(resolve(path, specifier)) : undefined
      if (from === undefined || to === undefined || from === to) continue
      const targets = edges.get(from) ?? new Map<string, Finding>()
      edges.set(from, targets)
      if (!targets.has(to)) targets.set(to, { path, line, rule: 'import-cycle', message: '' })
    }
  }
  const found: Finding[] = []
  const done = new Set<string>()
  const visit = (folder: string, trail: readonly string[]): void => {
    for (const [to, finding] of edges.get(folder) ?? []) {
      const start = trail.indexOf(to)
      if (start >= 0) found.push({ ...finding, message: [...trail.slice(start), to].join(' → ') })
      else if (!done.has(to)) visit(to, [...trail, to])
    }
    done.add(folder)
  }
  for (const folder of edges.keys()) if (!done.has(folder)) visit(folder, [folder])
  return found
}

/** The folder of src that a path is in; undefined outside of src and for files right in it. */
function folderOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/')
  return top === 'src' && rest.length > 0 ? folder : undefined
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier)
}

export function readTree(root: string): SourceFile[] {
  const paths = readdirSync(root, { withFileTypes: true })
    .filter(entry => entry.isFile() && !topLevelSkipped.test(entry.name))
    .map(entry => entry.name)
  for (const folder of roots) paths.push(...walk(root, folder))
  return paths
    .filter(path => textFile.test(path))
    .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function walk(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
      const path = `${folder}/${entry.name}`
      return entry.isDirectory() ? walk(root, path) : [path]
    })
  } catch (error) {
    // A root that this checkout does not have, like .github, is no finding.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

if (import.meta.main) {
  const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
  const found = tidy(readTree(root))
  for (const { path, line, rule, message } of found) {
    console.error(`${path}:${line} ${rule}: ${message}`)
  }
  if (found.length > 0) process.exitCode = 1
}
