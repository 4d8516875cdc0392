/** What every device that takes its image by one form must do under each of the shared faults. */
import { afterEach, describe, expect, it } from 'vitest'
import { instantTimes } from '../../src/simulator/board/board-options.ts'
import type { UpdateServer, UpdateServerSettings } from '../../src/simulator/board/update-server.ts'
import { updateErrors, type UpdateError } from '../../src/simulator/board/update.ts'
import { imageFaults, uploadFaults } from '../../src/simulator/faults/update-faults.ts'
import { ManualClock } from './manual-clock.ts'
import { buildTestImage } from './test-image.ts'
import { call, errorCodeOf, type WireAnswer } from './wire.ts'

export interface UpdateFaultCases {
  start(settings: UpdateServerSettings): Promise<UpdateServer>
  /** The whole upload; resolves with the answer that says how it ended. */
  upload(target: string, image: Uint8Array): Promise<WireAnswer>
  /** Requests of that. */
  readonly requestCount: number
  /** Its answer to a good upload. */
  readonly success: string
  /** Its answer to one that `Update` refuses. */
  failure(error: UpdateError): string
  /** Whether an upload whose connection is lost stays open until the board restarts. */
  readonly leavesUpdateOpen: boolean
  /** The faults that only this kind has; its own tests look at them. */
  readonly ownFaults: readonly string[]
  readonly table: Readonly<Record<string, unknown>>
}

