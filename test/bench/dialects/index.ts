/** THE LIST of measured dialects: one line a protocol. */
import type { Dialect } from './dialect.ts'
import { fotaPullDialect } from './fota-pull.ts'
import { stm32BridgeDialect } from './stm32-bridge.ts'
import { guidChunksDialect } from './guid-chunks.ts'
import { otaSocketDialects } from './ota-sockets.ts'
import { resumableDialect } from './resumable.ts'
import { updatePageDialects } from './update-pages.ts'

export const dialects: readonly Dialect[] = [
  resumableDialect,
  guidChunksDialect,
  ...updatePageDialects,
  ...otaSocketDialects,
  fotaPullDialect,
  stm32BridgeDialect,
]
