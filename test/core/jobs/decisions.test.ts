import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import type { Decision } from '../../../src/shared/contract/models.ts'
import type { VirtualEsp32 } from '../../../src/simulator/virtual-esp32.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

const KIB = 1024
let bench: Bench
let asked: { jobId: string; decision: Decision }[] = []
beforeEach(async () => {
  asked = []
  bench = await openBench({
    emit: (name, payload) => {
      if (name === 'decision.asked' && 'decision' in payload) asked.push(payload)
    },
  })
})
afterEach(async () => {
  await bench.close()
})

/** A board on which the parts fit, and not with the room that the check wants. */
function tightBoard(): Promise<VirtualEsp32> {
  return bench.board({ fileSystemBytes: 160 * KIB })
}

async function start(board: VirtualEsp32, more: object): Promise<string> {
  const firmwareId = await bench.firmwareId(demoImage())
  return (await bench.station.engine.start({ firmwareId, targets: [board.target], ...more })).jobIds[0] ?? ''
}

function requestsToWrite(board: VirtualEsp32): number {
  return board.stats.chunkPosts.length + board.stats.completePosts
}

describe('a question to a person', () => {
  it('is asked once, and the job goes on when it is accepted', async () => {
    const board = await tightBoard()
    const jobId = await start(board, { interactive: true })
    const waiting = await bench.until(jobId, job => job.state === 'waiting')
    expect(waiting.decision).toMatchObject({ code: 'tight-space', answer: null, answeredBy: null })
    expect(requestsToWrite(board)).toBe(0)
    bench.station.engine.answer(jobId, 'tight-space', 'accept', 'Lan')
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'proven', decision: null })
    expect(job.decisions).toMatchObject([{ code: 'tight-space', answer: 'accept', answeredBy: 'Lan' }])
    expect(Date.parse(job.decisions?.[0]?.answeredAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(job.decisions?.[0]?.askedAt ?? ''),
    )
    expect(asked.map(event => event.decision.code)).toEqual(['tight-space'])
  })

  it('that is refused ends the job before the first byte', async () => {
    const board = await tightBoard()
    const jobId = await start(board, { interactive: true })
    await bench.until(jobId, job => job.state === 'waiting')
    bench.station.engine.answer(jobId, 'tight-space', 'refuse', 'Lan')
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({
      state: 'failed',
      boardNow: 'old-firmware',
      unplug: 'safe',
      error: { code: 'job.decision-needed', details: { accept: 'tight-space' } },
      decisions: [{ answer: 'refuse', answeredBy: 'Lan' }],
    })
    expect(requestsToWrite(board)).toBe(0)
  })

  it('that was accepted in advance is not asked, and kept with who', async () => {
    const board = await tightBoard()
    const jobId = await start(board, { accept: ['tight-space'], acceptedBy: 'recipe line-3' })
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ verdict: 'proven' })
    expect(job.decisions).toMatchObject([{ code: 'tight-space', answer: 'accept', answeredBy: 'recipe line-3' }])
    expect(asked).toEqual([])
    const lines = bench.station.journal('station').logLines(jobId)
    expect(lines.filter(line => line.code === 'decision.answered')).toMatchObject([
      { text: 'tight-space: accept (recipe line-3)' },
    ])
  })

  it('without anybody to ask ends the job and says what would accept it', async () => {
    const board = await tightBoard()
    const jobId = await start(board, {})
    expect(await bench.ended(jobId)).toMatchObject({
      state: 'failed',
      error: { code: 'job.decision-needed', details: { accept: 'tight-space' } },
      decisions: [{ answer: 'refuse', answeredBy: 'nobody was there to ask' }],
    })
    expect(requestsToWrite(board)).toBe(0)
  })

  it('is not asked again by a retry', async () => {
    let runs = 0
    await bench.reopen({
      protocols: [
        fakeProtocol(async (order, context) => {
          await context.identify({ mac: '02:00:00:00:00:01' })
          await context.decide('downgrade', 'The board is newer. Go back?', { from: '3', to: '2' })
          if (++runs === 1) throw new FlashproofError('network.reset', 'the connection broke')
          return proveStored(order, context)
        }),
      ],
    })
    const firmwareId = await bench.firmwareId(demoImage(4096))
    const order = { firmwareId, targets: ['http://127.0.0.1:9'], interactive: true }
    const [jobId = ''] = (await bench.station.engine.start(order)).jobIds
    // A board that never answered is not tried again; this one has said who it is.
    await bench.until(jobId, job => job.state === 'waiting')
    bench.station.engine.answer(jobId, 'downgrade', 'accept', 'Lan')
    const job = await bench.ended(jobId)
    expect(runs).toBe(2)
    expect(job).toMatchObject({ verdict: 'proven', attempts: 2 })
    expect(job.decisions).toHaveLength(1)
    expect(asked).toHaveLength(1)
  })

  it('takes no answer to another question, and none when nothing is asked', async () => {
    const board = await tightBoard()
    const jobId = await start(board, { interactive: true })
    await bench.until(jobId, job => job.state === 'waiting')
    const { engine } = bench.station
    const wrong = expect.objectContaining({ code: 'job.wrong-state' }) as Error
    expect(() => {
      engine.answer(jobId, 'downgrade', 'accept', 'Lan')
    }).toThrow(wrong)
    engine.answer(jobId, 'tight-space', 'accept', 'Lan')
    await bench.ended(jobId)
    expect(() => {
      engine.answer(jobId, 'tight-space', 'accept', 'Lan')
    }).toThrow(wrong)
  })

  it('ends with the job when that is cancelled', async () => {
    const board = await tightBoard()
    const jobId = await start(board, { interactive: true })
    await bench.until(jobId, job => job.state === 'waiting')
    await bench.station.engine.cancel([jobId])
    const job = await bench.ended(jobId)
    expect(job).toMatchObject({ state: 'cancelled', decision: null, decisions: [] })
    expect(requestsToWrite(board)).toBe(0)
  })
})
