/** Erases more than is written, where a person asked for it and was asked back. */
import type { TransferContext } from '../transfer-protocol.ts'
import { passEdge } from './edge.ts'
import type { EspLoader } from './esp-loader.ts'
import type { EspOptions } from './options.ts'
import type { Plan } from './plan.ts'
import { SECTOR_BYTES } from './sectors.ts'

/** The choice of the app slot is left alone: the old app must start until the new one is proven. */
export function erasedWhole(writes: Plan['writes']): Plan['writes'] {
  return writes.filter(({ region }) => region.what !== 'otadata')
}

/** @throws {FlashproofError} loader.*, network.*, serial.* */
export async function eraseFirst(
  { erase }: Pick<EspOptions, 'erase'>,
  { writes }: Plan,
  loader: EspLoader,
  context: Pick<TransferContext, 'log' | 'checkpoint'>,
): Promise<void> {
  if (erase === 'none') return
  await passEdge(context)
  if (erase === 'chip') {
    context.log('warning', 'flash.erased', 'the whole flash is erased')
    await loader.eraseChip()
    return
  }
  const erased = new Set<number>()
  for (const { region } of erasedWhole(writes)) {
    if (erased.has(region.offset)) continue
    erased.add(region.offset)
    context.log('warning', 'flash.erased', `${region.place} is erased as a whole`)
    const sizeBytes = Math.ceil(region.sizeBytes / SECTOR_BYTES) * SECTOR_BYTES
    await loader.eraseRegion(region.offset, sizeBytes)
    await passEdge(context)
  }
}
