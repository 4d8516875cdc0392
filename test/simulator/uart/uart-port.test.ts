import { describe, expect, it } from 'vitest'
import { FaultSet, type NamedFault } from '../../../src/simulator/faults/fault-table.ts'
import { lineFaults, uartFaultsOf } from '../../../src/simulator/uart/line-faults.ts'
import { openUartPort } from '../../../src/simulator/uart/uart-port.ts'
import type { UartPortOptions, UartWire } from '../../../src/simulator/uart/uart.ts'
import { closedAfterEach } from '../started-devices.ts'
import { baudBytes, openClient, setting } from './port-client.ts'
import { RecordingDevice } from './recording-device.ts'

const started = closedAfterEach()
const soon = { timeout: 10_000, interval: 2 }
const echo = (bytes: Uint8Array, wire: UartWire): void => {
  wire.send(bytes)
}
/** What the server says first: binary both ways, no go-ahead, and that it wants the port's settings. */
const greeting = [255, 251, 0, 255, 253, 0, 255, 251, 3, 255, 253, 44]

async function open(peripheral: RecordingDevice, options: Partial<UartPortOptions> = {}): Promise<string> {
  return started(await openUartPort({ peripheral, carrier: 'raw', ...options })).target
}

function faulty(...faults: readonly (NamedFault & Record<string, unknown>)[]): Pick<UartPortOptions, 'faults'> {
  const set = new FaultSet(faults, 7, lineFaults)
  return { faults: () => uartFaultsOf(set) }
}

describe('virtual serial ports', () => {
  it('carry bytes both ways over raw TCP', async () => {
    const device = new RecordingDevice(echo)
    const client = await openClient(await open(device))
    client.send(1, 2, 255, 4)
    expect(await client.take(4)).toEqual([1, 2, 255, 4])
    expect(device.heard).toEqual([1, 2, 255, 4])
  })

  it('refuse a second client while the first is there, and take one as soon as it has gone', async () => {
    const target = await open(new RecordingDevice(echo))
    const first = await openClient(target)
    const second = await openClient(target)
    await expect.poll(second.isClosed, soon).toBe(true)
    first.socket.destroy()
    const third = await openClient(target)
    third.send(9)
    expect(await third.take(1)).toEqual([9])
  })

  it('break with the cable, take its power away, and come back on the same number', async () => {
    const device = new RecordingDevice(echo)
    const port = started(await openUartPort({ peripheral: device, carrier: 'rfc2217' }))
    const client = await openClient(port.target)
    client.send(...setting(5, 8))
    await expect.poll(() => device.events, soon).toEqual(['lines 10'])
    await port.unplug()
    expect(device.events).toEqual(['lines 10', 'power off', 'lines 00'])
    await expect.poll(client.isClosed, soon).toBe(true)
    await expect(openClient(port.target)).rejects.toThrow()
    const { target } = port
    await port.plug()
    expect(port.target).toBe(target)
    expect(device.events.at(-1)).toBe('power on')
    await openClient(target)
  })
})

describe('ports with settings over telnet', () => {
  it('answer each setting with a hundred more and the value in force', async () => {
    const client = await openClient(await open(new RecordingDevice(), { carrier: 'rfc2217' }))
    expect(await client.take(greeting.length)).toEqual(greeting)
    const cases: readonly (readonly [number[], number[]])[] = [
      [setting(1, ...baudBytes(0)), setting(101, ...baudBytes(9600))],
      [setting(1, ...baudBytes(0x0ffff0)), setting(101, ...baudBytes(0x0ffff0))],
      [setting(2, 8), setting(102, 8)],
      [setting(2, 7), setting(102, 8)],
      [setting(3, 3), setting(103, 3)],
      [setting(3, 0), setting(103, 3)],
      [setting(3, 4), setting(103, 3)],
      [setting(4, 2), setting(104, 1)],
      [setting(5, 7), setting(105, 9)],
      [setting(5, 8), setting(105, 8)],
      [setting(5, 10), setting(105, 12)],
      [setting(5, 11), setting(105, 11)],
      [setting(5, 3), setting(105, 1)],
      [setting(5, 5), setting(105, 5)],
      [setting(5, 6), setting(105, 6)],
      [setting(12, 3), setting(112, 3)],
      [setting(11, 255), setting(111, 0)],
    ]
    for (const [asked, answer] of cases) {
      client.send(...asked)
      expect(await client.take(answer.length)).toEqual(answer)
    }
  })

  it('agree to what they know, refuse the rest, and repeat nothing', async () => {
    const client = await openClient(await open(new RecordingDevice(), { carrier: 'rfc2217' }))
    await client.take(greeting.length)
    // WILL COM-PORT and DO BINARY were greeted already; DO ECHO and WILL 31 are not known.
    client.send(255, 251, 44, 255, 253, 0, 255, 253, 1, 255, 251, 31, 255, 253, 44)
    expect(await client.take(9)).toEqual([255, 252, 1, 255, 254, 31, 255, 251, 44])
  })

  it('set the lines in the order of the stream, between the bytes, and write them down', async () => {
    const device = new RecordingDevice()
    const port = started(await openUartPort({ peripheral: device, carrier: 'rfc2217' }))
    const client = await openClient(port.target)
    client.send(...setting(1, ...baudBytes(115200)), 1, ...setting(5, 8), ...setting(5, 11), 2, 3, ...setting(5, 9))
    await expect.poll(() => device.events, soon).toHaveLength(5)
    expect(device.events).toEqual(['bytes 1', 'lines 10', 'lines 11', 'bytes 2', 'lines 01'])
    expect(port.lineHistory.map(({ dtr, rts }) => [dtr, rts])).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ])
    // A client that goes away releases them.
    client.socket.destroy()
    await expect.poll(() => device.events.at(-1), soon).toBe('lines 00')
  })

  it('double bytes of 255, at any split of the stream', async () => {
    const device = new RecordingDevice(echo)
    const client = await openClient(await open(device, { carrier: 'rfc2217' }))
    await client.take(greeting.length)
    client.send(...setting(1, ...baudBytes(115200)))
    await client.take(10)
    for (const byte of [7, 255, 255, 8, ...setting(4, 1), 9]) {
      client.send(byte)
      await new Promise(setImmediate)
    }
    await expect.poll(() => device.heard, soon).toEqual([7, 255, 8, 9])
    expect(await client.take(5 + 7)).toEqual([7, 255, 255, 8, ...setting(104, 1), 9])
  })
})

