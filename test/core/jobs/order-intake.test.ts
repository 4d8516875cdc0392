import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JobOrderRequest } from '../../../src/shared/contract/commands.ts'
import { demoImage, openBench, type Bench } from '../../fakes/bench.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(async () => {
  await bench.close()
})

/** As it comes out of structured clone or JSON: an own property, not the prototype. */
function keyed(key: string): Record<string, string> {
  return Object.fromEntries([[key, '1']])
}

/** Starts a job that must be refused; gives the code. */
async function refusal(more: object): Promise<{ code: string; message: string; details: object; requests: number }> {
  const board = await bench.board()
  const firmwareId = await bench.firmwareId(demoImage())
  try {
    await bench.station.engine.start({ firmwareId, targets: [board.target], ...more })
  } catch (error) {
    expect(error).toMatchObject({ traits: { exitCode: 2 } })
    // Checked the line above: only a FlashproofError has traits.
    const { code, message, details } = error as { code: string; message: string; details: object }
    return { code, message, details, requests: board.stats.requests }
  }
  throw new Error('was started')
}

describe('an order', () => {
  it.each(['colour', '__proto__', 'constructor', 'toString'])(
    'with the option “%s”, which no protocol knows, is refused before the device is asked',
    async key => {
      const found = await refusal({ options: keyed(key) })
      expect(found).toMatchObject({ code: 'option.unknown', requests: 0 })
      expect(found.message).toContain(key)
    },
  )

  it.each(['__proto__', 'constructor', 'prototype', 'a b', 'a\nb', '', 'k'.repeat(65)])(
    'with the context key “%s” is refused, naming it',
    async key => {
      const found = await refusal({ context: keyed(key) })
      expect(found).toMatchObject({ code: 'usage.invalid-value', requests: 0 })
      expect(found.message).toContain(`“${key}”`)
    },
  )

  it('of a flash set over the network is refused, naming the application in it', async () => {
    const board = await bench.board()
    writeFileSync(join(bench.home, 'thermostat.bin'), demoImage())
    const set = { flash_files: { '0x10000': 'thermostat.bin' }, extra_esptool_args: { chip: 'esp32' } }
    const firmwareId = await bench.firmwareId(Buffer.from(JSON.stringify(set)), 'flasher_args.json')
    const order = { firmwareId, targets: [board.target] }
    await expect(bench.station.engine.start(order)).rejects.toMatchObject({
      code: 'image.wrong-kind',
      details: { found: 'set', app: 'thermostat.bin' },
    })
    const [review] = await bench.station.review(order, new AbortController().signal)
    expect(review).toMatchObject({ fits: false, findings: [{ severity: 'refusal', code: 'image.wrong-kind' }] })
    expect(board.stats.requests).toBe(0)
  })

  it('with a secret that no protocol knows is refused', async () => {
    expect(await refusal({ secrets: keyed('__proto__') })).toMatchObject({ code: 'option.unknown', requests: 0 })
  })

  it('that accepts what nobody asks is refused with the codes that are known', async () => {
    const found = await refusal({ accept: ['tight-space', 'no-such-code'] })
    expect(found).toMatchObject({ code: 'usage.invalid-value', requests: 0 })
    expect(found.message).toContain('“no-such-code”')
    expect(found.details).toMatchObject({
      known: expect.arrayContaining([
        'tight-space',
        'other-project',
        'resume-unidentified',
        'not-firmware',
        'missing-end',
      ]) as unknown,
    })
  })

  it('to resume that accepts what nobody asks is refused, also when nothing is to be resumed', async () => {
    await expect(bench.station.engine.resume({ accept: ['resume-unidentifed'] })).rejects.toMatchObject({
      code: 'usage.invalid-value',
      details: { known: expect.arrayContaining(['tight-space', 'other-project', 'resume-unidentified']) as unknown },
    })
  })

  it.each(['options', 'secrets', 'context'])(
    'loses no __proto__ of its %s at the border: it is refused there',
    field => {
      const order = { firmwareId: 'f', targets: ['http://a'], [field]: keyed('__proto__') }
      expect(JobOrderRequest.safeParse(structuredClone(order)).success).toBe(false)
      expect(JobOrderRequest.safeParse({ ...order, [field]: keyed('plain') }).success).toBe(true)
      expect(JobOrderRequest.safeParse({ ...order, [field]: undefined }).success).toBe(true)
      expect(JobOrderRequest.safeParse({ ...order, [field]: [] }).success).toBe(false)
    },
  )
})
