import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TransferOrder, TransferProtocol } from '../../../src/core/transfer/transfer-protocol.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'
import { openBench, type Bench } from '../../fakes/bench.ts'

/** Two records of 16 and 4 bytes, 1 MiB apart, that begin at no start of a flash. */
const SPREAD_HEX = [
  ':020000040800F2',
  ':1020000000112233445566778899AABBCCDDEEFFD8',
  ':020000040810E2',
  ':0420000001020304D2',
  ':00000001FF',
  '',
].join('\r\n')

let bench: Bench
let seen: TransferOrder[]
beforeEach(() => {
  seen = []
})
afterEach(async () => {
  await bench.close()
})

function protocol(id: string, more: Partial<TransferProtocol>): TransferProtocol {
  const noting = fakeProtocol((order, context) => {
    seen.push(order)
    return Promise.resolve(proveStored(order, context))
  }, id)
  return { ...noting, ...more }
}

async function order(protocols: readonly TransferProtocol[]): Promise<string> {
  bench = await openBench({ protocols })
  const firmwareId = await bench.firmwareId(Buffer.from(SPREAD_HEX), 'both.hex')
  const { jobIds } = await bench.station.engine.start({ firmwareId, targets: ['http://127.0.0.1:9'] })
  return jobIds[0] ?? ''
}

describe('an image in pieces', () => {
  it('goes to a protocol that takes segments piece by piece, with no base asked and no filler counted', async () => {
    const jobId = await order([protocol('pieces', { takesSegments: true })])
    const job = await bench.ended(jobId)
    expect(job.totalBytes).toBe(20)
    expect(seen[0]?.image.segments.map(({ address, bytes }) => [address, Buffer.from(bytes).toString('hex')])).toEqual([
      [0x0800_2000, '00112233445566778899aabbccddeeff'],
      [0x0810_2000, '01020304'],
    ])
    expect(seen[0]?.image.baseAddress).toBe(0x0800_2000)
    expect(seen[0]?.image.bytes.length).toBe(0x10_0004)
  })

  it('goes nowhere flat: the gap is too large for a file', async () => {
    await expect(order([protocol('flat', {})])).rejects.toMatchObject({
      code: 'image.base-required',
    })
  })

  it('is refused flat as long as nobody knows which of two protocols the device speaks', async () => {
    const protocols = [protocol('flat', {}), protocol('pieces', { takesSegments: true })]
    await expect(order(protocols)).rejects.toMatchObject({ code: 'image.base-required' })
    expect(seen).toEqual([])
  })
})
