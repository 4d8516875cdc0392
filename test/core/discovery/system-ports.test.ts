import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listSystemPorts, listUsbWithoutPort } from '../../../src/core/discovery/system-ports.ts'

let root: string
const none = (): Promise<never> => Promise.reject(new Error('the binding was asked'))

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ports-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function file(path: string, content = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

function link(path: string, to: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  symlinkSync(join(root, to), join(root, path))
}

const USB = 'sys/devices/pci0000:00/usb1/1-1'

/** A tree as the kernel shows an adapter with two ports in one socket, and a port of the main board. */
function plugIn(): void {
  const device = { idVendor: '0403\n', idProduct: '6010\n', serial: 'FT9ABC\n', manufacturer: 'FTDI\n' }
  for (const [name, text] of Object.entries(device)) file(`${USB}/1-1.3/${name}`, text)
  for (const [index, name] of ['ttyUSB0', 'ttyUSB1'].entries()) {
    file(`${USB}/1-1.3/1-1.3:1.${String(index)}/bInterfaceNumber`, `0${String(index)}\n`)
    file(`${USB}/1-1.3/1-1.3:1.${String(index)}/${name}/tty/${name}/dev`, '188:0\n')
    link(`sys/class/tty/${name}`, `${USB}/1-1.3/1-1.3:1.${String(index)}/${name}/tty/${name}`)
    file(`dev/${name}`)
  }
  file('sys/devices/platform/serial/tty/ttyAMA0/dev', '204:64\n')
  link('sys/class/tty/ttyAMA0', 'sys/devices/platform/serial/tty/ttyAMA0')
  file('dev/ttyAMA0')
  link('sys/class/tty/ttyS0', 'sys/devices/platform/serial/tty/ttyAMA0')
  file('dev/ttyS0')
}

describe('ports of the system', () => {
  it('are read on Linux with their adapter, socket and number, without any program', async () => {
    plugIn()
    const ports = await listSystemPorts({ platform: 'linux', root, listByBinding: none })
    const adapter = { vendorId: '0403', productId: '6010', serialNumber: 'FT9ABC', manufacturer: 'FTDI' }
    expect(ports).toEqual([
      { path: '/dev/ttyAMA0' },
      { path: '/dev/ttyUSB0', ...adapter, locationId: '1-1.3', interfaceNumber: 0 },
      { path: '/dev/ttyUSB1', ...adapter, locationId: '1-1.3', interfaceNumber: 1 },
    ])
  })

  it('that a container sees but does not have are not offered', async () => {
    plugIn()
    rmSync(join(root, 'dev/ttyUSB1'))
    const ports = await listSystemPorts({ platform: 'linux', root, listByBinding: none })
    expect(ports.map(({ path }) => path)).toEqual(['/dev/ttyAMA0', '/dev/ttyUSB0'])
  })

  it('are asked of the binding elsewhere, and opened on macOS where no carrier is waited for', async () => {
    file('dev/cu.usbserial-1')
    const listByBinding = (): Promise<{ path: string }[]> =>
      Promise.resolve([{ path: '/dev/tty.usbserial-1' }, { path: '/dev/tty.odd' }])
    expect(await listSystemPorts({ platform: 'darwin', root, listByBinding })).toEqual([
      { path: '/dev/cu.usbserial-1' },
      { path: '/dev/tty.odd' },
    ])
    expect(await listSystemPorts({ platform: 'linux', root, listByBinding })).toHaveLength(2)
  })

  it('show which USB devices have none', async () => {
    plugIn()
    file(`${USB}/1-1.4/idVendor`, '1a86\n')
    file(`${USB}/1-1.4/idProduct`, '7523\n')
    for (const location of ['1-1.3', '1-1.4']) link(`sys/bus/usb/devices/${location}`, `${USB}/${location}`)
    link('sys/bus/usb/devices/1-1.3:1.0', `${USB}/1-1.3/1-1.3:1.0`)
    expect(await listUsbWithoutPort(root)).toEqual([{ vendorId: 0x1a86, productId: 0x7523, location: '1-1.4' }])
  })
})
