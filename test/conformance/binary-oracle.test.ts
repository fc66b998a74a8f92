// The oracle of the binary protocol: generated requests of all opcodes, right and wrong, in pieces,
// to Debian's memcached and to a node. Both must answer with the same bytes and close at the same
// request; cas uniques are compared as distances, or where servers do not agree how many they use
// up (newer.ts), as the order in which they were met. A NOOP ends each batch.
//
// Left out, because memcached 1.6.18 loses its place in the stream: bodies of unknown opcodes, and
// of TOUCH, GAT and STAT values; and bodies over 1 GiB, which it takes. Also delayed flushes and what
// the text oracle leaves out.

import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import type { ServerProcess } from '../support/processes.ts'
import { oraclePairs, routedPairs } from '../support/targets.ts'

const REQUESTS_MIN = process.env['MEMRING_TEST_ALL'] === '1' ? 60_000 : 6_000
const RUNS = 60
const HEADER = 24
const NOOP = 0x0a
const MARK = 0x6d61726b
const NEVER = 1n << 60n
const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 2 ** 31)

interface Request {
  readonly opcode: number
  readonly key: string
  readonly extras: Buffer
  readonly value: string
  readonly opaque: number
  /** As a distance from the probe's, or its place in the order; 0 is none. */
  readonly cas: number
  /** Added to the sizes that the header states. */
  readonly wrong: { readonly key: number; readonly extras: number; readonly body: number }
  readonly magic: number
}

const key = fc.constantFrom('a', 'b', 'n', 'm', 'k'.repeat(250), 'key \x01\xfe\r\n')
const value = fc.constantFrom('', 'x', '1', '99', '18446744073709551615', 'v'.repeat(3_000))
const u32 = fc.constantFrom(0, 0, 1, 7, 0xffffffff)
const exptime = fc.constantFrom(0, 0, 0, 1000, 2592000, 1000000000, 2147483647)
const cas = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
)

function words(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [at, number] of numbers.entries()) bytes.writeUInt32BE(number >>> 0, at * 4)
  return bytes
}

const none = fc.constant(Buffer.alloc(0))
const nothing = fc.constant('')
const ofStore = fc.tuple(u32, exptime).map(([flags, time]) => words(flags, time))
const ofTouch = exptime.map(time => words(time))
const ofDelta = fc
  .tuple(fc.constantFrom(0, 1, 9, 1000), fc.constantFrom(0, 5, 99), fc.constantFrom(0, 0xffffffff))
  .map(([delta, initial, time]) => words(0, delta, 0, initial, time))

function of(
  opcodes: readonly number[],
  keys: fc.Arbitrary<string>,
  extras: fc.Arbitrary<Buffer>,
  values: fc.Arbitrary<string>,
): fc.Arbitrary<Request> {
  return fc.record({
    opcode: fc.constantFrom(...opcodes),
    key: keys,
    extras,
    value: values,
    opaque: u32,
    cas,
    wrong: fc.constant({ key: 0, extras: 0, body: 0 }),
    magic: fc.constant(0x80),
  })
}

const right = fc.oneof(
  { weight: 10, arbitrary: of([0x01, 0x02, 0x03, 0x11, 0x12, 0x13], key, ofStore, value) },
  { weight: 4, arbitrary: of([0x0e, 0x0f, 0x19, 0x1a], key, none, value) },
  { weight: 8, arbitrary: of([0x00, 0x09, 0x0c, 0x0d], key, none, nothing) },
  { weight: 4, arbitrary: of([0x04, 0x14], key, none, nothing) },
  { weight: 6, arbitrary: of([0x05, 0x06, 0x15, 0x16], key, ofDelta, nothing) },
  { weight: 5, arbitrary: of([0x1c, 0x1d, 0x1e, 0x23, 0x24], key, ofTouch, nothing) },
  {
    weight: 1,
    arbitrary: of([0x08, 0x18], nothing, fc.oneof(none, fc.constant(words(0))), nothing),
  },
  { weight: 1, arbitrary: of([0x0a, 0x0b], nothing, none, nothing) },
  // Unknown here, SASL included: nobody asked for it.
  { weight: 1, arbitrary: of([0x1b, 0x20, 0x25, 0x30, 0x77, 0xff], nothing, none, nothing) },
  { weight: 1, arbitrary: of([0x21, 0x22], fc.constant('PLAIN'), none, fc.constant('\0u\0p')) },
  { weight: 1, arbitrary: of([0x10], fc.constantFrom('nothing', 'detail'), none, nothing) },
)
/** Each of these ends the connection, whatever is asked … */
const wrongSizes = fc.constantFrom(
  { key: 0, extras: 1, body: 0 },
  { key: 0, extras: -1, body: 0 },
  { key: 0, extras: 4, body: 4 },
  { key: 300, extras: 0, body: 300 },
)
/** … unless there is no such command, or a choice of extras. */
const FREE: readonly number[] = [0x08, 0x18, 0x1b, 0x20, 0x25, 0x30, 0x77, 0xff]
const strict = right.filter(one => !FREE.includes(one.opcode))
const ending = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(strict, wrongSizes).map(([one, wrong]) => ({ ...one, wrong })) },
  { weight: 1, arbitrary: right.map(one => ({ ...one, magic: 0x81 })) },
  { weight: 1, arbitrary: of([0x07, 0x17], nothing, none, nothing) },
)

