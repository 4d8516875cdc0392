/** What is checked before the first byte: is this firmware for an STM32, is it built for where it goes, what can be proven. */
import type { EvidenceLevel, Inspection } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import type { Segment } from '../../image/memory-image.ts'
import { findLooseVectorTable } from '../../image/vector-table.ts'
import type { Reach } from '../evidence.ts'
import type { Judgement, RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import type { Stm32Options } from './options.ts'

export const NO_VECTOR_TABLE = 'no-vector-table'
export const ERASE_ALL = 'erase-all'
export const REMOVE_WRITE_PROTECTION = 'remove-write-protection'
export const WIPE_PROTECTED_CHIP = 'wipe-protected-chip'

/** What must be typed before everything that the chip holds is given up. */
const TYPED_ERASE = 'ERASE'

/** Flash is read back; after the start the loader is gone, and nothing on this line tells what runs. */
export const reach: Reach = {
  sent: 'yes',
  acknowledged: 'yes',
  received: 'yes',
  stored: 'yes',
  running: 'no',
  confirmed: 'no',
}

export function judgeRequired(wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'The bootloader lets the flash be read back.',
    vi: 'Bộ nạp cho phép đọc lại flash.',
  })
}

/** @param isResume an earlier run asked its questions already */
export function judgeImage(
  image: { readonly inspection: Inspection; readonly segments: readonly Segment[] },
  options: Stm32Options,
  isResume: boolean,
): Judgement[] {
  const { inspection } = image
  const kind = judgeKind(inspection, isResume)
  const base = inspection.baseAddress === null ? judgeBase(image.segments, options) : []
  const erasing = options.eraseAll && !isResume ? [eraseAllQuestion()] : []
  return [...kind, ...base, ...erasing]
}

/** What stands in the way of a chip whose flash cannot be read. */
export function judgeReadoutProtection(options: Stm32Options): Judgement {
  if (!options.removeProtection) return { kind: 'refusal', error: readoutProtected() }
  return {
    kind: 'question',
    code: WIPE_PROTECTED_CHIP,
    typed: TYPED_ERASE,
    details: { protection: 'readout' },
    text: {
      en: 'The chip is protected against being read. Taking the protection away erases everything that it holds. Go on?',
      vi: 'Chip đang được bảo vệ chống đọc. Gỡ bảo vệ sẽ xóa mọi thứ trong chip. Tiếp tục chứ?',
    },
  }
}

export function readoutProtected(): FlashproofError {
  const message =
    'the chip is protected against being read: it lets nothing be read, written or erased until the protection is taken away, which erases the whole chip (option removeProtection)'
  const details = { protection: 'readout', option: 'removeProtection', accept: WIPE_PROTECTED_CHIP }
  return new FlashproofError('loader.protected', message, details)
}

function judgeKind({ esp, stm32, fileName }: Inspection, isResume: boolean): Judgement[] {
  if (esp !== null) {
    const message = `${fileName} is an image for an Espressif chip: an STM32 cannot run it`
    const text = {
      en: 'This firmware is for an Espressif chip; an STM32 cannot run it.',
      vi: 'Phần sụn này dành cho chip Espressif; STM32 không chạy được.',
    }
    return [{ kind: 'refusal', error: new FlashproofError('image.wrong-kind', message, { kind: esp.kind }), text }]
  }
  if (stm32?.isPlausible === true || isResume) return []
  return [
    {
      kind: 'question',
      code: NO_VECTOR_TABLE,
      typed: null,
      details: { file: fileName },
      text: {
        en: `${fileName} does not begin with the vector table of an STM32 program. Write it all the same?`,
        vi: `${fileName} không bắt đầu bằng bảng vector của chương trình STM32. Vẫn ghi chứ?`,
      },
    },
  ]
}

/** A file without addresses is written where the option says; its own vectors tell for which place it was built. */
function judgeBase([first]: readonly Segment[], { base }: Stm32Options): Judgement[] {
  const built = first === undefined ? null : findLooseVectorTable(first.bytes)
  if (built === null || (base >= built.lowestBase && base <= built.highestBase)) return []
  const [from, to] = [formatAddress(built.lowestBase), formatAddress(built.highestBase)]
  const place = from === to ? from : `${from} … ${to}`
  const details = { base: formatAddress(base), builtFor: place, example: `base=${from}` }
  const text = {
    en: `This program was built for ${place}, and would be written at ${formatAddress(base)}, where it cannot run. State where it belongs with the option “base”.`,
    vi: `Chương trình này được dựng cho ${place}, nhưng sẽ bị ghi tại ${formatAddress(base)}, nơi nó không chạy được. Hãy nêu đúng chỗ bằng tùy chọn “base”.`,
  }
  return [{ kind: 'refusal', error: new FlashproofError('image.address-needed', text.en, details), text }]
}

function eraseAllQuestion(): Judgement {
  return {
    kind: 'question',
    code: ERASE_ALL,
    typed: TYPED_ERASE,
    details: {},
    text: {
      en: 'Everything in the flash of this chip is erased, settings and serial numbers too. Go on?',
      vi: 'Mọi thứ trong flash của chip sẽ bị xóa, kể cả cấu hình và số sê-ri. Tiếp tục chứ?',
    },
  }
}
