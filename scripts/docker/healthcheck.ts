/**
 * The image's health check: a server that answers on loopback is healthy, also if the answer is
 * that one must log in. Exit code 0 or 1. `MEMRING_HEALTH_PORT` is for a container with another
 * port than 11211.
 */
import { connect } from 'node:net'

const TIMEOUT_MS = 3_000

const port = Number(process.env['MEMRING_HEALTH_PORT'] ?? 11_211)
const socket = connect({ host: '127.0.0.1', port })
socket.setTimeout(TIMEOUT_MS, () => end(1, `nothing answers within ${TIMEOUT_MS} ms`))
socket.on('connect', () => socket.write('version\r\n'))
socket.on('data', () => end(0, 'answers'))
socket.on('error', error => end(1, error.message))
socket.on('close', () => end(1, 'closed without an answer'))

/** Docker keeps what a check prints and shows it in `docker inspect`. */
function end(code: number, message: string): void {
  console.log(`127.0.0.1:${port} ${message}`)
  process.exit(code)
}
