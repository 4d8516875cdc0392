/**
 * What the system tells of its serial ports. On Linux it is read from sysfs: at once, without a program, and with the
 * socket of each port, which `serialport` does not tell there. Opens no port.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface PortInfo {
  readonly path: string
  readonly manufacturer?: string | undefined
  readonly serialNumber?: string | undefined
  readonly pnpId?: string | undefined
  /** The system's name of the socket, such as `1-1.3`. */
  readonly locationId?: string | undefined
  readonly vendorId?: string | undefined
  readonly productId?: string | undefined
  /** Which of an adapter's ports it is, where the adapter may have several. */
  readonly interfaceNumber?: number | undefined
}

export interface UsbDevice {
  readonly vendorId: number
  readonly productId: number
  readonly location: string
}

/** Names of ports that boards hang on; `ttyS` are the main board's own, named whether or not they are there. */
const PORT_NAMES = /^(tty(USB|ACM|AMA|WCH|XRUSB|MFD|O)\d+|rfcomm\d+)$/

export interface PortSystem {
  readonly platform: NodeJS.Platform
  /** In front of every absolute path: a test's own tree of files. */
  readonly root: string
  /** Ports by the native binding. */
  readonly listByBinding: () => Promise<readonly PortInfo[]>
}

const thisSystem: PortSystem = { platform: process.platform, root: '/', listByBinding }

/** Loaded when first needed: the binding is native, and a computer without it must still do everything else. */
async function listByBinding(): Promise<readonly PortInfo[]> {
  const { SerialPort } = await import('serialport')
  return await SerialPort.list()
}

/** Lists the ports that are there now. Rejects with what the binding or the file system says. */
export async function listSystemPorts(system: PortSystem = thisSystem): Promise<readonly PortInfo[]> {
  const { platform, root } = system
  if (platform === 'linux') {
    const names = await readdir(join(root, 'sys/class/tty')).catch(() => null)
    if (names !== null) return await readPorts(root, names.filter(name => PORT_NAMES.test(name)).sort())
  }
  const ports = await system.listByBinding()
  return platform === 'darwin' ? ports.map(port => ({ ...port, path: callOutPath(port.path, root) })) : ports
}

/** macOS names each port twice; opening the dial-in one (`tty.`) may wait for a carrier that no board has. */
function callOutPath(path: string, root: string): string {
  const callOut = path.replace(/^\/dev\/tty\./, '/dev/cu.')
  return existsSync(join(root, callOut)) ? callOut : path
}

async function readPorts(root: string, names: readonly string[]): Promise<PortInfo[]> {
  const ports: PortInfo[] = []
  for (const name of names) {
    const path = `/dev/${name}`
    // A container may see the kernel's ports without having them.
    if (!existsSync(join(root, path))) continue
    ports.push({ path, ...(await readUsbOf(join(root, 'sys/class/tty', name))) })
  }
  return ports
}

/** A port's folder lies below that of its interface, and that one below that of its USB device. */
async function readUsbOf(link: string): Promise<Omit<PortInfo, 'path'>> {
  let folder = await realpath(link).catch(() => '')
  let interfaceNumber: number | undefined
  for (let levels = 0; levels < 6 && folder.length > 1; levels++, folder = dirname(folder)) {
    const ofInterface = await readAttribute(folder, 'bInterfaceNumber')
    if (ofInterface !== undefined) interfaceNumber = Number.parseInt(ofInterface, 16)
    const vendorId = await readAttribute(folder, 'idVendor')
    if (vendorId === undefined) continue
    return {
      vendorId,
      productId: await readAttribute(folder, 'idProduct'),
      serialNumber: await readAttribute(folder, 'serial'),
      manufacturer: await readAttribute(folder, 'manufacturer'),
      locationId: basename(folder),
      interfaceNumber,
    }
  }
  return {}
}

async function readAttribute(folder: string, name: string): Promise<string | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => '')
  return text.trim() === '' ? undefined : text.trim()
}

/** USB devices on Linux that have no serial port: their driver is missing, or a program took them. None elsewhere. */
export async function listUsbWithoutPort(root = '/'): Promise<UsbDevice[]> {
  const folder = join(root, 'sys/bus/usb/devices')
  const names = await readdir(folder).catch(() => [])
  const ports = await listSystemPorts({ ...thisSystem, platform: 'linux', root }).catch(() => [])
  const used = new Set(ports.map(port => port.locationId))
  const devices: UsbDevice[] = []
  // Interfaces have a colon in their name.
  for (const location of names.filter(name => !name.includes(':') && !used.has(name))) {
    const vendorId = Number.parseInt((await readAttribute(join(folder, location), 'idVendor')) ?? '', 16)
    const productId = Number.parseInt((await readAttribute(join(folder, location), 'idProduct')) ?? '', 16)
    if (!Number.isNaN(vendorId) && !Number.isNaN(productId)) devices.push({ vendorId, productId, location })
  }
  return devices
}