describe('rates and parities', () => {
  it('that differ turn bytes into garbage both ways, the same on every run', async () => {
    const heard = await Promise.all(
      [1, 2].map(async () => {
        const device = new RecordingDevice((_bytes, wire) => {
          wire.send(Uint8Array.of(5, 6))
        })
        const client = await openClient(await open(device, { carrier: 'rfc2217' }))
        await client.take(greeting.length)
        client.send(...setting(1, ...baudBytes(57600)))
        await client.take(10)
        client.send(1, 2, 3)
        const answer = await client.take(2)
        return { heard: device.heard, answer }
      }),
    )
    expect(heard[0]?.heard).toHaveLength(3)
    expect(heard[0]?.heard.some((byte, index) => byte === index + 1)).toBe(false)
    expect(heard[0]?.answer).not.toEqual([5, 6])
    expect(heard[1]).toEqual(heard[0])
  })

  it('let through without parity exactly what has a parity bit of one', async () => {
    const device = new RecordingDevice(echo)
    const target = await open(device, { carrier: 'rfc2217' })
    device.wire.setLine({ baudRate: 9600, parity: 'even' })
    const client = await openClient(target)
    await client.take(greeting.length)
    // 0x7F has seven ones, 0x79 five; 0x00 has none.
    client.send(0x7f, 0x00, 0x79)
    await expect.poll(() => device.heard.length, soon).toBe(3)
    expect([device.heard[0], device.heard[2]]).toEqual([0x7f, 0x79])
    expect(device.heard[1]).not.toBe(0)
  })

  it('are taken over from the client where a loader measures them', async () => {
    const device = new RecordingDevice(echo)
    const target = await open(device, { carrier: 'rfc2217' })
    device.wire.followRate()
    const client = await openClient(target)
    await client.take(greeting.length)
    client.send(...setting(1, ...baudBytes(921600)))
    await client.take(10)
    client.send(0x55)
    expect(await client.take(1)).toEqual([0x55])
    device.wire.setLine(device.wire.line)
    expect(device.wire.line.baudRate).toBe(921600)
    client.send(...setting(1, ...baudBytes(9600)))
    await client.take(10)
    client.send(0x55)
    expect(await client.take(1)).not.toEqual([0x55])
  })

  it('are kept in time, both ways, to a per cent of the sum', async () => {
    for (const [baudRate, parity, count] of [
      [115_200, 'even', 2_000],
      [2_000_000, 'none', 40_000],
    ] as const) {
      const device = new RecordingDevice()
      const target = await open(device, { keepsRate: true })
      device.wire.setLine({ baudRate, parity })
      const client = await openClient(target)
      const expectedMs = (count * (parity === 'none' ? 10 : 11) * 1000) / baudRate
      const startMs = performance.now()
      client.sendAll(new Uint8Array(count))
      await expect.poll(() => device.heard.length, { timeout: 10_000, interval: 1 }).toBe(count)
      const inMs = performance.now() - startMs
      device.wire.send(new Uint8Array(count))
      const answeredMs = performance.now()
      await client.take(count)
      const outMs = performance.now() - answeredMs
      // Never faster; slower by what a busy machine adds.
      for (const spentMs of [inMs, outMs]) {
        expect(spentMs).toBeGreaterThanOrEqual(expectedMs * 0.99)
        expect(spentMs).toBeLessThan(expectedMs * 4 + 2000)
      }
    }
  })

  it('answer in turn without losing time between question and answer', async () => {
    let left = 0
    const target = await open(
      new RecordingDevice((bytes, wire) => {
        left -= bytes.length
        if (left <= 0) wire.send(Uint8Array.of(0x79))
      }),
      { keepsRate: true },
    )
    const client = await openClient(target)
    const startMs = performance.now()
    for (let turn = 0; turn < 20; turn++) {
      left = 64
      client.sendAll(new Uint8Array(64))
      await client.take(1)
    }
    const expectedMs = (20 * 65 * 10 * 1000) / 115_200
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(expectedMs * 0.99)
  })

  it('change behind what was sent before', async () => {
    const device = new RecordingDevice()
    const target = await open(device, { carrier: 'rfc2217', keepsRate: true })
    const client = await openClient(target)
    await client.take(greeting.length)
    client.send(...setting(1, ...baudBytes(115200)))
    await client.take(10)
    device.wire.send(Uint8Array.from({ length: 100 }, () => 0x41))
    device.wire.setLine({ baudRate: 9600, parity: 'none' })
    expect(device.wire.line.baudRate).toBe(115_200)
    await device.wire.drained()
    expect(device.wire.line.baudRate).toBe(9600)
    expect(await client.take(100)).toEqual(Array.from({ length: 100 }, () => 0x41))
  })

  it('delay each answer by the latency of the adapter', async () => {
    const client = await openClient(await open(new RecordingDevice(echo), { latencyMs: 30 }))
    const startMs = performance.now()
    client.send(1)
    await client.take(1)
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29)
  })
})

