/** The kind `guid-chunks` of virtual devices: servers of seed 5. */
import { instantTimes } from '../board/board-options.ts'
import type { DeviceKind, StartOptions } from '../device-kind.ts'
import { guidChunksFaults } from './faults.ts'
import { startGuidServer, type GuidServerOptions } from './server.ts'

const traits = {
  strict: { isStrict: true },
  login: { account: { username: 'technician', password: 'flash' } },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, Partial<GuidServerOptions>>

export const guidChunksKind: DeviceKind = {
  id: 'guid-chunks',
  traits,
  faults: guidChunksFaults,
  start: (options: StartOptions) => startGuidServer(options),
}
