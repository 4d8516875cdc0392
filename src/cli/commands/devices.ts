/** `flashproof devices`: what can be found or is remembered, a search of a range, and the list as a file. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { DeviceEntry, DiscoveryChannel, EventOf } from '../../shared/contract/index.ts'
import { asFlashproofError, FlashproofError, errorTable } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'
import type { CommandContext } from '../command-context.ts'
import { deviceWords, type DeviceWords } from '../device-words.ts'
import { fileError } from '../file-error.ts'
import type { DevicesCommand } from '../parsed-command.ts'
import { renderColumns } from '../text-columns.ts'
import type { WorkerSession } from '../worker-session.ts'

const DEFAULT_WAIT_MS = 3_000
/** More is no list of devices. */
const LARGEST_FILE_BYTES = 1024 * 1024

export async function runDevices(context: CommandContext, command: DevicesCommand): Promise<number> {
  const { report, interruption } = context
  const session = await context.openSession()
  const words = deviceWords(report.language)
  if (command.importPath !== undefined) await importDevices(context, session, command.importPath, words)
  if (command.exportPath !== undefined) await exportDevices(context, session, command.exportPath, words)
  const isCancelled = command.scan !== undefined && !(await scan(context, session, command, words))
  if (isCancelled) return errorTable['call.aborted'].exitCode
  const identified = command.isIdentifying
    ? await identifyBoards(context, session, words)
    : new Map<string, DeviceEntry>()
  // Somebody who works with files or a range did not ask to listen.
  const isListening = command.scan === undefined && command.importPath === undefined && command.exportPath === undefined
  const request = { waitMs: command.waitMs ?? (isListening ? DEFAULT_WAIT_MS : 0) }
  const answer = await session.client.call('device.list', request, { signal: interruption.signal })
  const { channels = [] } = answer
  const devices = answer.devices.map(device => withAnswer(device, identified.get(device.target)))
  for (const device of devices) report.json({ type: 'device', ...device })
  if (devices.length === 0) report.notice(report.texts.noDevices)
  else report.result(describeDevices(devices, words).join('\n'))
  for (const line of describeFaults(channels, report.language)) report.notice(line)
  return 0
}

/** @returns whether it came to its end */
async function scan(
  { report, interruption }: CommandContext,
  session: WorkerSession,
  { scan: cidr = '', ratePerSecond, httpPorts, isPublicAllowed }: DevicesCommand,
  words: DeviceWords,
): Promise<boolean> {
  const { client } = session
  const end = Promise.withResolvers<EventOf<'discovery.scanned'>>()
  const unsubscribe = client.subscribe('discovery.scanned', event => {
    if (event.state !== 'running') end.resolve(event)
  })
  let onAbort = (): void => undefined
  try {
    const { scanId, hosts } = await client.call('discovery.scan', {
      cidr,
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      ...(httpPorts.length === 0 ? {} : { httpPorts: [...httpPorts] }),
      ...(isPublicAllowed ? { includePublic: true } : {}),
    })
    onAbort = () => {
      client.call('discovery.cancel-scan', { scanId }).catch(() => undefined)
    }
    interruption.signal.addEventListener('abort', onAbort, { once: true })
    if (interruption.signal.aborted) onAbort()
    report.notice(words.searching(hosts, stripControl(cidr, 64)))
    const { state, asked, total, answering, found, error } = await Promise.race([end.promise, session.died])
    report.json({ type: 'scan', scanId, state, asked, total, answering, found })
    if (error !== null) throw new FlashproofError('internal.unexpected', error.message, { code: error.code })
    if (state === 'cancelled') report.notice(words.searchCancelled)
    report.notice(words.searched(asked, total, answering, found))
    return state === 'ended'
  } finally {
    interruption.signal.removeEventListener('abort', onAbort)
    unsubscribe()
  }
}

