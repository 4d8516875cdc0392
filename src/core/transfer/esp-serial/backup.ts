/** Keeps what a board holds before it is written over. */
import { formatAddress } from '../../../shared/units.ts'
import type { TransferContext } from '../transfer-protocol.ts'
import { passEdge } from './edge.ts'
import type { EspLoader } from './esp-loader.ts'
import type { EspOptions } from './options.ts'
import type { Plan } from './plan.ts'
import { SECTOR_BYTES, type FlashRange } from './sectors.ts'

/** @throws {FlashproofError} journal.disk-full, file.not-writable, loader.* */
export async function keepBackup(
  { backup }: Pick<EspOptions, 'backup'>,
  plan: Plan,
  loader: EspLoader,
  context: Pick<TransferContext, 'keepFile' | 'log' | 'checkpoint'>,
): Promise<void> {
  for (const { offset, sizeBytes } of rangesOf(backup, plan, loader.facts.flashBytes)) {
    await passEdge(context)
    const name = backup === 'flash' ? 'flash.bin' : `${formatAddress(offset)}.bin`
    const kept = await context.keepFile(name, loader.read(offset, sizeBytes))
    const what = `${String(kept.sizeBytes)} bytes from ${formatAddress(offset)}`
    context.log('info', 'backup.kept', `${what} are kept in ${kept.path} (SHA-256 ${kept.sha256})`)
  }
}

function rangesOf(backup: EspOptions['backup'], plan: Plan, flashBytes: number | null): readonly FlashRange[] {
  if (backup === 'none') return []
  if (backup === 'flash') return flashBytes === null ? [] : [{ offset: 0, sizeBytes: flashBytes }]
  return plan.writes.map(({ offset, bytes }) => ({
    offset,
    sizeBytes: Math.ceil(bytes.length / SECTOR_BYTES) * SECTOR_BYTES,
  }))
}
