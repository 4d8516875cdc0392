/** A virtual device of a kind of the simulator, as a harness gives it to the suite. */
import type { VirtualDevice } from '../../../src/simulator/device-kind.ts'
import type { Bench } from '../../fakes/bench.ts'
import type { DeviceWish, TransferDevice } from './transfer-harness.ts'

/** @param options start options of the kind, such as those of its traits */
export async function kindDevice(
  bench: Bench,
  kindId: string,
  wish: DeviceWish,
  options: object = {},
): Promise<TransferDevice & { readonly virtual: VirtualDevice }> {
  const virtual = await bench.device(kindId, { ...options, ...wish })
  return {
    virtual,
    target: virtual.target,
    stored: () => virtual.stored(),
    activeImage: () => virtual.activeImage(),
    leftovers: () => virtual.leftovers(),
    dataRequests: () => virtual.dataRequests(),
    close: () => virtual.close(),
  }
}
