/** Starts one virtual device in a process of its own. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { StartOptions } from '../../src/simulator/device-kind.ts'

export interface KindProcess {
  readonly target: string
  readonly telemetryUrl: string | null
  /** SHA-256 of what the device holds; null where it holds nothing. */
  storedSha256(): Promise<string | null>
  close(): Promise<void>
}

export async function startKindProcess(kindId: string, options: StartOptions): Promise<KindProcess> {
  const child = fork(fileURLToPath(new URL('kind-process-entry.ts', import.meta.url)), { serialization: 'advanced' })
  const answer = async (message: object): Promise<Record<string, unknown>> => {
    const answered = once(child, 'message')
    child.send(message)
    const [given]: unknown[] = await answered
    return typeof given === 'object' && given !== null ? { ...given } : {}
  }
  const { target, telemetryUrl } = await answer({ kindId, options })
  return {
    target: String(target),
    telemetryUrl: typeof telemetryUrl === 'string' ? telemetryUrl : null,
    async storedSha256() {
      const { storedHex } = await answer({ ask: 'stored' })
      return typeof storedHex === 'string' ? storedHex : null
    },
    async close() {
      if (child.exitCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
