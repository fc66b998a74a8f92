/** Two threads, made deterministic: one runs where the other would have lost the processor. */
import type { Store } from '../../../src/store/store.ts'
import { makeStore, setOf, type TestStore, type TestStoreOptions, valueOf } from './support.ts'

/** 13 MB of the smallest values that a flood is made of, into memory of 8 MB. */
export const FLOOD = 1_500

/** Fills memory several times over; whatever is there and unprotected goes. */
export function flood(store: Store, size = 9_000): void {
  for (let i = 0; i < FLOOD; i += 1) setOf(store, `flood-${i}`, valueOf(i, size))
}

/** A thread that loses the processor where it may not be is found out too. */
export function makeChecked(options: TestStoreOptions = {}): TestStore {
  return makeStore({ ...options, checked: true })
}

/** Runs `run` once, before or behind the next call of a method. */
export function around<T extends object>(
  target: T,
  name: keyof T & string,
  when: 'before' | 'after',
  run: () => void,
): void {
  const method = target[name] as (...args: unknown[]) => unknown
  let done = false
  const hooked = (...args: unknown[]): unknown => {
    const first = !done
    done = true
    if (first && when === 'before') run()
    const result = method.apply(target, args)
    if (first && when === 'after') run()
    return result
  }
  Object.assign(target, { [name]: hooked })
}

/** Where a key's item is. */
export function locate(store: Store, key: string): number {
  const item = store.find(Buffer.from(key), 0, key.length)
  store.unlock()
  return item
}
