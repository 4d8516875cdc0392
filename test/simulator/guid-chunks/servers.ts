/** Servers of seed 5 of one test file, switched off after each test. */
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import type { FileServer } from '../../../src/simulator/board/file-server.ts'
import { startGuidServer, type GuidServerOptions } from '../../../src/simulator/guid-chunks/server.ts'
import { closedAfterEach } from '../started-devices.ts'

/** Gives a starter of servers without modelled times. */
export function guidServersOfThisFile(): (options?: GuidServerOptions) => Promise<FileServer> {
  const remember = closedAfterEach()
  return async options => remember(await startGuidServer({ ...instantTimes, ...options }))
}
