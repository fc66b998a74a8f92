// Each rule finds what it is for, and leaves its nearest neighbours alone.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { readTree, tidy } from '../../../scripts/tidy.ts'

/** `rule line` of each finding in one file. */
function rulesIn(path: string, text: string): string[] {
  return tidy([{ path, text }]).map(finding => `${finding.rule} ${finding.line}`)
}

function messageFor(path: string, text: string): string | undefined {
  return tidy([{ path, text }])[0]?.message
}

describe('the import-arrow rule', () => {
  it.each([
    ['a static import', "import { a } from '../store/store.ts'"],
    ['a type import', "import type { A } from '../store/store.ts'"],
    ['an import for its effect', "import '../store/store.ts'"],
    ['an export', "export * from '../store/store.ts'"],
    ['an import over several lines', "import {\n  a,\n} from '../store/store.ts'"],
    ['a dynamic import', "const a = await import('../store/store.ts')"],
    ['a worker by its URL', "new URL('../store/store.ts', import.meta.url)"],
  ])('finds %s against the arrow', (_, text) => {
    expect(rulesIn('src/protocol/a.ts', text)[0]).toMatch(/^import-arrow/)
    expect(messageFor('src/protocol/a.ts', text)).toBe('protocol imports store, expected only base')
  })

  it('tells the line of the finding', () => {
    const text = "// one\n/*\n two */\nimport a from '../store/a.ts'\n"
    expect(rulesIn('src/base/a.ts', text)).toEqual(['import-arrow 4'])
  })

  it.each([
    ['along the arrow', 'src/server/a.ts', "import a from '../store/store.ts'"],
    ['within the folder', 'src/net/epoll/a.ts', "import a from '../transport.ts'"],
    ['of a package', 'src/base/a.ts', "import a from 'zod'"],
    ['in a comment', 'src/base/a.ts', "// import a from '../store/store.ts'"],
    ['in a string', 'src/base/a.ts', `const a = "import a from '../store/store.ts'"`],
    ['in a template', 'src/base/a.ts', "const a = `from '../store/store.ts'`"],
    ['by another function', 'src/base/a.ts', "require_('../store/store.ts')"],
    ['outside of src', 'test/a.test.ts', "import a from '../src/store/store.ts'"],
  ])('leaves an import %s alone', (_, path, text) => {
    expect(rulesIn(path, text)).toEqual([])
  })

  it('finds imports that leave src, and folders that the table does not know', () => {
    expect(messageFor('src/base/a.ts', "import a from '../../test/a.ts'")).toBe(
      'test/a.ts, expected a file in a folder of src',
    )
    expect(messageFor('src/stray/a.ts', "import a from '../base/a.ts'")).toBe(
      'stray has no row in the table',
    )
    expect(messageFor('src/stray.ts', "import a from './base/a.ts'")).toBe(
      'src has no row in the table',
    )
  })

  it.each([
    ['base', ['protocol', 'cli']],
    ['store', ['protocol', 'net']],
    ['ring', ['cluster']],
    ['cluster', ['router', 'server', 'cli']],
    ['session', ['store', 'server', 'router']],
    ['router', ['store', 'server']],
    ['server', ['router', 'ring', 'cluster']],
    ['load', ['protocol', 'server']],
  ])('keeps %s from what it must not see', (from, targets) => {
    for (const to of targets) {
      const text = `import a from '../${to}/a.ts'`
      expect(rulesIn(`src/${from}/a.ts`, text)).toEqual(['import-arrow 1'])
    }
  })
})

describe('the import-cycle rule', () => {
  it('finds folders that reach each other, once, with the way round', () => {
    const found = tidy([
      { path: 'src/session/a.ts', text: "import a from '../net/a.ts'" },
      { path: 'src/net/a.ts', text: "import a from '../base/a.ts'" },
      { path: 'src/base/a.ts', text: "\nimport a from '../session/a.ts'" },
      { path: 'src/base/b.ts', text: "import a from '../session/a.ts'" },
    ]).filter(finding => finding.rule === 'import-cycle')
    expect(found).toEqual([
      {
        path: 'src/base/a.ts',
        line: 2,
        rule: 'import-cycle',
        message: 'session → net → base → session',
      },
    ])
  })

  it('leaves two ways to the same folder alone', () => {
    const found = tidy([
      {
        path: 'src/server/a.ts',
        text: "import a from '../net/a.ts'; import b from '../auth/b.ts'",
      },
      { path: 'src/net/a.ts', text: "import a from '../base/a.ts'" },
      { path: 'src/auth/b.ts', text: "import a from '../base/a.ts'" },
    ])
    expect(found).toEqual([])
  })
})

describe('the koffi rule', () => {
  const text = "import koffi from 'koffi'"
  it.each(['src/store/locks.ts', 'src/base/a.ts', 'src/router/a.ts'])('finds it in %s', path => {
    expect(rulesIn(path, text)).toEqual(['koffi 1'])
    expect(rulesIn(path, "await import('koffi/indirect')")).toEqual(['koffi 1'])
    expect(rulesIn(path, "createRequire(import.meta.url)('koffi')")).toEqual(['koffi 1'])
    expect(rulesIn(path, "import type { A } from '@koromix/koffi-linux-x64'")).toEqual(['koffi 1'])
  })

  it.each(['src/store/region.ts', 'src/net/uring/abi.ts', 'test/unit/a.test.ts'])(
    'leaves %s alone',
    path => {
      expect(rulesIn(path, text)).toEqual([])
    },
  )

  it('leaves other packages alone', () => {
    expect(rulesIn('src/base/a.ts', "import a from 'koffication'")).toEqual([])
    expect(rulesIn('src/base/a.ts', "const text = 'koffi is missing'")).toEqual([])
  })
})

