import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../../src/simulator/board/board-options.ts'
import type { UpdateServer } from '../../../src/simulator/board/update-server.ts'
import { parseDeviceSpec } from '../../../src/simulator/device-spec.ts'
import { esphomeFaults } from '../../../src/simulator/esphome-ota/faults.ts'
import { esphomeOtaKind, startEsphomeWeb, type EsphomeSettings } from '../../../src/simulator/esphome-ota/kind.ts'
import { startFleet } from '../../../src/simulator/fleet.ts'
import { buildTestImage } from '../test-image.ts'
import { testUpdateFaults } from '../update-fault-cases.ts'
import { basic, postForm } from '../update-wire.ts'
import { call } from '../wire.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(device => device.close()))
})

async function start(settings: EsphomeSettings = {}): Promise<UpdateServer> {
  const device = await startEsphomeWeb({ ...instantTimes, ...settings })
  running.push(device)
  return device
}

const image = buildTestImage({ version: '2025.11.1' })

describe('the web server of ESPHome', () => {
  it('takes the image by a form, says so in the text, closes, and restarts into it', async () => {
    const device = await start()
    const back = device.nextBoot()
    const answer = await postForm(device.target, '/update', image)
    expect(answer).toMatchObject({
      status: 200,
      text: 'Update Successful!',
      headers: { 'content-type': 'text/plain', connection: 'close' },
    })
    await back
    expect(device.activeImage()).toEqual(image)
  })

  it('answers 200 to a failure too, without a reason', async () => {
    const device = await start()
    const answer = await postForm(device.target, '/update', buildTestImage({ fault: 'checksum' }))
    expect([answer.status, answer.text]).toEqual([200, 'Update Failed!'])
    expect([device.stored(), device.stats.boots, device.leftovers()]).toEqual([null, 1, 0])
  })

  it('answers 404 where updates are not configured', async () => {
    const device = await start({ webOta: false })
    expect((await postForm(device.target, '/update', image)).status).toBe(404)
    expect((await call(device.target, '/')).text).toContain('esp-app')
    expect((await call(device.target, '/update')).status).toBe(404)
  })

  it('asks for Basic where it has a password, and stores nothing before', async () => {
    const device = await start({ password: 'secret' })
    const asked = await postForm(device.target, '/update', image)
    expect([asked.status, device.stored()]).toEqual([401, null])
    const answer = await postForm(device.target, '/update', image, { headers: basic('admin', 'secret') })
    expect(answer.text).toBe('Update Successful!')
  })
})

testUpdateFaults({
  start: startEsphomeWeb,
  upload: (target, bytes) => postForm(target, '/update', bytes),
  success: 'Update Successful!',
  failure: () => 'Update Failed!',
  requestCount: 1,
  leavesUpdateOpen: false,
  // Those of the TCP protocol are looked at there.
  ownFaults: [
    'another-service',
    'bit-flip',
    'error-code',
    'lost-answer',
    'no-ack',
    'refuses-password',
    'silent',
    'unknown-version',
  ],
  table: esphomeFaults,
})

describe('the kind', () => {
  const common = { identity: { id: 'esp32-7', name: 'esp32-7' }, faults: [], flashDir: null, seed: 1 }

  it('tells whoever starts a fleet where the telemetry is, when that is another port', async () => {
    const fleet = await startFleet(parseDeviceSpec('esphome-ota+telemetry,esphome-ota+web+telemetry'), {
      flashDir: null,
      seed: 1,
    })
    running.push(fleet)
    const [tcp, web] = fleet.announced
    const url = new URL(tcp?.telemetryUrl ?? '')
    expect((await call(url.origin, url.pathname)).json).toMatchObject({ device: { id: 'esp32-1' } })
    expect(web).not.toHaveProperty('telemetryUrl')
  })

  it('speaks TCP, or with the trait web HTTP', async () => {
    const tcp = await esphomeOtaKind.start(common)
    const web = await esphomeOtaKind.start({ ...esphomeOtaKind.traits['web'], ...common })
    running.push(tcp, web)
    expect([tcp.target.slice(0, 16), web.target.slice(0, 17)]).toEqual(['tcp://127.0.0.1:', 'http://127.0.0.1:'])
  })
})
