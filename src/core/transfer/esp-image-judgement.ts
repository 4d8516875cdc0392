/** Whether an image is one that an ESP32's update slot takes: for every protocol that writes an application to one. */
import type { Inspection } from '../../shared/contract/models.ts'
import { asFlashproofError } from '../../shared/errors.ts'
import type { LocalText } from '../../shared/messages/index.ts'
import { assertFlashableAs } from '../formats/esp-image/assert-flashable.ts'
import type { Judgement } from './judgement.ts'

/**
 * Refuses a bootloader, a merged image, a damaged one and one for another chip; says so where the chip is not known.
 * @param chip what the device calls its chip; undefined where it does not say
 * @param others what is made of a file that is no Espressif image: `stored` by a device that keeps any file, `refused` by
 *   one that writes it to an application slot
 */
export function judgeEspImage(
  inspection: Inspection,
  chip: string | undefined,
  others: 'stored' | 'refused',
): Judgement[] {
  if (inspection.esp === null && others === 'stored') {
    return inspection.stm32?.isPlausible === true ? [stm32Warning] : []
  }
  try {
    assertFlashableAs(inspection, { slot: 'app', ...(chip === undefined ? {} : { chip }) })
  } catch (thrown) {
    const error = asFlashproofError(thrown)
    const text = error.code === 'image.wrong-chip' ? { text: wrongChipText(inspection, chip ?? '') } : {}
    return [{ kind: 'refusal', error, ...text }]
  }
  if (chip !== undefined) return []
  const text = {
    en: 'The device does not say which chip it is; the image could not be compared with it.',
    vi: 'Thiết bị không cho biết là chip nào; không so sánh được với phần sụn.',
  }
  return [{ kind: 'warning', code: 'chip-not-said', text }]
}

/** The device stores any file, and a gateway may well be meant to pass this one on: so it is said, not refused. */
const stm32Warning: Judgement = {
  kind: 'warning',
  code: 'stm32-image',
  text: {
    en: 'This looks like firmware for an STM32: the device stores it, but cannot start it itself.',
    vi: 'Đây có vẻ là phần sụn cho STM32: thiết bị lưu được nhưng không tự chạy được.',
  },
}

function wrongChipText(inspection: Inspection, chip: string): LocalText {
  const imageChip = inspection.esp?.chip ?? '?'
  return {
    en: `Wrong chip: this firmware was made for the ${imageChip}, the board is an ${chip}. Choose the build for the ${chip}.`,
    vi: `Sai chip: phần sụn này dành cho ${imageChip}, bo mạch là ${chip}. Hãy chọn bản dành cho ${chip}.`,
  }
}
