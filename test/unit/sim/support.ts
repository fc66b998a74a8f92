import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Prng } from '../../../src/base/prng.ts'
import { newRequest, Op, OP_NAMES, type TraceRequest } from '../../../src/sim/trace-request.ts'

/** A file of its own for one test. */
export function fileWith(name: string, content: string | Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), 'memring-sim-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

export type Fields = { time?: number; size?: number; op?: keyof typeof Op; lifetime?: number }

export function requestOf(name: string, fields: Fields = {}): TraceRequest {
  const request = newRequest()
  const { time = 0, size = 0, op = 'get', lifetime = 0 } = fields
  request.time = time
  request.keySize = request.key.length < name.length ? 0 : Buffer.from(name).copy(request.key)
  request.valueSize = size
  request.op = Op[op]
  request.lifetime = lifetime
  return request
}

/** Any request that a trace may have, to few keys, of growing time. */
export function randomRequest(prng: Prng, time: number, keys: number): TraceRequest {
  const ops = [Op.get, Op.get, Op.get, Op.set, prng.below(OP_NAMES.length) as Op]
  const request = requestOf(`key-${prng.below(keys)}`, { time })
  request.op = ops[prng.below(ops.length)]!
  request.valueSize = prng.below(3) === 0 ? prng.below(60_000) : prng.below(200)
  request.lifetime = prng.below(2) === 0 ? 0 : 1 + prng.below(40)
  return request
}
