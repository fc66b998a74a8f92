import { defineConfig } from 'vitest/config'

/** Beside the one that `--io auto` takes, which runs everything. */
const OTHER_TRANSPORTS = ['epoll', 'net']
/** What starts nodes and routers; unit tests name the transport that they mean. */
const SERVED = ['conformance', 'interop', 'model', 'fault', 'e2e']
/** What takes its thread count from outside; the others name theirs, 1 and 4 mostly. */
const THREADED = ['interop', 'model']

const isLong = process.env['MEMRING_TEST_ALL'] === '1'

function project(name: string, folders: readonly string[], env: Readonly<Record<string, string>>) {
  const include = folders.map(folder => `test/${folder}/**/*.test.ts`)
  return { extends: true as const, test: { name, include, env: { ...env } } }
}

const FOUR = isLong ? { MEMRING_TEST_THREADS: '4' } : {}
const others = OTHER_TRANSPORTS.map(io =>
  project(io, isLong ? SERVED : ['conformance'], { MEMRING_IO: io, ...FOUR }),
)
const oneThread = [
  project('1 thread', THREADED, { MEMRING_TEST_THREADS: '1' }),
  ...OTHER_TRANSPORTS.map(io =>
    project(`${io}, 1 thread`, THREADED, { MEMRING_IO: io, MEMRING_TEST_THREADS: '1' }),
  ),
]

/** Process pool: a data thread blocked in a kernel wait would hang vitest's thread pool. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['./test/support/require-node.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [project('all', ['*'], FOUR), ...others, ...(isLong ? oneThread : [])],
    coverage: { include: ['src/**/*.ts'] },
  },
})
