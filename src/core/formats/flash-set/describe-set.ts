/** Describes a set: every part by itself, and whether the parts belong together and lie where the chip looks for them. */
import type { Finding } from '../../../shared/contract/models.ts'
import { formatAddress } from '../../../shared/units.ts'
import { chipByName } from '../esp-image/chips.ts'
import { describeEspFile } from '../esp-image/describe-file.ts'
import { finding } from '../esp-image/findings.ts'
import type { Partition } from '../esp-image/partition-table.ts'
import { emptyReport, type EspDescription, type EspReport } from '../esp-image/report-fields.ts'
import type { SetPart } from './parts.ts'
import type { FlashSettings, SetPlan } from './plan.ts'

interface DescribedPart {
  readonly part: SetPart
  readonly esp: EspReport | null
  readonly findings: readonly Finding[]
}

/** What is said of one file and not of a part of a set: its place is given. */
const ABOUT_LOOSE_FILES = ['merged-image', 'bootloader-image']

export function describeSet(plan: SetPlan, parts: readonly SetPart[]): EspDescription {
  const described = parts.map((part): DescribedPart => {
    const found = describeEspFile(part.bytes)
    return { part, esp: found?.esp ?? null, findings: found?.findings ?? [] }
  })
  const ofKind = (kind: EspReport['kind']): DescribedPart | undefined => described.find(({ esp }) => esp?.kind === kind)
  const merged = ofKind('merged')
  const bootloader = ofKind('bootloader') ?? merged
  const app = ofKind('app') ?? merged
  const images = described.filter(({ esp }) => esp !== null && ['app', 'bootloader', 'merged'].includes(esp.kind))
  const partitions = (ofKind('partition-table') ?? merged)?.esp?.partitions ?? null
  const chip = plan.chip ?? images.find(({ esp }) => esp?.chip)?.esp?.chip ?? null
  const header = bootloader?.esp ?? app?.esp ?? null
  const limits = app?.esp ?? header
  const esp: EspReport = {
    ...emptyReport('set'),
    chip,
    chipId: chip === null ? null : (chipByName(chip)?.imageChipId ?? null),
    minChipRevision: limits?.minChipRevision ?? null,
    maxChipRevision: limits?.maxChipRevision ?? null,
    flashMode: header?.flashMode ?? null,
    flashSize: header?.flashSize ?? null,
    flashFrequency: header?.flashFrequency ?? null,
    checksumValid: allValid(described.map(part => part.esp?.checksumValid ?? null)),
    sha256Valid: allValid(described.map(part => part.esp?.sha256Valid ?? null)),
    isSigned: images.some(part => part.esp?.isSigned === true),
    app: app?.esp?.app ?? null,
    partitions,
    parts: described.flatMap(part => reportParts(part, partitions)),
  }
  return {
    esp,
    findings: [
      ...(plan.variant === null ? [] : [finding('info', 'variant', `the build for ${plan.variant} was chosen`)]),
      ...described.flatMap(({ part, findings }) =>
        findings
          .filter(({ code }) => !ABOUT_LOOSE_FILES.includes(code))
          .map(({ severity, code, text }) => finding(severity, code, `${part.path}: ${text}`)),
      ),
      ...findStrangers(images, chip),
      ...findMisplaced(described, partitions),
      ...findOtherSettings(plan.settings, ofKind('bootloader')),
      ...plan.encrypted.map(path => finding('warning', 'encrypted-part', encryptedText(path))),
    ],
  }
}

function encryptedText(path: string): string {
  return `${path} is meant to be encrypted while it is written; here it is written as it is, which a board with flash encryption cannot start`
}

/** Null where there is nothing to compare; false where one is wrong. */
function allValid(answers: readonly (boolean | null)[]): boolean | null {
  const told = answers.filter(answer => answer !== null)
  return told.length === 0 ? null : told.every(answer => answer)
}

function reportParts(
  { part, esp }: DescribedPart,
  partitions: EspReport['partitions'],
): NonNullable<EspReport['parts']> {
  const { path: file, offset, sha256 } = part
  if (esp?.kind === 'merged') {
    return (esp.parts ?? []).map(inner => ({ kind: inner.kind, offset: offset + inner.offset, file, sha256 }))
  }
  return [{ kind: esp?.kind ?? dataKind(partitions, offset), offset, file, sha256 }]
}

function dataKind(partitions: EspReport['partitions'], offset: number): string {
  const around = partitionAround(partitions, offset)
  return around?.type === 'data' ? `data:${around.subtype}` : 'data'
}

function partitionAround(partitions: EspReport['partitions'], offset: number): Partition | undefined {
  return partitions?.find(partition => offset >= partition.offset && offset < partition.offset + partition.sizeBytes)
}

/** Parts that were built for another chip than the set is for. */
function findStrangers(images: readonly DescribedPart[], chip: string | null): Finding[] {
  return images.flatMap(({ part, esp }) => {
    const own = esp?.chip ?? null
    if (own === null || chip === null || own === chip) return []
    return [finding('error', 'mixed-chips', `${part.path} was made for the ${own}, the set is for the ${chip}`)]
  })
}

function findMisplaced(described: readonly DescribedPart[], partitions: EspReport['partitions']): Finding[] {
  return described.flatMap(({ part, esp }) => {
    if (esp?.kind === 'bootloader') return findBootloaderPlace(part, esp)
    const around = partitionAround(partitions, part.offset)
    if (partitions === null || (esp?.kind !== 'app' && around === undefined)) return []
    if (esp?.kind === 'app' && (around?.type !== 'app' || around.offset !== part.offset)) {
      const text = `${part.path} is an application, but at ${formatAddress(part.offset)} begins no app partition of this set`
      return [finding('error', 'app-outside-partition', text)]
    }
    const room = around === undefined ? Infinity : around.offset + around.sizeBytes - part.offset
    if (around === undefined || part.bytes.length <= room) return []
    const text = `${part.path} has ${String(part.bytes.length)} bytes, “${around.label}” has room for ${String(room)}`
    return [finding('error', esp?.kind === 'app' ? 'app-too-large' : 'part-too-large', text)]
  })
}

function findBootloaderPlace(part: SetPart, esp: EspReport): Finding[] {
  const place = chipByName(esp.chip ?? '')?.bootloaderOffset
  if (place === undefined || place === part.offset) return []
  const text = `${part.path} is a bootloader; the ${String(esp.chip)} looks for it at ${formatAddress(place)}, the set puts it at ${formatAddress(part.offset)}`
  return [finding('error', 'bootloader-misplaced', text)]
}

/** esptool would write these into the header; nothing here changes bytes that somebody built. */
function findOtherSettings(settings: FlashSettings, bootloader: DescribedPart | undefined): Finding[] {
  const esp = bootloader?.esp ?? null
  if (bootloader === undefined || esp === null) return []
  const pairs = [
    ['mode', settings.mode, esp.flashMode],
    ['frequency', settings.frequency, esp.flashFrequency],
    ['size', settings.size, esp.flashSize],
  ] as const
  const differing = pairs.filter(
    ([, wanted, found]) => wanted !== null && found !== null && wanted.toLowerCase() !== found.toLowerCase(),
  )
  if (differing.length === 0) return []
  const list = differing
    .map(([name, wanted, found]) => `${name} ${String(wanted)} (header: ${String(found)})`)
    .join(', ')
  const text = `the set asks for flash ${list}; the header of ${bootloader.part.path} is written as it was built, esptool would change it`
  return [finding('warning', 'flash-settings-differ', text)]
}
