import { defineConfig } from 'vitest/config'

/** Process pool: a data thread blocked in a kernel wait would hang vitest's thread pool. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['./test/support/require-node.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    coverage: { include: ['src/**/*.ts'] },
  },
})
