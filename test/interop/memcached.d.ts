// The part of the npm package memcached that the tests use; the package has no types.
declare module 'memcached' {
  type Done<T> = (error: Error | undefined, result: T) => void
  export default class Memcached {
    constructor(servers: string | readonly string[], options?: Readonly<Record<string, unknown>>)
    get(key: string, done: Done<unknown>): void
    gets(key: string, done: Done<(Record<string, unknown> & { cas: string }) | undefined>): void
    getMulti(keys: readonly string[], done: Done<Record<string, unknown>>): void
    set(key: string, value: unknown, lifetime: number, done: Done<boolean>): void
    add(key: string, value: unknown, lifetime: number, done: Done<boolean>): void
    replace(key: string, value: unknown, lifetime: number, done: Done<boolean>): void
    append(key: string, value: string, done: Done<boolean>): void
    prepend(key: string, value: string, done: Done<boolean>): void
    cas(key: string, value: unknown, unique: string, lifetime: number, done: Done<boolean>): void
    incr(key: string, amount: number, done: Done<number | boolean>): void
    decr(key: string, amount: number, done: Done<number | boolean>): void
    del(key: string, done: Done<boolean>): void
    touch(key: string, lifetime: number, done: Done<boolean>): void
    end(): void
  }
}
