import { mkdtempSync, realpathSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, describe, expect, it } from 'vitest'
import type { ByteLink, LineSettings } from '../../../src/core/links/byte-link.ts'
import { callingOutPath, openSerialPort, type SerialPortOptions } from '../../../src/core/links/serial-port.ts'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { ptyDevicesOfThisFile, socat } from './pty-device.ts'

const soon = { timeoutMs: 8000 }
const atOnce = { timeoutMs: 50 }
const line: LineSettings = { baudRate: 115_200, parity: 'none' }

const links: ByteLink[] = []
afterEach(async () => {
  for (const link of links.splice(0)) await link.close()
})

async function open(path: string, options: SerialPortOptions = {}): Promise<ByteLink> {
  const link = await openSerialPort({ path, text: `serial:${path}` }, line, {}, { retryBusyMs: 0, ...options })
  links.push(link)
  return link
}

async function errorOf(calling: Promise<unknown>): Promise<FlashproofError> {
  try {
    await calling
  } catch (error) {
    if (error instanceof FlashproofError) return error
    throw error
  }
  throw new Error('it went well')
}

const counting = (sizeBytes: number): Buffer => Buffer.from(Uint8Array.from({ length: sizeBytes }, (_, at) => at))

describe('a serial port that cannot be opened', () => {
  it('says that it is not there', async () => {
    const error = await errorOf(open('/dev/flashproof-none'))
    expect(error.code).toBe('serial.port-missing')
    expect(error.message).toContain('/dev/flashproof-none is not there')
  })

  it('says that something else has its name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-'))
    try {
      writeFileSync(join(folder, 'file'), 'text')
      const error = await errorOf(open(join(folder, 'file')))
      expect(error.code).toBe('serial.port-missing')
      expect(error.message).toContain('no serial port')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('says that the driver is missing', async () => {
    const error = await errorOf(
      open('/dev/flashproof-none', {
        loadDriver: () => Promise.reject(new Error('No native build was found for platform=linux\nloaded from: x')),
      }),
    )
    expect(error.code).toBe('serial.driver-missing')
    expect(error.message).toBe('No native build was found for platform=linux')
  })

  it('is not opened for a cancelled call', async () => {
    const signal = AbortSignal.abort(new FlashproofError('call.aborted', 'enough'))
    const opening = openSerialPort({ path: '/dev/flashproof-none', text: 'x' }, line, { signal })
    expect((await errorOf(opening)).code).toBe('call.aborted')
  })
})

it('takes the name for calling out on macOS where there is one', () => {
  expect(callingOutPath('/dev/tty.usbserial-1', path => path === '/dev/cu.usbserial-1')).toBe('/dev/cu.usbserial-1')
  expect(callingOutPath('/dev/tty.usbserial-1', () => false)).toBe('/dev/tty.usbserial-1')
  expect(callingOutPath('/dev/cu.usbserial-1', () => true)).toBe('/dev/cu.usbserial-1')
})

