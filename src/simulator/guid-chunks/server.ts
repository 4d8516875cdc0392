/** A virtual server of seed 5. */
import { FileServer, type FileServerSettings } from '../board/file-server.ts'
import { instantFlash } from '../board/flash-time.ts'
import { guidChunksFaults } from './faults.ts'
import { GuidService, toPowerShellJson, type GuidServiceOptions } from './service.ts'

export interface GuidServerOptions extends FileServerSettings, Partial<GuidServiceOptions> {}

/**
 * Switches one on and resolves when it listens.
 * @throws {FlashproofError} option.invalid for a fault that does not exist or a value out of its range
 */
export function startGuidServer(options: GuidServerOptions = {}): Promise<FileServer> {
  const { isStrict = false, account = null } = options
  // A computer's disk takes no time beside a board's flash.
  return new FileServer(
    { flashSpeed: instantFlash, ...options },
    {
      faultTable: guidChunksFaults,
      createService: (board, files) => new GuidService(board, files, { isStrict, account }),
      writeJson: toPowerShellJson,
    },
  ).powerOn()
}
