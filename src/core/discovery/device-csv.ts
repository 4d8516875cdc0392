/** Remembered devices as CSV, for another station or a spreadsheet, and back. Nothing is taken in when one line is wrong. */
import { z } from 'zod'
import type { DeviceEntry } from '../../shared/contract/models.ts'
import { asFlashproofError, FlashproofError } from '../../shared/errors.ts'
import { stripControl } from '../../shared/units.ts'
import { BYTE_ORDER_MARK } from '../journal/exports/csv.ts'
import { readCsvRow, writeCsvRow } from '../journal/exports/csv-text.ts'
import { deviceEntry, normalMac } from './device-key.ts'
import { isEndpoint, parseTarget } from './target.ts'

const columns = ['target', 'name', 'mac', 'chip', 'protocols', 'label', 'lastSeenAt'] as const
type Column = (typeof columns)[number]

const MAXIMUM_LINES = 500
const MAXIMUM_TEXT = 80
/** Faults that one error names; the rest is counted. */
const MAXIMUM_FAULTS = 20

const Time = z.iso.datetime({ offset: true })

export function writeDeviceCsv(entries: readonly DeviceEntry[]): string {
  const rows = entries.map(({ target, name, identity, protocols, label, lastSeenAt }) =>
    writeCsvRow([
      target,
      name ?? '',
      identity?.mac ?? '',
      identity?.chip ?? '',
      protocols.join(' '),
      label ?? '',
      lastSeenAt ?? '',
    ]),
  )
  return `${BYTE_ORDER_MARK}${writeCsvRow(columns)}${rows.join('')}`
}

/**
 * Reads devices; the label of each stands in its entry.
 * @param knownProtocols what the column `protocols` may name, separated by spaces
 * @throws {FlashproofError} devices-file.invalid with the faults, each with the number of its line
 */
export function readDeviceCsv(text: string, knownProtocols: readonly string[]): DeviceEntry[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const faults: { line: number; text: string }[] = []
  const header = (readCsvRow(lines[0] ?? '') ?? []).map(cell => cell.trim())
  const unknown = header.filter(name => !columns.some(column => column === name))
  if (!header.includes('target') || unknown.length > 0) {
    const isMissing = !header.includes('target')
    const what = isMissing ? 'the column “target” is missing' : `unknown columns: ${unknown.join(', ')}`
    throw invalid([{ line: 1, text: `${stripControl(what, MAXIMUM_TEXT)}; the columns are ${columns.join(',')}` }])
  }
  const entries: DeviceEntry[] = []
  const lineOfTarget = new Map<string, number>()
  for (const [index, line] of lines.slice(1).entries()) {
    if (line.trim() === '') continue
    const number = index + 2
    try {
      const entry = readLine(line, header, knownProtocols)
      const other = lineOfTarget.get(entry.target)
      if (other !== undefined) throw new Error(`the same target stands in line ${String(other)}`)
      lineOfTarget.set(entry.target, number)
      entries.push(entry)
    } catch (fault) {
      faults.push({ line: number, text: asFlashproofError(fault).message })
    }
  }
  if (entries.length > MAXIMUM_LINES) {
    faults.push({ line: MAXIMUM_LINES + 2, text: `at most ${String(MAXIMUM_LINES)} devices are remembered` })
  }
  if (faults.length > 0) throw invalid(faults)
  return entries
}

function readLine(line: string, header: readonly string[], knownProtocols: readonly string[]): DeviceEntry {
  const cells = readCsvRow(line)
  if (cells === null) throw new Error('its quotation marks do not match')
  if (cells.length !== header.length) {
    throw new Error(`it has ${String(cells.length)} cells, the header ${String(header.length)}`)
  }
  const cell = (column: Column): string => {
    const text = cells[header.indexOf(column)]?.trim() ?? ''
    if (column !== 'target' && text.length > MAXIMUM_TEXT) {
      throw new Error(`“${column}” is longer than ${String(MAXIMUM_TEXT)} characters`)
    }
    return stripControl(text, 2048)
  }
  const endpoint = parseTarget(cell('target'))
  if (!isEndpoint(endpoint)) throw new Error(`“${endpoint.text}” is a name, not an address`)
  const mac = cell('mac') === '' ? null : normalMac(cell('mac'))
  if (cell('mac') !== '' && mac === null) throw new Error(`“${cell('mac')}” is no MAC address`)
  const protocols = cell('protocols')
    .split(/[\s;]+/)
    .filter(id => id !== '')
  const unknown = protocols.find(id => !knownProtocols.includes(id))
  if (unknown !== undefined) throw new Error(`there is no protocol “${unknown}”`)
  const lastSeenAt = cell('lastSeenAt')
  if (lastSeenAt !== '' && !Time.safeParse(lastSeenAt).success) {
    throw new Error(`“${lastSeenAt}” is no time such as 2026-11-21T10:14:03+07:00`)
  }
  const identity = {
    ...(mac === null ? {} : { mac }),
    ...(cell('chip') === '' ? {} : { chip: cell('chip') }),
  }
  return deviceEntry({
    target: endpoint.text,
    source: 'remembered',
    name: cell('name') || null,
    identity: Object.keys(identity).length === 0 ? null : identity,
    protocols,
    label: cell('label') || null,
    lastSeenAt: lastSeenAt || null,
  })
}

function invalid(faults: readonly { readonly line: number; readonly text: string }[]): FlashproofError {
  const [first] = faults
  const others = faults.length > 1 ? `, and ${String(faults.length - 1)} more` : ''
  const message = `line ${String(first?.line)}: ${first?.text ?? ''}${others}; nothing was imported`
  return new FlashproofError('devices-file.invalid', message, { faults: faults.slice(0, MAXIMUM_FAULTS) })
}
