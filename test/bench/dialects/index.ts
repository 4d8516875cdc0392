/** THE LIST of measured dialects: one line a protocol. */
import type { Dialect } from './dialect.ts'
import { guidChunksDialect } from './guid-chunks.ts'
import { otaSocketDialects } from './ota-sockets.ts'
import { resumableDialect } from './resumable.ts'
import { updatePageDialects } from './update-pages.ts'

export const dialects: readonly Dialect[] = [
  resumableDialect,
  guidChunksDialect,
  ...updatePageDialects,
  ...otaSocketDialects,
]
