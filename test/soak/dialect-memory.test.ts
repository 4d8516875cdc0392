/**
 * The engine’s memory while it sends a 16 MiB image in each dialect: the image once, and little beside it.
 * `FLASHPROOF_PROTOCOL=id` measures that protocol alone.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { transferProtocols } from '../../src/core/transfer/index.ts'
import { harnesses } from '../conformance/harnesses/index.ts'
import { openBench } from '../fakes/bench.ts'
import { startKindProcess } from '../fakes/kind-process.ts'

const IMAGE_BYTES = 16 * 1024 * 1024
/** Beyond the image itself. */
const MOST_BYTES = 6 * 1024 * 1024
const SAMPLE_MS = 25

setFlagsFromString('--expose-gc')
// Collected before each sample: what is left is really held. The flag right above makes it a function.
const collect = runInNewContext('gc') as () => void

function heldBytes(): number {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

const wantedId = process.env['FLASHPROOF_PROTOCOL']
const among = harnesses.filter(({ protocolId }) => wantedId === undefined || protocolId === wantedId)
const names = among.map(harness => [`${harness.protocolId} ${harness.variant ?? ''}`.trim(), harness] as const)

it.each(names)(
  '%s: 16 MiB, or the most that it carries, in flat memory',
  { timeout: 600_000 },
  async (name, harness) => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-memory-'))
    const image = harness.image(Math.min(IMAGE_BYTES, harness.largestBytes ?? IMAGE_BYTES))
    const wanted = harness.asStored?.(image) ?? image
    const digest = createHash('sha256').update(wanted).digest('hex')
    const sizeBytes = image.length
    const device = await startKindProcess(harness.protocolId, {
      ...harness.largeOptions,
      identity: { id: 'large', name: 'large' },
      faults: [],
      flashDir: folder,
      seed: 1,
    })
    const bench = await openBench()
    try {
      const firmwareId = await bench.firmwareId(image, harness.fileName)
      const beforeBytes = heldBytes()
      let peakBytes = beforeBytes
      const sampling = setInterval(() => {
        peakBytes = Math.max(peakBytes, heldBytes())
      }, SAMPLE_MS)
      const [job] = await bench.flash({
        firmwareId,
        targets: [device.target],
        protocol: harness.protocolId,
        options: { ...harness.options, ...harness.deviceOptions?.(device), ...harness.largeImageOptions },
        secrets: { ...harness.secrets },
        accept: [...(harness.accept ?? []), ...(asks(harness.protocolId, 'tight-space') ? ['tight-space'] : [])],
      })
      clearInterval(sampling)
      expect([job?.state, job?.verdict, job?.error]).toEqual(['finished', harness.best, null])
      expect(await device.storedSha256()).toBe(digest)
      // The job holds the image once; opening it here and in the library is counted before.
      const beyondBytes = peakBytes - beforeBytes - sizeBytes
      const size = `${String(Math.round(sizeBytes / 1024 / 1024))} MiB`
      console.info(`${name}, ${size}: ${(beyondBytes / 1024 / 1024).toFixed(1)} MiB beyond the image`)
      expect(beyondBytes).toBeLessThan(MOST_BYTES)
    } finally {
      await bench.close()
      await device.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

function asks(protocolId: string, code: string): boolean {
  return transferProtocols.some(({ descriptor }) => descriptor.id === protocolId && descriptor.decisions.includes(code))
}