describe('the process rule', () => {
  it.each([
    'const a = process.argv[2]',
    'const a = process.env.HOME',
    "const a = process['env'].HOME",
    'const a = process?.env',
    'const a = globalThis.process.env',
    'const a = `${process.env.HOME}`',
    'const { env } = process',
    "import { env } from 'node:process'",
    "import process from 'process'",
  ])('finds %j', text => {
    expect(rulesIn('src/server/a.ts', text)).toEqual(['process 1'])
    expect(rulesIn('src/cli/a.ts', text)).toEqual([])
    expect(rulesIn('scripts/a.ts', text)).toEqual([])
  })

  it.each([
    'process.exitCode = 1',
    'const a = process.pid',
    "process.on('SIGTERM', stop)",
    'const { pid } = process.report',
    '// process.env',
    "const a = 'process.argv'",
    'const a = child.env',
  ])('leaves %j alone', text => {
    expect(rulesIn('src/server/a.ts', text)).toEqual([])
  })
})

describe('the length rules', () => {
  it('allow 100 characters in a line of src, and no more', () => {
    expect(rulesIn('src/base/a.ts', 'é'.repeat(100))).toEqual([])
    expect(rulesIn('src/base/a.ts', '𝄞'.repeat(100))).toEqual([])
    expect(rulesIn('src/base/a.ts', `\n${'a'.repeat(101)}`)).toEqual(['line-length 2'])
    expect(rulesIn('src/base/a.ts', 'a'.repeat(10_000))).toEqual(['line-length 1'])
    expect(rulesIn('test/a.test.ts', 'a'.repeat(101))).toEqual([])
  })

  it('allow 400 lines in a file of src, and no more', () => {
    expect(rulesIn('src/base/a.ts', 'a\n'.repeat(400))).toEqual([])
    expect(rulesIn('src/base/a.ts', `${'a\n'.repeat(399)}a`)).toEqual([])
    expect(rulesIn('src/base/a.ts', 'a\n'.repeat(401))).toEqual(['file-length 401'])
    expect(rulesIn('src/base/a.ts', 'a\n'.repeat(5_000))).toEqual(['file-length 401'])
    expect(rulesIn('test/a.test.ts', 'a\n'.repeat(401))).toEqual([])
  })
})

// The words and paths are put together here, so that this file passes the check over the tree.
describe('the open-end rule', () => {
  it.each(['TO', 'FIX'])('finds notes that start with %s, in any file', start => {
    const note = start === 'TO' ? `${start}DO` : `${start}ME`
    expect(rulesIn('README.md', `one\n${note}: later`)).toEqual(['open-end 2'])
    expect(rulesIn('test/a.test.ts', `// ${note}`)).toEqual(['open-end 1'])
    expect(rulesIn('src/base/a.ts', `const a = METHOD_${note}S`)).toEqual([])
  })
})

describe('the machine-path rule', () => {
  it.each(['home', 'work', 'root', 'Users'])('finds paths under %s', folder => {
    expect(rulesIn('README.md', `see /${folder}/me/x`)).toEqual(['machine-path 1'])
    expect(rulesIn('scripts/a.ts', `'/${folder}/me'`)).toEqual(['machine-path 1'])
    expect(rulesIn('README.md', `http://example.org/${folder}/x ./${folder}/y`)).toEqual([])
  })
})

describe('npm run tidy', () => {
  const project = mkdtempSync(join(tmpdir(), 'memring-tidy-'))
  afterAll(() => rmSync(project, { recursive: true }))

  function run(): { status: number | null; stdout: string; stderr: string } {
    const script = fileURLToPath(new URL('../../../scripts/tidy.ts', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, project], {
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  it('says nothing about a tidy project, and ends with 0', () => {
    mkdirSync(join(project, 'src/base'), { recursive: true })
    writeFileSync(join(project, 'src/base/a.ts'), 'export const a = 1\n')
    expect(run()).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('prints place, rule and message of each finding, and ends with 1', () => {
    writeFileSync(join(project, 'src/base/a.ts'), "\nimport '../net/b.ts'\nprocess.env\n")
    expect(run()).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'src/base/a.ts:2 import-arrow: base imports net, expected nothing\n' +
        'src/base/a.ts:3 process: process.env, expected only in src/cli\n',
    })
  })
})

describe('this project', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))

  it('is read: its sources, tests, scripts and pages', () => {
    const paths = readTree(root).map(file => file.path)
    for (const path of ['src/base/assert.ts', 'test/vitest.config.ts', 'scripts/tidy.ts']) {
      expect(paths).toContain(path)
    }
    expect(paths).toContain('package.json')
    expect(paths).not.toContain('package-lock.json')
    expect(paths.filter(path => path.includes('node_modules'))).toEqual([])
  })

  it('is tidy', () => {
    const found = tidy(readTree(root))
    expect(
      found.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`),
    ).toEqual([])
  })
})
