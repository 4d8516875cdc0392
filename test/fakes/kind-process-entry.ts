/** One virtual device in a process of its own, so that a measured process holds nothing of it. */
import { createHash } from 'node:crypto'
import { deviceKinds } from '../../src/simulator/device-kinds.ts'
import type { StartOptions } from '../../src/simulator/device-kind.ts'

export interface KindProcessRequest {
  readonly kindId: string
  readonly options: StartOptions
}

process.once('disconnect', () => process.exit(0))
process.once('message', (request: KindProcessRequest) => {
  void start(request)
})

async function start({ kindId, options }: KindProcessRequest): Promise<void> {
  const kind = deviceKinds.find(({ id }) => id === kindId)
  if (kind === undefined) throw new Error(`there is no kind ${kindId}`)
  const device = await kind.start({ ...kind.traits['instant'], ...options })
  process.send?.({ target: device.target, telemetryUrl: device.telemetryUrl ?? null })
  process.on('message', () => {
    const stored = device.stored() ?? device.activeImage()
    process.send?.({ storedHex: stored === null ? null : digest(stored) })
  })
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
