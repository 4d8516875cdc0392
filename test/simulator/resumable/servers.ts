/** Servers for Resumable.js of one test file, switched off after each test. */
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import type { FileServer } from '../../../src/simulator/board/file-server.ts'
import type { NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import {
  startResumableServer,
  type ResumableServer,
  type ResumableServerOptions,
} from '../../../src/simulator/resumable/server.ts'
import { closedAfterEach } from '../started-devices.ts'

export interface RunningServer {
  readonly device: FileServer
  readonly target: string
  readonly peakUploads: ResumableServer['peakUploads']
}

/** Gives a starter of servers without modelled times. */
export function serversOfThisFile(): (options?: ResumableServerOptions) => Promise<RunningServer> {
  const remember = closedAfterEach()
  return async options => {
    const { device, peakUploads } = await startResumableServer({ ...instantTimes, ...options })
    return { device: remember(device), target: device.target, peakUploads }
  }
}

/** A fault with its parameters, as a specification would hold it. */
export function fault(name: string, parameters: Readonly<Record<string, unknown>> = {}): NamedFault {
  return { name, ...parameters }
}
