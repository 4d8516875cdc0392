/** THE LIST of transfer protocols. */
import { espParts } from './esp-parts/protocol.ts'
import type { TransferProtocol } from './transfer-protocol.ts'

export const transferProtocols: readonly TransferProtocol[] = [espParts]
