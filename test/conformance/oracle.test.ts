// The oracle: generated commands, sent to Debian's memcached and to a node, must be answered with
// the same bytes. The seed is printed; MEMRING_SEED repeats a run, and fast-check shrinks what
// fails to the shortest sequence of steps.

import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServerProcess } from '../support/processes.ts'
import { oraclePairs, routedPairs, type Target } from '../support/targets.ts'
import { type Step, steps } from './oracle-commands.ts'
import { Pair, Side } from './oracle-pair.ts'

const COMMANDS_MIN = process.env['MEMRING_TEST_ALL'] === '1' ? 300_000 : 20_000
const RUNS = 25
const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 2 ** 31)

// memcached against itself too: what fails there is a mistake of this test, not of a node.
describe.each([...oraclePairs, ...routedPairs.slice(0, 1)])(
  'oracle ($name)',
  ({ oracle, target, name }) => {
    const servers: ServerProcess[] = []
    const sides: Side[] = []
    beforeAll(async () => {
      for (const one of [oracle, target]) {
        const server = await one.start()
        servers.push(server)
        sides.push(await Side.open(server, one.version(), oracle.kind === 'newer'))
      }
    })
    afterAll(async () => {
      for (const side of sides) side.close()
      for (const server of servers) await server.stop()
    })

    test('a generated sequence is answered as memcached answers it', async () => {
      const [there, here] = sides
      if (there === undefined || here === undefined) throw new Error('Cannot compare: no servers')
      const pair = new Pair(there, here)
      const itself = target === oracle
      const kind = oracle.kind === 'newer' ? 'newer' : 'older'
      const commandsMin = itself ? 1_000 : COMMANDS_MIN
      for (let round = 0; pair.commandCount < commandsMin; round += 1) {
        await fc.assert(
          fc.asyncProperty(steps[kind], list =>
            play(
              pair,
              list.map(step => told(step, oracle, itself)),
            ),
          ),
          { seed: seed + round, numRuns: RUNS },
        )
      }
      console.log(`oracle: ${pair.commandCount} commands on ${name}, seed ${seed}`)
      expect(pair.commandCount).toBeGreaterThanOrEqual(commandsMin)
    }, 180_000)
  },
)

async function play(pair: Pair, list: readonly Step[]): Promise<void> {
  await pair.begin()
  for (const step of list) await pair.run(step)
}

/** What this oracle, and maybe a second one, is to answer. */
function told(step: Step, oracle: Target, itself: boolean): Step {
  if (step.kind !== 'differs') return step
  const memcached = oracle.kind === 'newer' ? (step.newer ?? step.node) : step.memcached
  return { ...step, memcached, node: itself ? memcached : step.node }
}
