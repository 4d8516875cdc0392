/** Reads the facts for “Check this PC” from the system. Sends nothing, changes nothing, asks for no rights. */
import { access, constants, readdir, readFile, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'
import type { DiscoveryChannel } from '../../shared/contract/models.ts'
import type { Clock } from '../clock.ts'
import { hasPortRule } from '../discovery/port-hindrances.ts'
import { listUsbWithoutPort } from '../discovery/system-ports.ts'
import { findAdapter } from '../discovery/usb-serial-adapters.ts'
import { listPrograms } from '../running-programs.ts'
import type { InterfaceFact, LostAdapter, PcFacts, SerialPortFact } from './facts.ts'

export interface FactSources {
  readonly home: string
  readonly clock: Clock
  readonly channels: readonly DiscoveryChannel[]
  /** A file that came with the program: the clock cannot be earlier. */
  readonly installedFile: URL
  readonly platform?: NodeJS.Platform
  /** In front of every absolute path: a test's own tree of files. */
  readonly root?: string
  readonly path?: string
  readonly interfaces?: ReturnType<typeof networkInterfaces>
  readonly groupIds?: readonly number[]
  /** Loads the native serial driver. */
  readonly loadDriver?: () => Promise<unknown>
}

const SERIAL_NAMES = /^tty(USB|ACM)\d+$/
const SERIAL_GROUPS = ['dialout', 'uucp']

export async function readPcFacts(sources: FactSources): Promise<PcFacts> {
  const platform = sources.platform ?? process.platform
  const root = sources.root ?? '/'
  const isLinux = platform === 'linux'
  const [freeBytes, writeFailure, serial, serialDriver, programs, sleep, firewall, builtMs] = await Promise.all([
    statfs(sources.home).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    ),
    tryToWrite(sources.home),
    isLinux ? readSerial(root, sources) : null,
    tryDriver(sources.loadDriver ?? (() => import('serialport'))),
    isLinux ? listPrograms(root) : null,
    isLinux ? readSleep(root) : null,
    isLinux ? readFirewall(root) : null,
    stat(sources.installedFile).then(
      ({ mtimeMs }) => mtimeMs,
      () => null,
    ),
  ])
  return {
    platform,
    home: { path: sources.home, freeBytes, writeFailure },
    serial,
    serialDriver,
    programs,
    interfaces: listInterfaces(sources.interfaces ?? networkInterfaces()),
    channels: sources.channels,
    sleep,
    firewall,
    nowMs: sources.clock.nowMs(),
    builtMs,
  }
}

/** Rights alone do not tell: a read-only or a full file system refuses too. */
async function tryToWrite(home: string): Promise<string | null> {
  const path = join(home, `.write-check.${String(process.pid)}`)
  try {
    await writeFile(path, 'x', { mode: 0o600 })
    await unlink(path)
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

async function readSerial(root: string, sources: FactSources): Promise<PcFacts['serial']> {
  const folder = join(root, 'dev')
  const names = await readdir(folder).catch(() => [])
  const ports: SerialPortFact[] = []
  for (const name of names.filter(candidate => SERIAL_NAMES.test(candidate)).sort()) {
    const isUsable = await canUse(join(folder, name))
    ports.push({ path: `/dev/${name}`, isUsable })
  }
  const groups = await readGroups(root)
  const ids = sources.groupIds ?? process.getgroups?.() ?? null
  const searchPath = sources.path ?? process.env['PATH'] ?? ''
  const folders = [...searchPath.split(delimiter), '/sbin', '/usr/sbin', '/usr/bin', '/bin'].map(path =>
    join(root, path),
  )
  const found = await Promise.all(folders.map(path => exists(join(path, 'udevadm'))))
  return {
    ports,
    groups:
      ids === null || groups === null ? null : groups.filter(group => ids.includes(group.id)).map(group => group.name),
    portGroup: groups?.find(group => SERIAL_GROUPS.includes(group.name))?.name ?? null,
    canList: found.includes(true) || (await exists(join(root, 'sys/class/tty'))),
    hasRule: hasPortRule(root),
    adaptersWithoutPort: await findLostAdapters(root),
  }
}

async function findLostAdapters(root: string): Promise<LostAdapter[]> {
  const devices = await listUsbWithoutPort(root)
  return devices.flatMap(({ vendorId, productId, location }) => {
    const adapter = findAdapter(vendorId, productId)
    // A whole maker's ids are no promise of a port.
    if (adapter?.productIds === undefined || adapter.isWithoutPort === true) return []
    return [{ name: adapter.name, location, isTakenByBrltty: adapter.isTakenByBrltty === true }]
  })
}

async function tryDriver(load: () => Promise<unknown>): Promise<{ failure: string | null }> {
  try {
    await load()
    return { failure: null }
  } catch (error) {
    return { failure: (error instanceof Error ? error.message : String(error)).slice(0, 300) }
  }
}

/** Access by a group, and access that udev gave to whoever sits here, look the same from here. */
function canUse(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function readGroups(root: string): Promise<{ name: string; id: number }[] | null> {
  const text = await readFile(join(root, 'etc/group'), 'utf8').catch(() => null)
  if (text === null) return null
  return text.split('\n').flatMap(line => {
    const [name, , id] = line.split(':')
    return name === undefined || id === undefined ? [] : [{ name, id: Number(id) }]
  })
}

/** Only what systemd decides is in a file; a desktop's own policy is not. */
async function readSleep(root: string): Promise<PcFacts['sleep']> {
  const masked = await stat(join(root, 'etc/systemd/system/sleep.target')).catch(() => null)
  if (masked !== null && !masked.isFile()) return { mayIdleSleep: false, source: 'sleep.target' }
  const text = await readFile(join(root, 'etc/systemd/logind.conf'), 'utf8').catch(() => null)
  const action = /^\s*IdleAction\s*=\s*(\S+)/m.exec(text ?? '')?.[1]
  if (action === undefined) return null
  const mayIdleSleep = !['ignore', 'lock'].includes(action)
  return { mayIdleSleep, source: `logind.conf: IdleAction=${action}` }
}

async function readFirewall(root: string): Promise<PcFacts['firewall']> {
  const text = await readFile(join(root, 'etc/ufw/ufw.conf'), 'utf8').catch(() => null)
  const enabled = /^\s*ENABLED\s*=\s*(yes|no)/im.exec(text ?? '')?.[1]?.toLowerCase()
  if (enabled === 'yes') return { isActive: true, source: 'ufw' }
  // Another firewall may stand behind an ufw that is off; its rules are for administrators alone.
  return null
}

function listInterfaces(all: ReturnType<typeof networkInterfaces>): InterfaceFact[] {
  return Object.entries(all).flatMap(([name, addresses = []]) => {
    const outward = addresses.filter(({ internal }) => !internal).map(({ address }) => address)
    return outward.length === 0 ? [] : [{ name, addresses: outward }]
  })
}