function frame(request: Request, uniqueOf: (cas: number) => bigint): Buffer {
  const { extras, opaque, opcode, magic, wrong } = request
  const text = Buffer.from(request.key, 'latin1')
  const body = Buffer.concat([extras, text, Buffer.from(request.value, 'latin1')])
  const keySize = text.length + wrong.key
  const extrasSize = (extras.length + wrong.extras) & 0xff
  const header = Buffer.alloc(HEADER)
  header[0] = magic
  header[1] = opcode
  header.writeUInt16BE(keySize, 2)
  header[4] = extrasSize
  header.writeUInt32BE(body.length + wrong.body, 8)
  header.writeUInt32BE(opaque, 12)
  header.writeBigUInt64BE(request.cas === 0 ? 0n : uniqueOf(request.cas), 16)
  // memcached wants to see as much as the header promises before it answers.
  const missing = Math.max(0, keySize + extrasSize - body.length)
  return Buffer.concat([header, body, Buffer.alloc(missing, 0x6b)])
}

const mark = Buffer.alloc(HEADER)
mark[0] = 0x80
mark[1] = NOOP
mark.writeUInt32BE(MARK, 12)

class Side {
  readonly #server: ServerProcess
  /** Uniques in the order met. */
  readonly #met: bigint[] | undefined
  #connection: TestConnection | undefined
  #base = 0n

  constructor(server: ServerProcess, namesCas: boolean) {
    this.#server = server
    this.#met = namesCas ? [] : undefined
  }

  /** What a request sends for a distance or a place; nobody has a unique that was never met. */
  uniqueOf(cas: number): bigint {
    if (this.#met === undefined) return this.#base + BigInt(cas)
    return this.#met[cas - 1] ?? NEVER + BigInt(cas)
  }

  describeCas(unique: bigint): string {
    if (unique === 0n) return '0'
    if (this.#met === undefined) return `+${unique - this.#base}`
    if (!this.#met.includes(unique)) this.#met.push(unique)
    return `#${this.#met.indexOf(unique)}`
  }

  async ask(bytes: Buffer, pieces: readonly number[], closes: boolean): Promise<Buffer> {
    this.#connection ??= await TestConnection.open(this.#server)
    const connection = this.#connection
    const all = closes ? bytes : Buffer.concat([bytes, mark])
    await connection.sendPieces(cut(all, pieces), 0)
    if (!closes) return connection.receiveUntil(reply(MARK))
    this.#connection = undefined
    const answer = await connection.receiveEnd()
    connection.close()
    return answer
  }

  async readBase(): Promise<void> {
    const set = { opcode: 0x01, key: 'probe', extras: words(0, 0), value: 'x', opaque: 0, cas: 0 }
    const sizes = { wrong: { key: 0, extras: 0, body: 0 }, magic: 0x80 }
    const answer = await this.ask(
      frame({ ...set, ...sizes }, () => 0n),
      [],
      false,
    )
    this.#base = answer.readBigUInt64BE(16)
    if (this.#met !== undefined) this.#met.length = 0
  }

  close(): void {
    this.#connection?.close()
  }
}

function reply(opaque: number): Buffer {
  const bytes = Buffer.alloc(HEADER)
  bytes[0] = 0x81
  bytes[1] = NOOP
  bytes.writeUInt32BE(opaque, 12)
  return bytes
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  pieces.push(bytes.subarray(at))
  return pieces.filter(piece => piece.length > 0)
}

/** One line a reply: its header in fields, the cas as told, the version's text left out. */
function describeReplies(bytes: Buffer, side: Side): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; ) {
    expect(bytes.length - at, 'a whole header').toBeGreaterThanOrEqual(HEADER)
    const end = at + HEADER + bytes.readUInt32BE(at + 8)
    const unique = bytes.readBigUInt64BE(at + 16)
    const isVersion = bytes[at + 1] === 0x0b && bytes.readUInt16BE(at + 6) === 0
    const head = bytes.toString('hex', at, isVersion ? at + 8 : at + 16)
    const body = isVersion ? '' : bytes.toString('latin1', at + HEADER, end)
    lines.push(`${head} ${side.describeCas(unique)} ${JSON.stringify(body)}`)
    at = end
  }
  return lines
}

const pieces = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 })
const batch = fc.record({
  requests: fc.array(right, { minLength: 1, maxLength: 20, size: 'max' }),
  ending: fc.option(ending, { freq: 5 }),
  pieces,
})
const COUNTING: readonly number[] = [0x05, 0x06, 0x15, 0x16]
const FLUSHES: readonly number[] = [0x08, 0x18]

