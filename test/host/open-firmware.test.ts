/** Files for several chips: remembered under an id until somebody says which chip, and opened again with that answer. */
import { describe, expect, it } from 'vitest'
import { OpenFirmware } from '../../src/host/open-firmware.ts'
import type { RequestOf } from '../../src/shared/contract/index.ts'
import { FlashproofError } from '../../src/shared/errors.ts'
import { createClient } from '../../src/shared/rpc/client.ts'
import { createMemoryLinkPair } from '../../src/shared/rpc/memory-link.ts'
import { serve } from '../../src/shared/rpc/server.ts'
import { fakeFirmware } from '../renderer/fake-models.ts'

function begin() {
  const [near, far] = createMemoryLinkPair()
  const asked: RequestOf<'firmware.open'>[] = []
  const handlers = {
    'firmware.open': (request: RequestOf<'firmware.open'>) => {
      asked.push(request)
      if (request.variant !== undefined) return fakeFirmware()
      throw new FlashproofError('format.variant-needed', 'say which one is wanted', { variants: ['ESP32', 'ESP32-C3'] })
    },
  }
  // The one command that is asked here.
  serve<'worker'>(far, { handlers: handlers as never, answers: ['worker'], caller: 'host' })
  return { firmware: new OpenFirmware(createClient(near, { caller: 'host' })), asked }
}

async function choiceOf(opening: Promise<unknown>): Promise<string> {
  const refusal: unknown = await opening.catch((thrown: unknown) => thrown)
  if (!(refusal instanceof FlashproofError)) throw new Error('the file was opened')
  return String(refusal.details['choiceId'])
}

describe('a file with firmware for several chips', () => {
  it('waits under an id, without its path, and is opened for the chip that was chosen', async () => {
    const { firmware, asked } = begin()
    const choiceId = await choiceOf(firmware.open({ path: '/set/manifest.json', accept: ['missing-end'] }))
    expect(choiceId).not.toContain('manifest')
    const { firmwareId } = await firmware.openVariant(choiceId, 'ESP32-C3')
    await firmware.reopen(firmwareId)
    const chosen = { path: '/set/manifest.json', accept: ['missing-end'], variant: 'ESP32-C3' }
    expect(asked.slice(1)).toEqual([chosen, chosen])
  })

  it('is forgotten after many others', async () => {
    const { firmware } = begin()
    const first = await choiceOf(firmware.open({ path: '/set/0.json' }))
    for (let index = 1; index <= 16; index++) {
      await choiceOf(firmware.open({ path: `/set/${String(index)}.json` }))
    }
    await expect(firmware.openVariant(first, 'ESP32')).rejects.toMatchObject({ code: 'file.not-found' })
  })
})