describe('faults of the line', () => {
  it('pull the cable after exactly so many bytes and plug it in again', async () => {
    const device = new RecordingDevice()
    const port = started(
      await openUartPort({ peripheral: device, carrier: 'raw', ...faulty({ name: 'cut', byte: 5, ms: 20 }) }),
    )
    const client = await openClient(port.target)
    client.send(1, 2, 3)
    await expect.poll(() => device.heard.length, soon).toBe(3)
    client.send(4, 5, 6, 7)
    await expect.poll(client.isClosed, soon).toBe(true)
    expect(device.heard).toEqual([1, 2, 3, 4, 5])
    await expect.poll(() => device.events.at(-1), soon).toBe('power on')
    const again = await openClient(port.target)
    again.send(...Array.from({ length: 20 }, () => 1))
    await expect.poll(() => device.heard.length, soon).toBe(25)
  })

  it('flip and lose bytes from the host', async () => {
    const device = new RecordingDevice()
    const faults = faulty({ name: 'noise', byte: 1 }, { name: 'lost-byte', byte: 3, times: 2 })
    const client = await openClient(await open(device, faults))
    client.send(10, 11, 12, 13)
    client.send(14, 15, 16, 17, 18)
    await expect.poll(() => device.heard.length, soon).toBe(7)
    expect(device.heard.filter((_byte, index) => index !== 1)).toEqual([10, 12, 14, 15, 16, 18])
    expect(device.heard[1]).not.toBe(11)
  })

  it('flip and lose bytes from the device', async () => {
    const faults = faulty({ name: 'answer-noise', byte: 0 }, { name: 'answer-lost', byte: 2 })
    const client = await openClient(await open(new RecordingDevice(echo), faults))
    client.send(10, 11, 12, 13)
    const [first, ...others] = await client.take(3)
    expect(first).not.toBe(10)
    expect(others).toEqual([11, 13])
  })

  it('split what both sides get', async () => {
    const device = new RecordingDevice(echo)
    const client = await openClient(await open(device, faulty({ name: 'split', bytes: 2 })))
    client.send(1, 2, 3, 4, 5)
    expect(await client.take(5)).toEqual([1, 2, 3, 4, 5])
    expect(device.pieceBytes).toEqual([2, 2, 1])
  })

  it('make answers late', async () => {
    const client = await openClient(await open(new RecordingDevice(echo), faulty({ name: 'slow', ms: 30 })))
    const startMs = performance.now()
    client.send(1)
    await client.take(1)
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29)
  })

  it('silence the device until the host connects again', async () => {
    const device = new RecordingDevice(echo)
    const target = await open(device, faulty({ name: 'silent', byte: 2 }))
    const client = await openClient(target)
    client.send(1, 2)
    expect(await client.take(2)).toEqual([1, 2])
    client.send(3)
    client.send(4)
    await expect.poll(() => device.heard.length, soon).toBe(4)
    client.socket.destroy()
    const again = await openClient(target)
    again.send(5)
    expect(await again.take(1)).toEqual([5])
  })
})
