/** Looks at every snapshot of a job while it runs: no word of success before the device holds the image. */
import type { Bench } from '../fakes/bench.ts'
import type { TransferDevice, TransferHarness } from './harnesses/transfer-harness.ts'
import { falseGreens, truthOf } from './true-end.ts'

export interface TruthWatch {
  readonly problems: readonly string[]
  stop(): void
}

export function watchTruth(
  bench: Bench,
  harness: TransferHarness,
  device: TransferDevice,
  image: Uint8Array,
): TruthWatch {
  const problems: string[] = []
  const stop = bench.watch(snapshot => {
    if (snapshot.target !== device.target) return
    // Reading the flash for every progress would take longer than the transfer.
    const isWordOfSuccess = snapshot.verdict === 'proven' || snapshot.boardNow === 'new-firmware'
    if (!isWordOfSuccess && snapshot.completion !== 'sent') return
    const truth = isWordOfSuccess ? truthOf(harness, device, image) : { isStored: true, isActive: undefined }
    problems.push(...falseGreens(snapshot, truth))
  })
  return { problems, stop }
}
