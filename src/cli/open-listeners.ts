/** Which listeners of a node let in whoever can reach them, where nobody has to log in. */
import { isLoopback } from '../cluster/address.ts'
import { TlsVerify } from '../net/tls-material.ts'
import type { NodeOptions } from '../server/options.ts'

type Reach = Pick<NodeOptions, 'listen' | 'allow' | 'tls'>

export function openListeners({ listen, allow, tls }: Reach): NodeOptions['listen'] {
  if (allow !== undefined) return []
  const verify = tls?.verify
  const isStrict = verify === TlsVerify.require || verify === TlsVerify.once
  return listen.filter(({ host, secure }) => {
    const wantsCertificate = secure === 'mtls' || (secure === 'tls' && isStrict)
    return !host.startsWith('/') && !isLoopback(host) && !wantsCertificate
  })
}