describe.each([...oraclePairs, ...routedPairs])(
  'binary oracle ($name)',
  ({ oracle, target, name }) => {
    const servers: ServerProcess[] = []
    const sides: Side[] = []
    beforeAll(async () => {
      for (const one of [oracle, target]) {
        const server = await one.start()
        servers.push(server)
        sides.push(new Side(server, oracle.kind === 'newer'))
      }
    })
    afterAll(async () => {
      for (const side of sides) side.close()
      for (const server of servers) await server.stop()
    })

    const counted = { requests: 0 }

    test('generated requests are answered as memcached answers them', async () => {
      const wanted = target === oracle ? 1_000 : REQUESTS_MIN
      const batches = fc.array(batch, { minLength: 4, maxLength: 8 })
      const property = fc.asyncProperty(batches, list => play(sides, list, counted))
      for (let round = 0; counted.requests < wanted; round += 1) {
        await fc.assert(property, { seed: seed + round, numRuns: RUNS, endOnFailure: true })
      }
      console.log(`binary oracle: ${counted.requests} requests on ${name}, seed ${seed}`)
    }, 30_000)
  },
)

async function play(
  sides: readonly Side[],
  list: readonly Batch[],
  counted: { requests: number },
): Promise<void> {
  const same = async (requests: readonly Request[], sizes: number[], closes: boolean) => {
    if (requests.length === 0) return
    counted.requests += requests.length
    await compare(sides, requests, sizes, closes)
  }
  await same([flush()], [], false)
  await Promise.all(sides.map(side => side.readBase()))
  for (const { requests, ending: last, pieces: sizes } of list) {
    let pending: Request[] = []
    for (const one of requests) {
      if (COUNTING.includes(one.opcode)) {
        await same(pending, sizes, false)
        pending = []
      }
      pending.push(one)
      if (!FLUSHES.includes(one.opcode)) continue
      await same(pending, sizes, false)
      pending = []
      await Promise.all(sides.map(side => side.readBase()))
    }
    // By itself: memcached drops quiet answers that wait when a request ends the connection. And
    // whole: what comes after the end resets the connection, and the reset takes the answer along.
    await same(pending, sizes, false)
    if (last !== null) await same([last], [], true)
  }
}

async function compare(
  sides: readonly Side[],
  requests: readonly Request[],
  sizes: number[],
  closes: boolean,
): Promise<void> {
  const answers = await Promise.all(
    sides.map(async side => {
      const bytes = Buffer.concat(requests.map(one => frame(one, cas => side.uniqueOf(cas))))
      return describeReplies(await side.ask(bytes, sizes, closes), side)
    }),
  )
  expect(answers[1], JSON.stringify(requests)).toEqual(answers[0])
}

type Batch = typeof batch extends fc.Arbitrary<infer T> ? T : never

function flush(): Request {
  const sizes = { wrong: { key: 0, extras: 0, body: 0 }, magic: 0x80 }
  return { opcode: 0x08, key: '', extras: Buffer.alloc(0), value: '', opaque: 0, cas: 0, ...sizes }
}