/** Asks the board on each serial port that is there; one that does not answer takes nothing from the others. */
async function identifyBoards(
  { report, interruption }: CommandContext,
  { client }: WorkerSession,
  words: DeviceWords,
): Promise<ReadonlyMap<string, DeviceEntry>> {
  const { signal } = interruption
  const { devices } = await client.call('device.list', { waitMs: 0 }, { signal })
  const targets = devices.filter(isOnSerialPort).map(({ target }) => target)
  if (targets.length === 0) report.notice(words.noPorts)
  const answers = await Promise.all(
    targets.map(async target => {
      const shown = stripControl(target, 120)
      try {
        const { device, probe } = await client.call('device.identify', { target }, { signal })
        if (device === null) report.notice(words.notIdentified(shown, stripControl(probe.notes.join('; '), 400)))
        return device === null ? [] : [[target, device] as const]
      } catch (error) {
        if (signal.aborted) throw error
        report.notice(words.notIdentified(shown, stripControl(asFlashproofError(error).message, 400)))
        return []
      }
    }),
  )
  return new Map(answers.flat())
}

function isOnSerialPort({ target, present }: DeviceEntry): boolean {
  return present !== false && /^(serial|rfc2217):/.test(target)
}

/** A board behind an adapter that cannot be told from another is not remembered; what it just said is shown all the same. */
function withAnswer(device: DeviceEntry, answer: DeviceEntry | undefined): DeviceEntry {
  if (answer === undefined || device.identity?.mac !== undefined) return device
  return { ...device, identity: answer.identity, protocols: answer.protocols }
}

async function importDevices(
  { report, interruption }: CommandContext,
  { client }: WorkerSession,
  path: string,
  words: DeviceWords,
): Promise<void> {
  const bytes = await readFile(path).catch((thrown: unknown) => {
    throw fileError(thrown, path)
  })
  if (bytes.length > LARGEST_FILE_BYTES) {
    throw new FlashproofError('file.too-large', `${path} is no list of devices`, { path, sizeBytes: bytes.length })
  }
  const { devices } = await client.call(
    'device.import',
    { csv: bytes.toString('utf8') },
    { signal: interruption.signal },
  )
  report.json({ type: 'device-import', path: resolve(path), devices })
  report.notice(words.imported(devices))
}

async function exportDevices(
  { report, interruption }: CommandContext,
  { client }: WorkerSession,
  path: string,
  words: DeviceWords,
): Promise<void> {
  const { csv, devices } = await client.call('device.export', {}, { signal: interruption.signal })
  const temporary = `${path}.${String(process.pid)}.new`
  try {
    await writeFile(temporary, csv)
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    const { code, details } = fileError(thrown, path)
    throw new FlashproofError(code === 'file.not-readable' ? 'file.not-writable' : code, path, details, {
      cause: thrown,
    })
  }
  report.json({ type: 'device-export', path: resolve(path), devices })
  report.notice(words.exported(devices, resolve(path)))
}

function describeDevices(devices: readonly DeviceEntry[], words: DeviceWords): string[] {
  const rows = devices.map(device => ({ device, cells: describeDevice(device, words) }))
  const [heading = '', ...lines] = renderColumns([words.headings, ...rows.map(({ cells }) => cells)])
  return [heading, ...lines.flatMap((line, index) => [line, ...describeMore(devices[index], words)])]
}

function describeDevice(device: DeviceEntry, words: DeviceWords): string[] {
  const { identity, label, name } = device
  const source = device.simulated ? `${device.source} (virtual)` : device.source
  return [
    stripControl(label ?? name ?? identity?.name ?? identity?.id ?? '-', 40),
    stripControl(device.target, 120),
    stripControl(identity?.mac ?? '-', 40),
    stripControl(identity?.chip ?? '-', 40),
    device.protocols.length === 0 ? '-' : device.protocols.join(','),
    [source, device.place, device.present === false ? words.away : null].filter(part => part !== null).join(', '),
  ]
}

/** Its other places, and what is worth knowing of it, indented under its line. */
function describeMore(device: DeviceEntry | undefined, words: DeviceWords): string[] {
  const others = (device?.otherTargets ?? []).map(({ target, protocols }) => {
    const spoken = protocols.length === 0 ? '' : ` (${protocols.join(',')})`
    return `    ${words.alsoAt} ${stripControl(target, 120)}${spoken}`
  })
  const language = words === deviceWords('vi') ? 'vi' : 'en'
  const notes = (device?.notes ?? []).map(note => `    ${stripControl(note[language], 300)}`)
  return [...others, ...notes]
}

function describeFaults(channels: readonly DiscoveryChannel[], language: 'en' | 'vi'): string[] {
  return channels.flatMap(({ name, diagnosis }) =>
    diagnosis === null ? [] : [`${stripControl(name, 60)}: ${stripControl(diagnosis[language], 400)}`],
  )
}
