/** The part of the npm package `hashring` 3 that is used here; it ships no types. */
declare module 'hashring' {
  type Options = { 'vnode count'?: number; replicas?: number; 'max cache size'?: number }
  class HashRing {
    constructor(
      servers: readonly string[] | Readonly<Record<string, number>>,
      algorithm?: string,
      options?: Options,
    )
    /** The continuum, ascending by `value`. */
    readonly ring: readonly { readonly value: number; readonly server: string }[]
    get(key: string): string | undefined
  }
  export default HashRing
}
