import type { Reporter, TestModule } from 'vitest/node'

/** Ends the run with one plain line that any reader of the log can count on. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      const before = passed + failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        if (state === 'failed') failed += 1
      }
      // A file that could not even be collected has no tests, and is a failure all the same.
      if (module.state() === 'failed' && passed + failed === before) failed += 1
    }
    process.stdout.write(`${passed} passed, ${failed} failed\n`)
  }
}
