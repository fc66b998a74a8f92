/**
 * `npm run build [-- FOLDER]`: the package as it is published and as the image runs it, in dist/.
 *
 *   src/**.ts      →  dist/**.js and .d.ts, by tsc
 *   src/** other   →  copied, but for pages
 *   package.json   →  dist/package.json: name, bin, exports, no development and platform packages
 *   cluster-config, README.md, LICENSE  →  copied
 *
 * tsc turns `.ts` into `.js` in imports, but not in `new URL('./worker.ts', import.meta.url)`,
 * which is how a thread's file is named: that is done here, and a file's name that still ends in
 * .ts, or a relative one that names no file, fails the build.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TokenKind, tokensOf } from './source-tokens.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const PACKAGE_NAME = 'memring'
const CLI = 'cli/main.js'
const SHEBANG = '#!/usr/bin/env node\n'
const copied = ['cluster-config', 'README.md', 'LICENSE']
const WORKER_URL = /(new URL\(\s*(['"])\.{1,2}\/[^'"\n]+)\.ts(\2\s*,\s*import\.meta\.url)/g

type Manifest = {
  version: string
  description: string
  license: string
  engines: Record<string, string>
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

function build(target: string): void {
  clear(target)
  // At once, so that a build that fails half-way can be replaced by the next one.
  writeManifest(target, { name: PACKAGE_NAME })
  compile(target)
  cpSync(join(root, 'src'), target, { recursive: true, filter: isRunTimeFile })
  for (const path of filesIn(target).filter(path => path.endsWith('.js'))) finish(path)
  makeExecutable(join(target, CLI))
  for (const name of copied) {
    const source = join(root, name)
    if (existsSync(source)) cpSync(source, join(target, name), { recursive: true })
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  writeManifest(target, publishedManifest(manifest))
}

function writeManifest(target: string, manifest: object): void {
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
}

/** Only an earlier build is deleted: the folder may be given by hand. */
function clear(target: string): void {
  mkdirSync(target, { recursive: true })
  const names = readdirSync(target)
  if (names.length === 0) return
  const manifest = join(target, 'package.json')
  const isEarlierBuild =
    existsSync(manifest) &&
    (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === PACKAGE_NAME
  if (!isEarlierBuild) {
    throw new Error(
      `Cannot build into "${target}": ${names.length} files there, expected none or a build`,
    )
  }
  for (const name of names) rmSync(join(target, name), { recursive: true })
}

function compile(target: string): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const config = join(root, 'scripts/tsconfig.build.json')
  const { status } = spawnSync(process.execPath, [tsc, '-p', config, '--outDir', target], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`Cannot compile src: tsc ended with ${status}, expected 0`)
}

/** Folders pass so that they are walked. */
function isRunTimeFile(path: string): boolean {
  return !/\.(?:ts|md)$/.test(path)
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

/** Renames threads' files in one compiled file, and checks every file that it names. */
function finish(path: string): void {
  const text = readFileSync(path, 'utf8').replace(WORKER_URL, '$1.js$3')
  for (const { kind, text: name, line } of tokensOf(text)) {
    if (kind !== TokenKind.text) continue
    const isMissing = /^\.{1,2}\/\S+\.js$/.test(name) && !existsSync(resolve(dirname(path), name))
    if (isMissing || /^[\w./-]+\.ts$/.test(name)) {
      throw new Error(`Cannot build ${path}:${line}: "${name}", expected a compiled file`)
    }
  }
  writeFileSync(path, text)
}

/** npm links `bin` to the file itself, so the kernel must find an interpreter's name in it. */
function makeExecutable(path: string): void {
  const text = readFileSync(path, 'utf8')
  if (!text.startsWith('#!')) writeFileSync(path, SHEBANG + text)
  chmodSync(path, 0o755)
}

function publishedManifest(manifest: Manifest): object {
  const { version, description, license, engines, dependencies, optionalDependencies } = manifest
  const { koffi } = optionalDependencies
  if (koffi === undefined) throw new Error('Cannot write package.json: koffi is not in the root’s')
  return {
    name: PACKAGE_NAME,
    version,
    description,
    license,
    type: 'module',
    engines,
    bin: { [PACKAGE_NAME]: CLI },
    exports: {
      './memcached-parser': {
        types: './protocol/memcached-parser.d.ts',
        default: './protocol/memcached-parser.js',
      },
      './package.json': './package.json',
    },
    dependencies,
    optionalDependencies: { koffi },
  }
}

try {
  build(resolve(process.argv[2] ?? join(root, 'dist')))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
