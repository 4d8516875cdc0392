import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seedFeatures } from '../../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../../fakes/bench.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

describe('esp-parts to a virtual board', () => {
  it('proves the stored image by a fresh hash', async () => {
    const board = await bench.board()
    const image = demoImage()
    const [job] = await bench.flash({ targets: [board.target] }, image)
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'proven',
      provenLevel: 'stored',
      boardNow: 'new-firmware',
      unplug: 'safe',
      error: null,
    })
    expect(board.flash.readTarget('app-1.bin')).toEqual(image)
  })

  it('shows no more than acknowledged for a device without optional endpoints', async () => {
    const board = await bench.board({ features: seedFeatures })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'acknowledged',
      required: 'acknowledged',
      boardNow: 'unknown',
    })
    expect(job?.warnings.join(' ')).toContain('cannot prove')
  })

  it('catches a device that stores other bytes than it acknowledged', async () => {
    const board = await bench.board({ faults: [{ name: 'liar' }] })
    const [job] = await bench.flash({ targets: [board.target] })
    expect(job).toMatchObject({ state: 'finished', verdict: 'unproven', reason: 'contradicted', boardNow: 'unknown' })
  })

  it('follows a board through its restart and proves the running image', async () => {
    const board = await bench.board({ apply: 'reboot', rebootDelayMs: 20, bootMs: 30 })
    const [job] = await bench.flash({ targets: [board.target], require: 'running' })
    expect(job).toMatchObject({
      state: 'finished',
      verdict: 'proven',
      provenLevel: 'running',
      boardNow: 'new-firmware',
    })
  })
})
