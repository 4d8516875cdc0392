/** The check before a write: whether an inspected file may go where it is about to be put. */
import type { Inspection } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { normaliseChipName } from './chips.ts'

export interface FlashTarget {
  /** What the place is meant for. `merged`: the whole flash. */
  readonly slot: NonNullable<Inspection['esp']>['kind']
  /** What the device calls its chip, in any spelling; a name that is not known is not compared. */
  readonly chip?: string
  /** major × 100 + minor of the device's chip. */
  readonly chipRevision?: number
  /** Room in the slot, in bytes. */
  readonly slotBytes?: number
}

const kindNames: Readonly<Record<NonNullable<Inspection['esp']>['kind'], string>> = {
  app: 'an application',
  bootloader: 'a bootloader',
  'partition-table': 'a partition table',
  merged: 'a merged image of the whole flash',
  otadata: 'otadata (the choice of the app slot)',
  set: 'a set of several files',
}

const nextSteps: Readonly<Record<NonNullable<Inspection['esp']>['kind'], string>> = {
  app: 'choose the app slot for it',
  bootloader: 'choose the application .bin instead, or write it over a serial port at its own offset',
  'partition-table': 'choose the application .bin instead',
  merged: 'choose the application .bin instead (the largest part), or write the merged file over a serial port',
  otadata: 'choose the application .bin instead',
  set: 'choose its application .bin instead, or write the set over a serial port',
}

/**
 * Returns when the file fits the target.
 * @throws {FlashproofError} image.wrong-kind, image.corrupt, image.wrong-chip, image.too-large
 */
export function assertFlashableAs(inspection: Inspection, target: FlashTarget): void {
  const { esp, fileName } = inspection
  if (esp === null) {
    throw new FlashproofError(
      'image.wrong-kind',
      `${fileName} is no Espressif image; ${kindNames[target.slot]} is wanted here`,
      { file: fileName, wanted: target.slot, found: null, format: inspection.format },
    )
  }
  if (esp.kind !== target.slot) {
    throw new FlashproofError(
      'image.wrong-kind',
      `${fileName} is ${kindNames[esp.kind]}, ${kindNames[target.slot]} is wanted here; ${nextSteps[esp.kind]}`,
      { file: fileName, wanted: target.slot, found: esp.kind },
    )
  }
  const damage = inspection.findings.filter(({ severity }) => severity === 'error')
  if (damage.length > 0) {
    throw new FlashproofError(
      'image.corrupt',
      `${fileName} is damaged: ${damage.map(({ text }) => text).join('; ')}. Build or download it again`,
      { file: fileName, findings: damage },
    )
  }
  assertChip(inspection, target)
  const sizeBytes = inspection.imageBytes ?? inspection.dataBytes
  if (target.slotBytes !== undefined && sizeBytes > target.slotBytes) {
    throw new FlashproofError(
      'image.too-large',
      `${fileName} has ${String(sizeBytes)} bytes, the slot holds ${String(target.slotBytes)}`,
      { file: fileName, sizeBytes, slotBytes: target.slotBytes, excessBytes: sizeBytes - target.slotBytes },
    )
  }
}

function assertChip({ esp, fileName }: Inspection, target: FlashTarget): void {
  const deviceChip = target.chip === undefined ? null : normaliseChipName(target.chip)
  const imageChip = esp?.chip ?? null
  if (deviceChip !== null && imageChip !== null && deviceChip !== imageChip) {
    throw new FlashproofError(
      'image.wrong-chip',
      `${fileName} was made for the ${imageChip}, the device is an ${deviceChip}; choose the build for the ${deviceChip}`,
      { file: fileName, imageChip, deviceChip },
    )
  }
  const revision = target.chipRevision
  const minimum = esp?.minChipRevision ?? null
  const maximum = esp?.maxChipRevision ?? null
  if (revision === undefined || imageChip === null) return
  if ((minimum !== null && revision < minimum) || (maximum !== null && revision > maximum)) {
    throw new FlashproofError(
      'image.wrong-chip',
      `${fileName} wants chip revision ${formatRevision(minimum ?? 0)} to ${maximum === null ? 'any later' : formatRevision(maximum)}, the device has ${formatRevision(revision)}`,
      { file: fileName, minChipRevision: minimum, maxChipRevision: maximum, deviceRevision: revision },
    )
  }
}

function formatRevision(revision: number): string {
  return `v${String(Math.floor(revision / 100))}.${String(revision % 100)}`
}
