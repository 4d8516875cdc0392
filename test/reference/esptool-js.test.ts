/**
 * esptool-js 0.7.0, unmodified, flashes the virtual chips: with its stub, compressed, and with the MD5 that it compares itself.
 * Its reset at the end does nothing (see docs/protocols), so the test resets by the lines.
 */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ESPLoader, Transport, type FlashOptions } from 'esptool-js'
import { buildDemoFirmware } from '../../src/core/formats/esp-image/demo-firmware.ts'
import { BenchBoard } from '../simulator/esp-serial/memory-wire.ts'
import { WebSerialPort } from './esptool-js-port.ts'

const boards: BenchBoard[] = []

beforeEach(() => {
  // It writes to the console whether it traces or not.
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
})

afterEach(() => {
  vi.restoreAllMocks()
  for (const board of boards.splice(0)) board.close()
})

function newBoard(chip: string): BenchBoard {
  const board = new BenchBoard({ chip })
  boards.push(board)
  board.chip.powerOn()
  return board
}

async function connect(board: BenchBoard): Promise<{ loader: ESPLoader; transport: Transport; said: string[] }> {
  const said: string[] = []
  // The members of Web Serial that it uses, and no other.
  const port = new WebSerialPort(board) as unknown as ConstructorParameters<typeof Transport>[0]
  const transport = new Transport(port)
  const terminal = { clean: () => undefined, writeLine: (line: string) => said.push(line), write: () => undefined }
  const loader = new ESPLoader({ transport, baudrate: 921_600, romBaudrate: 115_200, terminal })
  await loader.main()
  return { loader, transport, said }
}

const flashOptions = (fileArray: FlashOptions['fileArray'], compress: boolean): FlashOptions => ({
  fileArray,
  flashMode: 'keep',
  flashFreq: 'keep',
  flashSize: 'keep',
  eraseAll: false,
  compress,
  calculateMD5Hash: image => createHash('md5').update(image).digest('hex'),
})

describe('esptool-js', () => {
  it('knows every virtual chip that it has a table for, its revision, its address and its flash', async () => {
    const revisions = {
      ESP32: 'revision 1',
      'ESP32-S2': 'revision v0.0',
      'ESP32-S3': 'revision v0.2',
      'ESP32-C2': 'revision 1',
      'ESP32-C3': 'revision v0.4',
      'ESP32-C5': 'revision v1.0',
      'ESP32-C6': 'revision 1',
      'ESP32-C61': 'revision v1.0',
      'ESP32-H2': 'revision v0.1',
      'ESP32-P4': 'revision v1.0',
    }
    const known = Object.entries(revisions).map(async ([chip, revision]) => {
      const board = newBoard(chip)
      const { loader, transport } = await connect(board)
      expect(loader.chip.CHIP_NAME).toBe(chip)
      expect(await loader.chip.getChipDescription(loader)).toContain(`(${revision})`)
      expect(await loader.chip.readMac(loader)).toBe(board.chip.mac)
      expect(loader.IS_STUB).toBe(true)
      expect(await loader.readFlashId()).toBe(board.flash.jedecId)
      expect(board.wire.line.baudRate).toBe(921_600)
      await transport.disconnect()
    })
    await Promise.all(known)
  })

  it.each([
    ['ESP32', true],
    ['ESP32-S3', true],
    ['ESP32-C3', true],
    ['ESP32', false],
  ])('flashes a virtual %s (compressed: %s), and finds its MD5', async (chip, isCompressed) => {
    const board = newBoard(chip)
    const app = buildDemoFirmware({ chip, sizeBytes: 150_000, version: '2.0.0', seed: 4 })
    const { loader, transport } = await connect(board)
    await loader.writeFlash(flashOptions([{ data: app, address: 0x1_0000 }], isCompressed))
    expect(Buffer.compare(board.flash.view(0x1_0000, app.length), app)).toBe(0)
    expect(await loader.readFlash(0x1_0000, 9000)).toEqual(app.slice(0, 9000))
    await transport.setRTS(true)
    await transport.setDTR(false)
    await transport.setRTS(false)
    expect(await board.chip.nextBoot()).toBe('app')
    expect(Buffer.compare(board.newApp() ?? new Uint8Array(), app)).toBe(0)
    await transport.disconnect()
  })

  it('finds a bit that flipped in the flash of a virtual ESP32', async () => {
    const board = newBoard('ESP32')
    const app = buildDemoFirmware({ sizeBytes: 20_000, version: '2.0.0', seed: 4 })
    const { loader, transport } = await connect(board)
    board.setFaults([{ name: 'md5-mismatch' }])
    await expect(loader.writeFlash(flashOptions([{ data: app, address: 0x1_0000 }], true))).rejects.toThrow(/MD5/)
    await transport.disconnect()
  })

  it('erases the whole flash', async () => {
    const board = newBoard('ESP32-C3')
    const { loader, transport } = await connect(board)
    await loader.eraseFlash()
    expect(board.flash.copy().every(byte => byte === 0xff)).toBe(true)
    await transport.disconnect()
  })
})
