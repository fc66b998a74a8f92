import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Discovery } from '../../../../src/cluster/discovery/discovery.ts'
import {
  checkedNodes,
  DiscoveryError,
  FOUND_NODES_MAX,
  type FoundNode,
} from '../../../../src/cluster/discovery/found-node.ts'

const INTERVAL_MS = 1000

function node(label: string, host = '10.0.0.1'): FoundNode {
  return { label, host, port: 11211 }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** What each poll finds, the last one for ever; an Error is thrown. */
function discovery(answers: readonly (readonly FoundNode[] | Error)[], random = 0.5) {
  const said: string[] = []
  let asked = 0
  const found = new Discovery({
    source: {
      description: 'a list',
      find: () => {
        const answer = answers[Math.min(asked, answers.length - 1)]!
        asked += 1
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
      },
    },
    intervalMs: INTERVAL_MS,
    random: () => random,
    onChange: nodes => said.push(nodes.map(({ label, host }) => `${label}@${host}`).join(' ')),
    onTrouble: reason => said.push(`trouble: ${reason}`),
    onRecovery: () => said.push('recovery'),
  })
  return { found, said, asked: () => asked }
}

describe('Discovery', () => {
  test('a change counts when it has been seen twice in a row', async () => {
    const [a, b] = [node('a'), node('b')]
    const { found, said, asked } = discovery([[a], [a], [a, b], [a, b]])
    expect(await found.start()).toEqual([a])
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 2)
    expect([asked(), said]).toEqual([3, []])
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 0.2)
    expect(said).toEqual(['a@10.0.0.1 b@10.0.0.1'])
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 5)
    expect(said).toHaveLength(1)
    found.stop()
  })

  test('an answer that is cut short once, or rotates, changes nothing', async () => {
    const all = [node('a'), node('b'), node('c')]
    const { found, said } = discovery([all, [all[0]!], [all[1]!], [all[2]!], all])
    await found.start()
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 10)
    expect(said).toEqual([])
    found.stop()
  })

  test('a new address of the same node is a change', async () => {
    const { found, said } = discovery([[node('a')], [node('a', '10.0.0.9')]])
    await found.start()
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 2)
    expect(said).toEqual(['a@10.0.0.9'])
    found.stop()
  })

  test('without an answer what was known stays, and that is said once', async () => {
    const gone = new DiscoveryError('no answer')
    const { found, said } = discovery([[node('a')], gone, gone, gone, [node('a')], gone, gone])
    await found.start()
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 8)
    expect(said).toEqual(['trouble: no answer', 'recovery', 'trouble: no answer'])
    found.stop()
  })

  test('the first answer must be one', async () => {
    const { found } = discovery([new DiscoveryError('no answer')])
    await expect(found.start()).rejects.toThrow('no answer')
  })

  test.each([
    [0, 0.8],
    [0.9999, 1.2],
  ])('polls are spread: random %d comes after %d intervals', async (random, share) => {
    const { found, asked } = discovery([[node('a')]], random)
    await found.start()
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * share - 2)
    expect(asked()).toBe(1)
    await vi.advanceTimersByTimeAsync(3)
    expect(asked()).toBe(2)
    found.stop()
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 10)
    expect(asked()).toBe(2)
  })
})

describe('checkedNodes', () => {
  test('are in the order of their labels', () => {
    const labels = checkedNodes([node('c'), node('a'), node('b')], 'x').map(({ label }) => label)
    expect(labels).toEqual(['a', 'b', 'c'])
  })

  test.each([
    [0, 'x has no nodes'],
    [FOUND_NODES_MAX, ''],
    [FOUND_NODES_MAX + 1, 'x has 501 nodes, expected at most 500'],
    [100_000, 'x has 100000 nodes, expected at most 500'],
  ])('%i nodes', (count, message) => {
    const nodes = Array.from({ length: count }, (_, index) => node(`n${index}`))
    if (message === '') expect(checkedNodes(nodes, 'x')).toHaveLength(count)
    else expect(() => checkedNodes(nodes, 'x')).toThrow(message)
  })

  test('two by one name are refused', () => {
    const nodes = [node('a', '10.0.0.1'), node('b', '10.0.0.2'), node('a', '10.0.0.3')]
    expect(() => checkedNodes(nodes, 'x')).toThrow(
      'x has 10.0.0.1:11211 and 10.0.0.3:11211, both by the name of a',
    )
  })
})
