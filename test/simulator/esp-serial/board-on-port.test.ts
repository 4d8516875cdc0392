/** A board on its port: what the line adds, and what survives. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { espSerialKind } from '../../../src/simulator/esp-serial/kind.ts'
import { startVirtualEspSerial, type VirtualEspSerial } from '../../../src/simulator/esp-serial/virtual-esp-serial.ts'
import { encodeSlip } from '../../../src/simulator/esp-serial/slip.ts'
import { closedAfterEach } from '../started-devices.ts'

const keep = closedAfterEach()
const instant = { timeScale: 0, bootMs: 0, confirmMs: 0, heapEveryMs: 0 }
const readMagic = Buffer.from('c0000a04000000000000100040c0', 'hex')
const magicAnswer = Buffer.from('c0010a0400831df00000000000c0', 'hex')
const syncFrame = encodeSlip(Buffer.from(`000824000000000007071220${'55'.repeat(32)}`, 'hex'))

/** Telnet and RFC 2217 by hand: SB COM-PORT-OPTION command value SE. */
const command = (...bytes: number[]): number[] => [255, 250, 44, ...bytes, 255, 240]
const baudRate = (rate: number): number[] =>
  command(1, rate >>> 24, (rate >>> 16) & 255, (rate >>> 8) & 255, rate & 255)
const dtr = (isOn: boolean): number[] => command(5, isOn ? 8 : 9)
const rts = (isOn: boolean): number[] => command(5, isOn ? 11 : 12)

class Line {
  received = Buffer.alloc(0)
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', bytes => {
      this.received = Buffer.concat([this.received, bytes])
    })
    socket.on('error', () => undefined)
  }

  static async open(device: VirtualEspSerial): Promise<Line> {
    const { hostname, port } = new URL(device.target)
    const socket = connect(Number(port), hostname)
    keep({
      close: () => {
        socket.destroy()
        return Promise.resolve()
      },
    })
    await new Promise(resolve => socket.once('connect', resolve))
    return new Line(socket)
  }

  send(bytes: Uint8Array | readonly number[]): void {
    this.#socket.write(Uint8Array.from(bytes))
  }

  async until(wanted: Buffer): Promise<void> {
    while (!this.received.includes(wanted)) await new Promise(resolve => setTimeout(resolve, 5))
  }
}

describe('a virtual board on its port', () => {
  it('gives its boot text and its loader to a client that has set rate and lines', async () => {
    const device = keep(await startVirtualEspSerial(instant))
    const line = await Line.open(device)
    line.send([...baudRate(115_200), ...dtr(false), ...rts(true)])
    line.send([...dtr(true), ...rts(false)])
    await line.until(Buffer.from('waiting for download'))
    line.send([...syncFrame, ...readMagic])
    await line.until(magicAnswer)
    expect(device.mode).toBe('download')
    expect(device.lineHistory.map(({ dtr: d, rts: r }) => [d, r])).toEqual([
      [false, true],
      [true, true],
      [true, false],
    ])
    expect(device.frames).toEqual([0x08, 0x0a])
  })

  it('measures the rate of a client by its first SYNC', async () => {
    const device = keep(await startVirtualEspSerial({ ...instant, wiring: 'none' }))
    const line = await Line.open(device)
    line.send([...baudRate(460_800), ...syncFrame, ...readMagic])
    await line.until(magicAnswer)
    // It keeps that rate: at another one nothing is understood.
    line.received = Buffer.alloc(0)
    line.send([...baudRate(115_200), ...readMagic, ...baudRate(460_800), 0xc0, ...readMagic])
    await line.until(magicAnswer)
    expect(device.frames).toEqual([0x08, 0x0a, 0x0a])
  })

  it('speaks on bare TCP without lines', async () => {
    const device = keep(await startVirtualEspSerial({ ...instant, ...espSerialKind.traits['raw'] }))
    expect(device.target).toMatch(/^tcp:/)
    const line = await Line.open(device)
    line.send([...syncFrame, ...readMagic])
    await line.until(magicAnswer)
    expect(device.mode).toBe('download')
  })

  it('loses its supply with the cable, and starts when it is plugged in again', async () => {
    const device = keep(await startVirtualEspSerial(instant))
    await device.unplug()
    expect(device.mode).toBe('off')
    const back = device.nextBoot()
    await device.plug()
    expect(await back).toBe('app')
  })

  it('keeps its flash in a folder', async () => {
    const flashDir = mkdtempSync(join(tmpdir(), 'flashproof-flash-'))
    const wish = { ...instant, ...espSerialKind.traits['raw'], flashDir, factory: 'blank' as const }
    const first = await startVirtualEspSerial(wish)
    const line = await Line.open(first)
    line.send(encodeSlip(Buffer.from(`000d080000000000${'00'.repeat(8)}`, 'hex')))
    // FLASH_BEGIN of four bytes at 0, FLASH_DATA with a check sum of EF ^ 01 ^ 02 ^ 03 ^ 04.
    line.send(encodeSlip(Buffer.from('000210000000000004000000010000000400000000000000', 'hex')))
    line.send(encodeSlip(Buffer.from(`00031400eb00000004000000${'00'.repeat(12)}01020304`, 'hex')))
    await line.until(Buffer.from([0xc0, 0x01, 0x03]))
    await first.close()
    const second = keep(await startVirtualEspSerial(wish))
    expect([...second.flash().subarray(0, 6)]).toEqual([1, 2, 3, 4, 255, 255])
    rmSync(flashDir, { recursive: true })
  })

  it('has a trait for every chip, and starts with each of its traits', async () => {
    for (const [name, options] of Object.entries(espSerialKind.traits)) {
      if (name === 'pty') continue
      const device = await startVirtualEspSerial({ ...instant, ...options })
      expect([name, ['app', 'none', 'download', 'booting'].includes(device.mode)]).toEqual([name, true])
      await device.close()
    }
  })

  it('refuses a chip that has no Secure Download Mode, or that there is not', async () => {
    for (const options of [{ chip: 'ESP32', isSecureDownload: true }, { chip: 'ESP33' }]) {
      await expect(startVirtualEspSerial(options)).rejects.toMatchObject({ code: 'option.invalid' })
    }
  })
})
