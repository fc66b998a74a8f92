// The part of memjs that the tests use; the package has no types.
declare module 'memjs' {
  export interface ClientOptions {
    readonly username?: string
    readonly password?: string
    readonly retries?: number
    readonly timeout?: number
    readonly conntimeout?: number
    readonly logger?: { log(...words: unknown[]): void }
  }
  export class Client {
    static create(servers: string, options?: ClientOptions): Client
    get(key: string): Promise<{ value: Buffer | null; flags: Buffer | null }>
    set(key: string, value: string | Buffer, options: { expires?: number }): Promise<boolean>
    delete(key: string): Promise<boolean>
    close(): void
  }
}
