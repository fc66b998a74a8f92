import { defineConfig } from 'vitest/config'

/** Beside the one that `--io auto` takes, which runs everything. */
const OTHER_TRANSPORTS = ['net']

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
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      ...OTHER_TRANSPORTS.map(io => ({
        extends: true as const,
        test: { name: io, include: ['test/conformance/**/*.test.ts'], env: { MEMRING_IO: io } },
      })),
    ],
    coverage: { include: ['src/**/*.ts'] },
  },
})
