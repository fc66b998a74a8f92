#!/usr/bin/env node
/**
 * The `memring` command. This file only makes sure that the rest is loaded cheaply: a thread that
 * strips types itself keeps some 15 MB for it, one that finds its modules in Node's compile cache
 * does not. Threads and child processes find the cache through the environment. The built package
 * has nothing to strip, and a cache would only take memory.
 */
import './require-node.ts'
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'

if (import.meta.url.endsWith('.ts')) {
  const { directory } = enableCompileCache()
  if (directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= dirname(directory)
}
const { runProgram } = await import('./program.ts')
await runProgram()
