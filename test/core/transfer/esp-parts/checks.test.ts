import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobSnapshot, TelemetrySample } from '../../../../src/shared/contract/models.ts'
import { judgeImage } from '../../../../src/core/transfer/esp-parts/checks.ts'
import { reachOf } from '../../../../src/core/transfer/esp-parts/reach.ts'
import type { VirtualEsp32Options } from '../../../../src/simulator/virtual-esp32.ts'
import { buildDemoFirmware } from '../../../../src/core/formats/esp-image/demo-firmware.ts'
import { buildTestImage } from '../../../simulator/test-image.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'
import { fakeHexInspection } from '../../../renderer/fake-models.ts'

const sample: TelemetrySample = { at: '', elapsedMs: 0, source: 'http-json' }
const everything = { chunkBytes: null, hasHash: true, hasStatus: true, hasSession: true }

describe('what a device can prove', () => {
  it.each([
    ['nothing more than OK without endpoints', null, null, { stored: 'no', received: 'no', running: 'no' }],
    ['the flash with a hash', everything, null, { stored: 'yes', received: 'yes', running: 'no' }],
    ['nothing of the flash with a status alone', { ...everything, hasHash: false }, null, { stored: 'no' }],
    ['no restart without a boot count or an uptime', everything, { ...sample, appVersion: '1' }, { running: 'no' }],
    ['no restart without the name of an app', everything, { ...sample, bootCount: 1 }, { running: 'no' }],
    [
      'perhaps the restart, as long as no image is known',
      everything,
      { ...sample, uptimeMs: 1, appElfSha256: 'ab' },
      { running: 'unknown', confirmed: 'unknown' },
    ],
  ] as const)('%s', (_name, capabilities, telemetry, expected) => {
    expect(reachOf(capabilities, telemetry, null)).toMatchObject({ sent: 'yes', acknowledged: 'yes', ...expected })
  })
})

describe('an image for another family of chips', () => {
  it('is said beforehand when it looks like one for an STM32, and not refused: a gateway may pass it on', () => {
    const image = { sizeBytes: 98_304, targetPath: '', isResume: false, isUploadBegun: false }
    const roomy = { ...sample, flashTotalBytes: 4_000_000, flashUsedBytes: 0 }
    const codes = (isPlausible: boolean): string[] =>
      judgeImage(
        {
          ...image,
          inspection: fakeHexInspection({
            stm32: { stackPointer: 0x2000_5000, resetVector: 0x0800_0131, isPlausible },
          }),
        },
        roomy,
      ).map(judgement => `${judgement.kind} ${judgement.kind === 'refusal' ? judgement.error.code : judgement.code}`)
    expect(codes(true)).toEqual(['warning stm32-image'])
    expect(codes(false)).toEqual([])
  })
})

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

/** Flashes one board and says how many chunks it was sent. */
async function flash(
  options: VirtualEsp32Options,
  image: Uint8Array,
  order: { readonly accept?: string[]; readonly require?: 'stored' | 'running' } = {},
): Promise<{ readonly job: JobSnapshot | undefined; readonly chunks: number }> {
  const board = await bench.board(options)
  const [job] = await bench.flash({ targets: [board.target], ...order }, image)
  return { job, chunks: board.stats.chunkPosts.length }
}

describe('before the first byte', () => {
  const kibibyte = 1024

  it.each([
    [
      'another chip',
      {},
      buildDemoFirmware({ sizeBytes: 4096, version: '1', seed: 1, chip: 'ESP32-C3' }),
      'image.wrong-chip',
    ],
    ['a damaged checksum', {}, buildTestImage({ fault: 'checksum' }), 'image.corrupt'],
    ['a damaged hash', {}, buildTestImage({ fault: 'hash' }), 'image.corrupt'],
    ['an image cut off', {}, demoImage(64 * kibibyte).slice(0, 40 * kibibyte), 'image.corrupt'],
    ['more than the room', { fileSystemBytes: 32 * kibibyte }, demoImage(64 * kibibyte), 'device.no-space'],
    [
      'tight room that nobody accepted',
      { fileSystemBytes: 128 * kibibyte },
      demoImage(64 * kibibyte),
      'job.decision-needed',
    ],
  ] as const)('%s is refused', async (_name, options, image, code) => {
    const { job, chunks } = await flash(options, image)
    expect(job).toMatchObject({
      state: 'failed',
      error: { code },
      boardNow: 'old-firmware',
      unplug: 'safe',
      verdict: null,
    })
    expect(chunks).toBe(0)
  })

  it('tight room is taken when a person accepted it, and the decision is kept', async () => {
    const { job } = await flash({ fileSystemBytes: 160 * kibibyte }, demoImage(64 * kibibyte), {
      accept: ['tight-space'],
    })
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven' })
    expect(job?.decisions).toMatchObject([{ code: 'tight-space', answer: 'accept' }])
  })

  it('a level that the device cannot reach is refused', async () => {
    const features = { hash: false, telemetry: false }
    for (const require of ['stored', 'running'] as const) {
      const { job, chunks } = await flash({ features }, demoImage(), { require })
      expect([job?.error?.code, chunks]).toEqual(['require.unreachable-level', 0])
    }
  })

  it('a file that is no application is sent, and can be proven too', async () => {
    const { job } = await flash(
      {},
      Uint8Array.from({ length: 10_001 }, (_, index) => (index * 7) & 0xff),
    )
    expect(job).toMatchObject({ state: 'finished', verdict: 'proven', provenLevel: 'stored' })
  })
})
