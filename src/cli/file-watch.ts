/**
 * Tells when a file has changed, by looking at it once a second: that notices a file that is
 * replaced, one behind a symbolic link that is (Kubernetes), and network file systems. What is
 * still being written is left alone until it has stayed the same for two looks.
 */
import { stat } from 'node:fs/promises'

const LOOK_MS = 1000
/** To see a change a second time. */
const SETTLE_MS = 200

/** Returns what ends it. `lookMs`: for tests. */
export function watchFile(path: string, onChange: () => void, lookMs = LOOK_MS): () => void {
  let known: string | undefined
  let seen: string | undefined
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  const later = (ms: number): void => {
    if (isStopped) return
    timer = setTimeout(() => void look(), ms)
    timer.unref()
  }
  const look = async (): Promise<void> => {
    const now = await stateOf(path)
    if (isStopped) return
    known ??= now
    const isOther = now !== undefined && now !== known
    if (isOther && now === seen) {
      known = now
      onChange()
    }
    seen = now
    later(isOther && known !== now ? Math.min(SETTLE_MS, lookMs) : lookMs)
  }
  void look()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}

/** Undefined: it is not there, perhaps for this moment only. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { mtimeNs, size, ino, dev } = await stat(path, { bigint: true })
    return `${mtimeNs} ${size} ${dev}:${ino}`
  } catch {
    return undefined
  }
}
