import { afterEach, describe, expect, it } from 'vitest'
import { createPortFinder } from '../../../src/core/discovery/port-finder.ts'
import { readRemembered, rememberDevices } from '../../../src/core/discovery/remembered.ts'
import type { PortInfo } from '../../../src/core/discovery/system-ports.ts'
import type { TransferProtocol } from '../../../src/core/transfer/transfer-protocol.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { demoImage, openBench, quickRetryPolicy, type Bench } from '../../fakes/bench.ts'
import { fakeDeviceEntry } from '../../fakes/fake-device-entry.ts'
import { fakeProtocol, proveStored } from '../../fakes/fake-protocol.ts'

let bench: Bench
afterEach(async () => {
  await bench.close()
})

const MAC = '24:6f:28:00:00:01'
const OTHER_MAC = '24:6f:28:00:00:02'
const board: PortInfo = {
  path: '/dev/nil0',
  vendorId: '10c4',
  productId: 'ea60',
  serialNumber: 'A1',
  locationId: '1-1',
}

interface Bus {
  ports: PortInfo[]
  /** Of the board at each path. */
  macs: Record<string, string>
  readonly asked: string[]
}

/** A serial protocol that breaks off once, while `onBreak` changes what is plugged in. */
function breakingProtocol(bus: Bus, onBreak: () => void): TransferProtocol {
  let hasBroken = false
  const plain = fakeProtocol(async (order, context) => {
    const path = order.endpoint.kind === 'serial' ? order.endpoint.path : ''
    bus.asked.push(path)
    context.enter('connecting', { boardNow: 'old-firmware', unplug: 'safe' })
    if (!bus.ports.some(port => port.path === path)) {
      throw new FlashproofError('serial.port-missing', `${path} is not there`)
    }
    await context.identify({ mac: bus.macs[path] ?? '' })
    context.enter('transferring', { boardNow: 'unknown', unplug: 'keep-powered' })
    if (!hasBroken) {
      hasBroken = true
      // What the job met is kept a moment later.
      await new Promise(resolve => setTimeout(resolve, 20))
      onBreak()
      throw new FlashproofError('serial.unplugged', `${path} went away`)
    }
    return proveStored(order, context)
  })
  return {
    ...plain,
    descriptor: { ...plain.descriptor, endpoints: ['serial'] },
    accepts: endpoint => endpoint.kind === 'serial',
  }
}

async function flashAt(bus: Bus, onBreak: () => void, target = 'serial:/dev/nil0'): Promise<{ jobId: string }> {
  bench = await openBench({
    protocols: [breakingProtocol(bus, onBreak)],
    ports: createPortFinder(() => Promise.resolve(bus.ports)),
    retryPolicy: { ...quickRetryPolicy, tries: 2, jobTries: 2, rebootTimeoutMs: 300 },
  })
  rememberDevices(bench.home, [fakeDeviceEntry('serial:/dev/nil0', { identity: { mac: MAC }, name: 'kitchen' })])
  const firmwareId = await bench.firmwareId(demoImage())
  const { jobIds } = await bench.station.engine.start({ firmwareId, targets: [target] })
  return { jobId: jobIds[0] ?? '' }
}

describe('a board whose port comes back under another name', () => {
  it('is followed to it, and remembered by its adapter', async () => {
    const bus: Bus = { ports: [board], macs: { '/dev/nil0': MAC, '/dev/nil3': MAC }, asked: [] }
    const { jobId } = await flashAt(bus, () => {
      bus.ports = [{ ...board, path: '/dev/nil3' }]
    })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven', target: 'serial:/dev/nil0' })
    expect(bus.asked.at(-1)).toBe('/dev/nil3')
    const moved = bench.station.journal('station').logLines(jobId)
    expect(moved.find(({ code }) => code === 'device.moved')?.text).toContain('/dev/nil3')
    await bench.reopen()
    expect(readRemembered(bench.home)).toMatchObject([{ key: `mac:${MAC}`, adapterKey: 'usb:10C4:EA60:A1' }])
  })

  it('is waited for while it is away', async () => {
    const bus: Bus = { ports: [board], macs: { '/dev/nil0': MAC }, asked: [] }
    const { jobId } = await flashAt(bus, () => {
      bus.ports = []
      setTimeout(() => {
        bus.ports = [board]
      }, 50)
    })
    expect(await bench.ended(jobId)).toMatchObject({ verdict: 'proven' })
  })

  it('gets nothing when another board hangs there now', async () => {
    const bus: Bus = { ports: [board], macs: { '/dev/nil0': MAC, '/dev/nil3': OTHER_MAC }, asked: [] }
    const { jobId } = await flashAt(bus, () => {
      bus.ports = [{ ...board, path: '/dev/nil3' }]
    })
    expect(await bench.ended(jobId)).toMatchObject({ state: 'failed', error: { code: 'device.identity-changed' } })
  })

  it.each([`mac:${MAC}`, 'Kitchen'])(
    'gets nothing when it was ordered as %s, and another board hangs there',
    async name => {
      const bus: Bus = { ports: [board], macs: { '/dev/nil0': OTHER_MAC }, asked: [] }
      const { jobId } = await flashAt(bus, () => undefined, name)
      expect(await bench.ended(jobId)).toMatchObject({
        state: 'failed',
        error: { code: 'device.identity-changed', details: { expected: { mac: MAC } } },
      })
    },
  )
})
