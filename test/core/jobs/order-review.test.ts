import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildDemoFirmware } from '../../../src/core/formats/esp-image/demo-firmware.ts'
import type { ReviewRequest } from '../../../src/core/jobs/order-review.ts'
import type { JobOrderRequest } from '../../../src/shared/contract/commands.ts'
import { TargetReview } from '../../../src/shared/contract/models.ts'
import type { VirtualEsp32Options } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

async function review(request: Omit<ReviewRequest, 'firmwareId'>, bytes = demoImage()): Promise<TargetReview[]> {
  const firmwareId = await bench.firmwareId(bytes)
  const reviews = await bench.station.review({ firmwareId, ...request }, new AbortController().signal)
  return reviews.map(each => TargetReview.parse(each))
}

function codes(found: TargetReview | undefined, severity: 'warning' | 'refusal'): string[] {
  return (found?.findings ?? []).filter(finding => finding.severity === severity).map(finding => finding.code)
}

describe('the review of an order', () => {
  it('says of a board that fits who it is, what it runs and what it can give, and writes nothing', async () => {
    const board = await bench.board()
    const [found] = await review({ targets: [board.target] })
    expect(found).toMatchObject({
      target: board.target,
      fits: true,
      protocol: 'esp-parts',
      appName: 'thermostat',
      versionNow: '1.0.0',
      versionNew: '2.1.1',
      required: 'stored',
      reach: { stored: 'yes' },
    })
    expect(found?.identity?.mac).toBe(board.identity.mac)
    expect(found?.heardAt).toMatch(/^\d{4}-/)
    expect(codes(found, 'refusal')).toEqual([])
    expect(board.stats.chunkPosts.reduce((sum, count) => sum + count, 0)).toBe(0)
  })

  it('keeps the order of the targets, and a silent one takes nothing from the others', async () => {
    const gone = await bench.board()
    const here = await bench.board()
    await gone.close()
    const found = await review({ targets: [gone.target, 'no-such-name', here.target, here.target] })
    expect(found.map(each => each.fits)).toEqual([false, false, true, false])
    expect(codes(found[0], 'refusal')).toEqual(['network.refused'])
    expect(found[0]?.heardAt).toBeNull()
    expect(codes(found[1], 'refusal')).toEqual(['target.unknown'])
    expect(codes(found[3], 'refusal')).toEqual(['target.invalid'])
  })

  it('asks sixty boards, more than at once, and answers for each', async () => {
    const boards = await Promise.all(Array.from({ length: 60 }, () => bench.board()))
    const found = await review({ targets: boards.map(board => board.target) })
    expect(found.map(each => each.target)).toEqual(boards.map(board => board.target))
    expect(found.every(each => each.fits)).toBe(true)
  })

  it.each([
    ['2.1.1', '2.1.1', 'same-version'],
    ['3.0.0', '2.1.1', 'downgrade'],
    ['2.1.1', '2.1.1-rc.1', 'downgrade'],
  ])('warns of a board with %s that is to get %s: %s', async (now, version, code) => {
    const board = await bench.board({ firmware: { version: now } })
    const [found] = await review({ targets: [board.target] }, buildDemoFirmware({ sizeBytes: 4096, version, seed: 1 }))
    expect(codes(found, 'warning')).toEqual([code])
    expect(found?.fits).toBe(true)
  })

  it('warns of bytes behind the image', async () => {
    const board = await bench.board()
    const image = demoImage(4096)
    const [found] = await review({ targets: [board.target] }, Buffer.concat([image, Buffer.alloc(20, 7)]))
    expect(codes(found, 'warning')).toContain('trailing-bytes')
  })

  it('says that a board which is being written is in use, without a request to it', async () => {
    const board = await bench.board({ faults: [{ name: 'slow', ms: 20 }] })
    const firmwareId = await bench.firmwareId(demoImage())
    const { jobIds } = await bench.station.engine.start({ firmwareId, targets: [board.target] })
    await bench.until(jobIds[0] ?? '', job => job.state === 'transferring')
    const [found] = await review({ targets: [board.target] })
    expect(codes(found, 'refusal')).toEqual(['device.busy'])
    expect(found?.heardAt).toBeNull()
    await bench.ended(jobIds[0] ?? '')
  })

  it('ends when its caller does', async () => {
    const board = await bench.board()
    const firmwareId = await bench.firmwareId(demoImage())
    const stop = new AbortController()
    stop.abort(new Error('gone'))
    await expect(bench.station.review({ firmwareId, targets: [board.target] }, stop.signal)).rejects.toThrow('gone')
  })
})

/** What the review refuses, a start refuses too: with the same code, before the first byte. */
const refusals: readonly [string, VirtualEsp32Options, Uint8Array, Partial<JobOrderRequest>][] = [
  ['image.wrong-chip', {}, buildDemoFirmware({ sizeBytes: 4096, version: '1', seed: 1, chip: 'ESP32-C3' }), {}],
  ['device.no-space', { fileSystemBytes: 64 * 1024 }, demoImage(128 * 1024), {}],
  ['require.unreachable-level', { features: { hash: false } }, demoImage(), { require: 'stored' }],
  ['protocol.unknown', {}, demoImage(), { protocol: 'none' }],
  ['option.unknown', {}, demoImage(), { options: { colour: 'red' } }],
]

describe('a start after the review', () => {
  it.each(refusals)('is refused with %s as the review said', async (code, options, image, order) => {
    const board = await bench.board(options)
    const { protocol, options: values, require } = order
    const [found] = await review(
      {
        targets: [board.target],
        ...(protocol === undefined ? {} : { protocol }),
        ...(values === undefined ? {} : { options: values }),
        ...(require === undefined ? {} : { require }),
      },
      image,
    )
    expect(codes(found, 'refusal')).toEqual([code])
    expect(found?.fits).toBe(false)
    for (const { text } of found?.findings ?? []) expect(text.vi).not.toBe(text.en)
    const told = await bench.flash({ targets: [board.target], ...order }, image).then(
      ([job]) => job?.error?.code,
      (error: unknown) => (error as { code: string }).code,
    )
    expect(told).toBe(code)
    expect(board.stats.chunkPosts.reduce((sum, count) => sum + count, 0)).toBe(0)
  })

  it('with firmware of another project wants its acceptance, which the review names with the word to type', async () => {
    const board = await bench.board({ firmware: { name: 'gateway' } })
    const [found] = await review({ targets: [board.target] })
    expect(found).toMatchObject({ fits: true })
    expect(found?.findings).toContainEqual({
      severity: 'warning',
      code: 'other-project',
      accept: 'other-project',
      typed: 'gateway',
      text: {
        en: 'This firmware is “thermostat”; the board runs “gateway”. Send it all the same?',
        vi: expect.stringContaining('gateway') as string,
      },
    })
    const [refused] = await bench.flash({ targets: [board.target] })
    expect(refused).toMatchObject({ state: 'failed', boardNow: 'old-firmware', error: { code: 'job.decision-needed' } })
    expect(refused?.error?.details).toMatchObject({ accept: 'other-project' })
    const [accepted] = await bench.flash({ targets: [board.target], accept: ['other-project'], acceptedBy: 'An' })
    expect(accepted).toMatchObject({ verdict: 'proven' })
    expect(accepted?.decisions).toMatchObject([{ code: 'other-project', answer: 'accept', answeredBy: 'An' }])
  })
})