describe.skipIf(socat === null)('a serial port', () => {
  const startDevice = ptyDevicesOfThisFile()

  it('passes every byte as it is, both ways, in exact reads', async () => {
    const { path, socket } = await startDevice()
    const link = await open(path)
    const heard: Buffer[] = []
    socket.on('data', piece => heard.push(piece))
    await link.write(counting(256), soon)
    await expect.poll(() => Buffer.concat(heard)).toEqual(counting(256))

    socket.write(counting(256))
    expect(Buffer.from(await link.read(200, soon))).toEqual(counting(256).subarray(0, 200))
    expect(Buffer.from(await link.read(56, soon))).toEqual(counting(256).subarray(200))
    expect(link.bufferedBytes).toBe(0)
  })

  it('keeps what came when the rest does not come in time', async () => {
    const { path, socket } = await startDevice()
    const link = await open(path)
    socket.write('ab')
    expect(Buffer.from(await link.read(1, soon)).toString()).toBe('a')
    expect((await errorOf(link.read(2, atOnce))).code).toBe('network.timeout')
    expect(Buffer.from(link.takeAll()).toString()).toBe('b')
  })

  it('reports that a terminal has no modem lines, and goes on', async () => {
    const { path } = await startDevice()
    const link = await open(path)
    expect(link.modemLines).toBe('no')
    expect(await link.setLines({ dtr: true, rts: false })).toBe('unavailable')
  })

  it('changes its rate, and opens itself again for another parity', async () => {
    const { path, socket } = await startDevice()
    const link = await open(path)
    await link.configure({ baudRate: 921_600 })
    await link.configure({ parity: 'even' })
    expect(link.settings).toEqual({ baudRate: 921_600, parity: 'even' })
    // A port that is open again is a port that still works.
    socket.write('still here')
    expect(Buffer.from(await link.read(10, soon)).toString()).toBe('still here')
  })

  it('never stalls in blocks that are answered when they are whole', async () => {
    const { path, socket } = await startDevice()
    const link = await open(path)
    const blockBytes = 16 * 1024
    let restBytes = blockBytes
    socket.on('data', piece => {
      restBytes -= piece.length
      if (restBytes > 0) return
      restBytes += blockBytes
      socket.write('.')
    })
    for (let block = 0; block < 30; block++) {
      await link.write(counting(blockBytes), soon)
      expect(Buffer.from(await link.read(1, soon)).toString()).toBe('.')
    }
  })

  it('gives up a write that the device does not take, and can be closed in the middle of it', async () => {
    const { path, socket } = await startDevice()
    const link = await open(path)
    socket.pause()
    const big = Buffer.alloc(16 * 1024 * 1024)
    expect((await errorOf(link.write(big, { timeoutMs: 300 }))).code).toBe('network.timeout')
    const blocked = errorOf(link.write(big, soon))
    await link.close()
    expect((await blocked).code).toBe('serial.failed')
    await link.close()
    // It is free again.
    await open(path)
  })

  it('ends a wait with the reason of its signal', async () => {
    const { path } = await startDevice()
    const link = await open(path)
    const controller = new AbortController()
    const reading = errorOf(link.read(1, { ...soon, signal: controller.signal }))
    controller.abort(new FlashproofError('call.aborted', 'enough'))
    expect((await reading).code).toBe('call.aborted')
  })

  it('tells a reader and a writer that the device is gone, after what it said', async () => {
    const { path, socket, unplug } = await startDevice()
    const link = await open(path)
    socket.write('bye')
    await expect.poll(() => link.bufferedBytes).toBe(3)
    const reading = errorOf(link.read(4, soon))
    await unplug()
    expect((await reading).code).toBe('serial.unplugged')
    expect(Buffer.from(await link.readSome(soon)).toString()).toBe('bye')
    expect((await errorOf(link.readSome(soon))).code).toBe('serial.unplugged')
    expect((await errorOf(link.write(counting(1), soon))).code).toBe('serial.unplugged')
    expect(await link.setLines({ dtr: false, rts: false })).toBe('unavailable')
  })

  it('tells that the device is gone when its name now stands for another, or for none', async () => {
    const { path } = await startDevice()
    const folder = mkdtempSync(join(tmpdir(), 'flashproof-'))
    try {
      const name = join(folder, 'by-id')
      symlinkSync(realpathSync(path), name)
      const link = await open(name)
      expect((await errorOf(link.read(1, atOnce))).code).toBe('network.timeout')
      unlinkSync(name)
      expect((await errorOf(link.read(1, atOnce))).code).toBe('serial.unplugged')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is free again when it was closed while it changed its parity', async () => {
    const { path } = await startDevice()
    const link = await open(path)
    const configuring = errorOf(link.configure({ parity: 'even' }))
    await link.close()
    expect((await configuring).code).toBe('serial.failed')
    await open(path)
  })

  it('names the process that has it', async () => {
    const { path } = await startDevice()
    await open(path)
    const error = await errorOf(open(path))
    expect(error.code).toBe('serial.port-busy')
    if (process.platform === 'linux') expect(error.message).toContain(`process ${String(process.pid)}`)
  })

  it('is tried again for a while when it is busy', async () => {
    const { path } = await startDevice()
    const first = await open(path)
    const second = open(path, { retryBusyMs: 8000 })
    await expect(Promise.race([second, new Promise(resolve => setTimeout(resolve, 50, 'waits'))])).resolves.toBe(
      'waits',
    )
    await first.close()
    expect((await second).settings).toEqual(line)
  })
})
