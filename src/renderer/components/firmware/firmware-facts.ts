/** What the card says of a firmware, worked out from its inspection. Pure. */
import type { Inspection } from '../../../shared/contract/index.ts'
import { stripControl } from '../../../shared/units.ts'
import type { AddressRange } from '../../memory/layout.ts'
import { firmwareTexts } from '../../texts/firmware-texts.ts'

/** Bits on a line for each byte: one start bit, eight data bits, one stop bit. */
const BITS_A_BYTE = 10
const LINE_BAUD = 115_200
const MIB = 1024 * 1024
const MOST_NAME_CHARACTERS = 120

type EspApp = NonNullable<NonNullable<Inspection['esp']>['app']>

/** Project and version, where they are the firmware's own; else the file's name. */
export function titleOf(inspection: Inspection): { readonly name: string; readonly version: string } {
  const app = ownApp(inspection)
  if (app === null) return { name: stripControl(inspection.fileName, MOST_NAME_CHARACTERS), version: '' }
  return { name: stripControl(app.projectName, 64), version: stripControl(app.version, 64) }
}

/** Arduino's core is compiled once for all sketches, so that descriptor names the core. */
function ownApp(inspection: Inspection): EspApp | null {
  const app = inspection.esp?.app ?? null
  if (app === null || app.projectName === '') return null
  return inspection.findings.some(({ code }) => code === 'arduino-build') ? null : app
}

export interface Saving {
  readonly savedBytes: number
  readonly savedSeconds: number
}

/** What sending the image instead of its text saves; null where it saves nothing. */
export function savingOf(inspection: Inspection): Saving | null {
  const { sourceBytes, imageBytes, baseAddress } = inspection
  if (baseAddress === null || imageBytes === null || imageBytes >= sourceBytes) return null
  const savedBytes = sourceBytes - imageBytes
  return { savedBytes, savedSeconds: (savedBytes * BITS_A_BYTE) / LINE_BAUD }
}

/**
 * The flash that the image is drawn against: what the image's own header names, else what the device reported.
 * @param reportedBytes size of the flash by the selected device's telemetry
 */
export function flashOf(inspection: Inspection, reportedBytes: number | null): AddressRange | null {
  const named = /^(\d{1,4})MB$/.exec(inspection.esp?.flashSize ?? '')?.[1]
  const sizeBytes = reportedBytes ?? (named === undefined ? null : Number(named) * MIB)
  if (sizeBytes === null || sizeBytes <= 0) return null
  // An STM32's flash does not begin at zero; where it begins is known from the image's own addresses alone.
  const lowest = inspection.segments[0]?.address ?? 0
  const address = lowest >= 0x0800_0000 && lowest < 0x0900_0000 ? 0x0800_0000 : 0
  return { address, sizeBytes }
}

type Part = NonNullable<NonNullable<Inspection['esp']>['parts']>[number]

/** What a part of a set or of a merged image is, such as `partition table`, with the file that it comes from. */
export function partName({ kind, file }: Part, text: (key: keyof typeof firmwareTexts) => string): string {
  const words = kindName(kind, text)
  const fileName = file?.split(/[/\\]/).at(-1)
  return fileName === undefined ? words : `${words} · ${stripControl(fileName, 80)}`
}

function kindName(kind: string, text: (key: keyof typeof firmwareTexts) => string): string {
  const key = `kind-${kind}`
  return isTextKey(key) ? text(key) : stripControl(kind, 40)
}

function isTextKey(key: string): key is keyof typeof firmwareTexts {
  return Object.hasOwn(firmwareTexts, key)
}

/** Names of what lies at which flash address; empty where the file is one image without an address. */
export function partNames(
  inspection: Inspection,
  text: (key: keyof typeof firmwareTexts) => string,
): ReadonlyMap<number, string> {
  const base = inspection.esp?.kind === 'merged' ? (inspection.baseAddress ?? 0) : 0
  return new Map((inspection.esp?.parts ?? []).map(part => [base + part.offset, kindName(part.kind, text)]))
}

/** `ab12f09c…11779f`: enough to compare by eye. */
export function shortHash(hash: string): string {
  return hash.length <= 18 ? hash : `${hash.slice(0, 8)}…${hash.slice(-6)}`
}
