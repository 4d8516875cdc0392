/** The kind `resumable` of virtual devices: servers that Resumable.js uploads to (seed 2). */
import { instantTimes } from '../board/board-options.ts'
import type { DeviceKind, StartOptions } from '../device-kind.ts'
import { resumableFaults } from './faults.ts'
import { startResumableServer, type ResumableServerOptions } from './server.ts'

const traits = {
  node: { profile: 'node' },
  'checks-size': { checksSizes: true },
  octet: { takesRawBodies: true },
  small: { isSmall: true },
  telemetry: { telemetry: true },
  instant: instantTimes,
} as const satisfies Record<string, Partial<ResumableServerOptions>>

export const resumableKind: DeviceKind = {
  id: 'resumable',
  traits,
  faults: resumableFaults,
  start: async (options: StartOptions) => (await startResumableServer(options)).device,
}