export function testUpdateFaults(kind: UpdateFaultCases): void {
  const running: UpdateServer[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map(device => device.close()))
  })
  const image = buildTestImage({ version: '2.1.0' })
  const known = { telemetry: true, firmware: { version: '1.0.0' } }
  const faulty = async (
    name: string,
    parameters: object = {},
    settings: UpdateServerSettings = {},
  ): Promise<UpdateServer> => {
    const device = await kind.start({
      ...instantTimes,
      ...known,
      ...settings,
      faults: [{ name, ...parameters }],
    })
    running.push(device)
    return device
  }
  const upload = (device: UpdateServer): Promise<WireAnswer> => kind.upload(device.target, image)
  const runningVersion = async (device: UpdateServer): Promise<unknown> => {
    const { app } = (await call(device.target, '/telemetry')).json ?? {}
    return app
  }

  describe('the fault', () => {
    it.each(updateErrors)('update-error %s is told as the device tells it, once', async text => {
      const device = await faulty('update-error', { text, byte: 0 })
      expect((await upload(device)).text).toContain(kind.failure(text))
      expect(device.stored()).toBeNull()
      expect((await upload(device)).text).toContain(kind.success)
      expect(device.stored()).toEqual(image)
    })

    it.each(['stores-garbage', 'bad-self-check'])(
      '%s: says success, restarts, and the old image runs on',
      async name => {
        const device = await faulty(name)
        const back = device.nextBoot()
        expect((await upload(device)).text).toContain(kind.success)
        await back
        expect(device.refusedImage()).not.toBeNull()
        expect(await runningVersion(device)).toMatchObject({ version: '1.0.0' })
      },
    )

    it('liar: says success, restarts, and has kept nothing', async () => {
      const device = await faulty('liar')
      const back = device.nextBoot()
      expect((await upload(device)).text).toContain(kind.success)
      await back
      expect(device.stored()).toBeNull()
      expect(await runningVersion(device)).toMatchObject({ version: '1.0.0' })
    })

    it('no-restart: stores it and stays up', async () => {
      const device = await faulty('no-restart', {}, { clock: new ManualClock() })
      expect((await upload(device)).text).toContain(kind.success)
      expect([device.stored(), device.stats.boots, device.activeImage()]).toEqual([image, 1, null])
    })

    it('slow-boot and never-returns: is away for longer, or for good', async () => {
      const clock = new ManualClock()
      const device = await faulty('slow-boot', { ms: 5000 }, { clock, bootMs: 100 })
      const back = device.nextBoot()
      await upload(device)
      await clock.runNext()
      await clock.runNext()
      await back
      expect(clock.monotonicMs()).toBe(5100)
      device.setFaults([{ name: 'never-returns' }])
      void device.reboot()
      await clock.untilAwaited()
      expect(await errorCodeOf(call(device.target, '/telemetry'))).toBe('ECONNREFUSED')
    })

    it('rollback: the new image runs, panics, and the old one runs again', async () => {
      const device = await faulty('rollback', { ms: 5 }, { confirmMs: 1000 })
      const first = device.nextBoot()
      await upload(device)
      await first
      expect(device.activeImage()).toEqual(image)
      await device.nextBoot()
      expect(device.activeImage()).toBeNull()
    })

    it.each([
      ['cut', {}],
      ['cut', { percent: 1 }],
      ['reset-at-byte', { byte: 1500 }],
      ['reboot', { byte: 1500 }],
    ])('%s %o: ends the connection inside the body, and nothing is stored', async (name, parameters) => {
      const device = await faulty(name, parameters)
      const back = name === 'reboot' ? device.nextBoot() : Promise.resolve()
      expect(await errorCodeOf(upload(device))).toMatch(/ECONNRESET|EPIPE/)
      await back
      expect([device.stored(), device.activeImage()]).toEqual([null, null])
      expect(device.leftovers()).toBe(name !== 'reboot' && kind.leavesUpdateOpen ? 1 : 0)
    })

    it('cut behind the end of the file: the image is stored, and nobody is told', async () => {
      const device = await faulty('cut', { percent: 100 })
      expect(await errorCodeOf(upload(device))).toMatch(/ECONNRESET|EPIPE/)
      expect([device.stored(), device.leftovers()]).toEqual([image, 0])
    })

    it('drop-reply: stores and restarts, and the answer is lost', async () => {
      const device = await faulty('drop-reply')
      const back = device.nextBoot()
      expect(await errorCodeOf(upload(device))).toBe('ECONNRESET')
      await back
      expect(device.activeImage()).toEqual(image)
    })

    it('no-answer: takes the upload, stores nothing and says nothing', async () => {
      const device = await faulty('no-answer')
      let isAnswered = false
      const asked = errorCodeOf(upload(device)).then(code => {
        isAnswered = code === 'answered'
        return code
      })
      await expect.poll(() => device.stats.requests).toBe(kind.requestCount)
      expect([(await call(device.target, '/telemetry')).status, isAnswered, device.stored()]).toEqual([
        200,
        false,
        null,
      ])
      await device.panic()
      expect(await asked).toBe('ECONNRESET')
    })

    it.each([
      ['error-500', 500, 'Internal Server Error'],
      ['captive-portal', 200, 'Sign in to Wi-Fi'],
    ])('%s: answers %i and stores nothing', async (name, status, text) => {
      const device = await faulty(name)
      const answer = await upload(device)
      expect([answer.status, answer.text.includes(text)]).toEqual([status, true])
      expect([device.stored(), device.stats.boots]).toEqual([null, 1])
    })

    it('cut-answer: stores, and answers the beginning of its answer', async () => {
      const device = await faulty('cut-answer')
      expect((await upload(device)).text).toHaveLength(1)
      expect(device.stored()).toEqual(image)
    })

    it('slow: needs its time', async () => {
      const clock = new ManualClock()
      const device = await faulty('slow', { ms: 300 }, { clock })
      const asked = call(device.target, '/telemetry')
      await clock.runNext()
      expect((await asked).status).toBe(200)
      expect(clock.monotonicMs()).toBe(300)
    })

    it('slow by the byte: reads the body no faster than that, and restarts later', async () => {
      const clock = new ManualClock()
      const device = await faulty('slow', { ms: 0, bytesPerSecond: 1000 }, { clock })
      let isAnswered = false
      const asked = upload(device).finally(() => {
        isAnswered = true
      })
      await clock.runNext()
      expect([isAnswered, device.stats.boots]).toEqual([false, 1])
      while (device.stored() === null) await clock.runNext()
      expect((await asked).text).toContain(kind.success)
      expect(clock.monotonicMs()).toBeGreaterThanOrEqual(image.length)
    })

    it('wrong-chip, other-device-after-reboot and hostile-name: show in the telemetry', async () => {
      const device = await faulty('wrong-chip')
      expect((await call(device.target, '/telemetry')).json).toMatchObject({ device: { chip: 'ESP32-C3' } })
      device.setFaults([{ name: 'other-device-after-reboot' }, { name: 'hostile-name' }])
      await device.reboot()
      const { device: shown } = (await call(device.target, '/telemetry')).json ?? {}
      expect(shown).toMatchObject({ mac: '02:4f:50:de:ad:01' })
      expect(JSON.stringify(shown)).toContain('u001b')
    })

    it('has a test, whatever its name', () => {
      const tested = [...Object.keys({ ...imageFaults, ...uploadFaults }), ...kind.ownFaults]
      expect(Object.keys(kind.table).toSorted()).toEqual(tested.toSorted())
    })
  })
}
