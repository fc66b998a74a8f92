/** One question to a memcached server, in the text protocol, on a connection of its own. */
import { connect } from 'node:net'
import { DiscoveryError } from './found-node.ts'

export type Login = { readonly name: string; readonly password: string }

export type AskOptions = {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  /** Where the server asks for one (ASCII authentication). */
  readonly login?: Login | undefined
}

const ANSWER_BYTES_MAX = 256 * 1024
const LOGGED_IN = 'STORED\r\n'

/**
 * The answer, up to and with its last line.
 * @param line without its line end
 * @param isWhole whether nothing more will come
 * @throws DiscoveryError when it does not answer in time, or says more than 256 KiB.
 */
export function ask(
  { host, port, timeoutMs, login }: AskOptions,
  line: string,
  isWhole: (answer: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = `${host}:${port}`
    const socket = connect({ host, port })
    const fail = (reason: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new DiscoveryError(`${where} ${reason}`))
    }
    const timer = setTimeout(() => fail(`did not answer within ${timeoutMs} ms`), timeoutMs)
    let answer = ''
    let awaitsLogin = login !== undefined
    socket.on('error', error => fail(`cannot be asked: ${error.message}`))
    socket.on('close', () => fail('hung up'))
    socket.on('connect', () => socket.write(`${loginOf(login)}${line}\r\n`))
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1')
      if (awaitsLogin && answer.includes('\r\n')) {
        if (!answer.startsWith(LOGGED_IN)) return fail('refused the login')
        awaitsLogin = false
        answer = answer.slice(LOGGED_IN.length)
      }
      if (answer.length > ANSWER_BYTES_MAX) return fail('says too much')
      if (awaitsLogin || !isWhole(answer)) return
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    })
  })
}

/** As memcached's ASCII authentication wants it. */
function loginOf(login: Login | undefined): string {
  if (login === undefined) return ''
  const data = `${login.name} ${login.password}`
  return `set auth 0 0 ${Buffer.byteLength(data)}\r\n${data}\r\n`
}
