import type { TlsCounters, TlsDoors } from './tls-door.ts'
import type { TlsMaterial } from './tls-material.ts'

/** node:tls and what it needs are loaded where there are secure listeners: 2 MB a thread. */
export async function openDoors(material: TlsMaterial, counters: TlsCounters): Promise<TlsDoors> {
  const { TlsDoors } = await import('./tls-door.ts')
  return new TlsDoors(material, counters)
}
