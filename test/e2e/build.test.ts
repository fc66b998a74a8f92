// Builds the package into a temporary folder and uses it from there, as somebody who installed it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Somebody's project, which has the package in its node_modules. */
const project = mkdtempSync(join(tmpdir(), 'memring-build-'))
const target = join(project, 'node_modules/memring')

function run(args: readonly string[]): { status: number | null; output: string } {
  const child = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
  return { status: child.status, output: child.stdout + child.stderr }
}

function build(folder: string): { status: number | null; output: string } {
  return run([join(root, 'scripts/build.ts'), folder])
}

function readJson(path: string): Record<string, Record<string, string> | string> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, string> | string>
}

/** Throws until the node has written its port. */
function portIn(path: string): number {
  const port = /^TCP INET: (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1]
  if (port === undefined) throw new Error(`Cannot find a port in ${path}`)
  return Number(port)
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
}

beforeAll(() => {
  mkdirSync(target, { recursive: true })
  expect(build(target)).toEqual({ status: 0, output: '' })
}, 120_000)

afterAll(() => rmSync(project, { recursive: true }))

describe('npm run build', () => {
  it('writes a manifest without development and platform packages', () => {
    const manifest = readJson(join(target, 'package.json'))
    const own = readJson(join(root, 'package.json'))
    expect(manifest).toMatchObject({
      name: 'memring',
      version: own['version'],
      type: 'module',
      bin: { memring: 'cli/main.js' },
      engines: { node: '>=22.18' },
      dependencies: own['dependencies'],
    })
    expect(Object.keys(manifest['optionalDependencies']!)).toEqual(['koffi'])
    expect(manifest).not.toHaveProperty('devDependencies')
    expect(manifest).not.toHaveProperty('scripts')
    expect(manifest).not.toHaveProperty('private')
  })

  it('compiles every source and leaves none behind', () => {
    const sources = filesIn(join(root, 'src')).filter(path => /(?<!\.d)\.ts$/.test(path))
    const built = filesIn(target)
    for (const path of sources) expect(built).toContain(path.replace(/\.ts$/, '.js'))
    expect(built.filter(path => /(?<!\.d)\.ts$/.test(path))).toEqual([])
    expect(built).toContain('cluster-config/local.yaml')
  })

  it('names no TypeScript file in what runs', () => {
    const scripts = filesIn(target).filter(path => path.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(10)
    for (const path of scripts) {
      const source = readFileSync(join(target, path), 'utf8')
      expect(source).not.toMatch(/(?:from|import\(|new URL\()\s*['"]\.[^'"]*\.ts['"]/)
    }
  })

  it('makes the command executable', () => {
    const path = join(target, 'cli/main.js')
    expect(readFileSync(path, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(statSync(path).mode & 0o111).toBe(0o111)
  })

  it('runs the example in the documentation of ReplyParser', () => {
    const source = readFileSync(join(root, 'src/protocol/memcached-parser.ts'), 'utf8')
    const example = /@example\n([\s\S]*?)\n \*\//.exec(source)?.[1]?.replace(/^ \* ?/gm, '') ?? ''
    const expected = example.match(/^\/\/ .*$/gm)?.map(line => `${line.slice(3)}\n`)
    writeFileSync(join(project, 'example.mjs'), example)
    expect(expected).toHaveLength(2)
    expect(run(['example.mjs'])).toEqual({ status: 0, output: expected?.join('') })
  })

  it('declares its types to a project of its own', () => {
    writeFileSync(
      join(project, 'consumer.ts'),
      `import { type ParsedReply, ReplyParser } from 'memring/memcached-parser'
const replies: ParsedReply[] = new ReplyParser({ encoding: 'latin1' }).push(new Uint8Array(0))
for (const reply of replies) if (reply.kind === 'number') console.log(reply.number + 1n)
// @ts-expect-error a value has no number
for (const reply of replies) if (reply.kind === 'value') console.log(reply.number)
`,
    )
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024']
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(run([tsc, ...options, ...types, 'consumer.ts'])).toEqual({ status: 0, output: '' })
  })

  it('serves as a node', async () => {
    symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'))
    const portFile = join(project, 'port')
    const args = [join(target, 'cli/main.js'), 'node', '-p', '-1', '-l', '127.0.0.1', '-t', '1']
    const node = spawn(process.execPath, args, {
      env: { ...process.env, MEMCACHED_PORT_FILENAME: portFile },
      stdio: 'ignore',
    })
    try {
      const port = await vi.waitFor(() => portIn(portFile), { timeout: 10_000, interval: 50 })
      const socket = connect(port, '127.0.0.1')
      socket.end('set a 0 0 1\r\nx\r\nget a\r\nquit\r\n')
      expect(await text(socket)).toBe('STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n')
      const ended = once(node, 'exit')
      node.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
    } finally {
      node.kill('SIGKILL')
      rmSync(join(target, 'node_modules'))
    }
  })

  it('replaces an earlier build, and nothing else', () => {
    writeFileSync(join(target, 'stale.js'), '')
    expect(build(target).status).toBe(0)
    expect(filesIn(target)).not.toContain('stale.js')

    const other = join(project, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'precious.txt'), 'mine')
    const { status, output } = build(other)
    expect(status).toBe(1)
    expect(output).toBe(`Cannot build into "${other}": 1 files there, expected none or a build\n`)
    expect(filesIn(other)).toEqual(['precious.txt'])
  })
})
