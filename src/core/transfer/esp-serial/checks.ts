/** What is checked before the first byte: the image's parts against the chip, the chip's protection, and what was asked for. */
import type { EvidenceLevel, Inspection } from '../../../shared/contract/models.ts'
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress } from '../../../shared/units.ts'
import {
  looksLikeImage,
  readImageHeader,
  SEGMENT_HEADER_BYTES,
  type EspImageHeader,
} from '../../formats/esp-image/image-header.ts'
import { readUint32 } from '../../formats/esp-image/little-endian.ts'
import type { Segment } from '../../image/memory-image.ts'
import type { Reach } from '../evidence.ts'
import type { Judgement, RequiredLevel } from '../judgement.ts'
import { judgeRequired as judgeRequiredLevel } from '../required-judgement.ts'
import { ERASE_CHIP, ERASE_REGION, PROTECTED_CHIP } from './decisions.ts'
import { erasedWhole } from './erase.ts'
import type { EspAbilities, EspFacts } from './esp-loader.ts'
import type { FlashPiece } from './flash-regions.ts'
import type { EspOptions } from './options.ts'
import type { Board, Plan } from './plan.ts'
import { SECTOR_BYTES } from './sectors.ts'

/** What a person types before something is erased, or written to a protected chip. */
const ERASE_WORD = 'erase'
const PROTECTED_WORD = 'protected'

/** @param image null when only the board is asked about */
export function reachOf(abilities: EspAbilities, image: Inspection | null): Reach {
  const stored = abilities.hasMd5 ? 'yes' : 'no'
  // Whether a program says at its start what it is shows only then.
  const running = image === null || hasDescriptor(image) ? 'unknown' : 'no'
  return { sent: 'yes', acknowledged: 'yes', received: 'no', stored, running, confirmed: running }
}

function hasDescriptor({ esp }: Inspection): boolean {
  return esp !== null && esp.app !== null
}

export function judgeRequired(reach: Reach, wanted: EvidenceLevel | null): RequiredLevel {
  return judgeRequiredLevel(reach, wanted, {
    en: 'This loader gives no hash of the flash (Secure Download Mode, or an old ROM); a program that names itself at its start shows what runs.',
    vi: 'Bộ nạp này không cho giá trị băm của flash (Secure Download Mode hoặc ROM cũ); chương trình tự nêu tên khi khởi động sẽ cho biết cái gì đang chạy.',
  })
}

/**
 * Refuses a piece that does not belong to this chip, or an app that is longer than its partition.
 * @throws {FlashproofError} image.wrong-chip, image.too-large
 */
export function assertPieceFits({ offset, bytes, region }: FlashPiece, board: Board, fileName: string): void {
  if (offset !== region.offset || looksLikeImage(bytes) === 'no') return
  const header = readImageHeader(bytes)
  if (header === null) return
  assertHeaderChip(header, board.facts, `${fileName}: what goes to ${formatAddress(offset)}`)
  if (!isCutOff(bytes, header, region)) return
  const text = `${fileName}: the image at ${formatAddress(offset)} does not fit into “${region.place}” (${String(region.sizeBytes)} bytes)`
  throw new FlashproofError('image.too-large', text, { place: region.place, slotBytes: region.sizeBytes })
}

/** Whether the image's segments go on past the end of its partition, where the piece was cut. */
function isCutOff(bytes: Uint8Array, header: EspImageHeader, { partition, sizeBytes }: FlashPiece['region']): boolean {
  if (partition === null || bytes.length < sizeBytes) return false
  let at = header.sizeBytes
  for (let segment = 0; segment < header.segmentCount && at + SEGMENT_HEADER_BYTES <= bytes.length; segment++) {
    at += SEGMENT_HEADER_BYTES + readUint32(bytes, at + 4)
  }
  return at > bytes.length
}

function assertHeaderChip(header: EspImageHeader, { chip, revision }: EspFacts, what: string): void {
  if (header.chipId !== chip.imageChipId) {
    const made = header.chip?.name ?? `a chip that is not known here (id ${String(header.chipId)})`
    const text = `${what} was made for ${made}, the board is an ${chip.name}`
    throw new FlashproofError('image.wrong-chip', text, {
      imageChip: header.chip?.name ?? null,
      imageChipId: header.chipId,
      deviceChip: chip.name,
    })
  }
  const { minChipRevision, maxChipRevision } = header
  if (revision === null) return
  const isTooOld = minChipRevision !== null && revision < minChipRevision
  if (!isTooOld && (maxChipRevision === null || revision <= maxChipRevision)) return
  throw new FlashproofError('image.wrong-chip', `${what} was made for another revision of the chip`, {
    minChipRevision,
    maxChipRevision,
    deviceRevision: revision,
  })
}

/** Says it when a file begins in the middle of a sector: what lies before in that sector goes. */
export function judgePartSectors(segments: readonly Segment[]): Judgement[] {
  const isInside = ({ address }: Segment, index: number): boolean => {
    const before = segments[index - 1]
    const start = address - (address % SECTOR_BYTES)
    return address !== start && (before === undefined || before.address + before.bytes.length <= start)
  }
  const segment = segments.find(isInside)
  if (segment === undefined) return []
  const place = formatAddress(segment.address)
  return [
    {
      kind: 'warning',
      code: 'part-sector',
      text: {
        en: `The file begins at ${place}, inside a sector of 4 KiB; what lies before it in that sector is erased.`,
        vi: `Tệp bắt đầu tại ${place}, giữa một sector 4 KiB; phần trước đó trong sector sẽ bị xóa.`,
      },
    },
  ]
}

/** Asks before a chip is written that starts signed programs only, or that keeps its flash encrypted. */
export function judgeProtection({ security }: EspFacts, { esp }: Inspection): Judgement[] {
  if (security === null) return []
  const isUnsigned = security.isSecureBootEnabled && esp?.isSigned !== true
  if (!isUnsigned && !security.isFlashEncrypted) return []
  const why = security.isFlashEncrypted
    ? {
        en: 'The flash of this chip is encrypted; what is written in plain is garbage to it, and the board would not start.',
        vi: 'Flash của chip này được mã hóa; dữ liệu ghi không mã hóa sẽ vô nghĩa với nó và bo mạch sẽ không khởi động.',
      }
    : {
        en: 'This chip starts signed programs only, and the file carries no signature: the board would not start.',
        vi: 'Chip này chỉ chạy chương trình có chữ ký, mà tệp không có chữ ký: bo mạch sẽ không khởi động.',
      }
  return [
    {
      kind: 'question',
      code: PROTECTED_CHIP,
      typed: PROTECTED_WORD,
      details: { flags: security.flags },
      text: { en: `${why.en} Write it all the same?`, vi: `${why.vi} Vẫn ghi chứ?` },
    },
  ]
}

/** Asks before more is erased than is written, and refuses what the loader at hand or the plan cannot. */
export function judgeErase({ erase, backup }: EspOptions, board: Board, plan: Plan): Judgement[] {
  const { canErase, canReadFlash } = board.abilities
  if (backup !== 'none' && !canReadFlash) return [unable('backup', backup)]
  if (erase === 'none') return []
  if (!canErase) return [unable('erase', erase)]
  if (erase === 'region') {
    const places = [...new Set(erasedWhole(plan.writes).map(({ region }) => `“${region.place}”`))].join(', ')
    return [
      {
        kind: 'question',
        code: ERASE_REGION,
        typed: ERASE_WORD,
        details: {},
        text: {
          en: `These are erased as a whole first, with all that is in them: ${places}. Erase?`,
          vi: `Các phần sau sẽ bị xóa toàn bộ trước khi ghi, cùng mọi thứ trong đó: ${places}. Xóa chứ?`,
        },
      },
    ]
  }
  const brings = (what: string): boolean => plan.writes.some(({ region }) => region.what === what)
  if (!brings('bootloader') || !brings('partition-table')) {
    const text =
      'an erased chip starts nothing without a bootloader and a partition table, and this file does not bring both'
    const error = new FlashproofError('option.invalid', text, { key: 'erase', given: erase, expected: 'a full set' })
    return [{ kind: 'refusal', error }]
  }
  return [
    {
      kind: 'question',
      code: ERASE_CHIP,
      typed: ERASE_WORD,
      details: {},
      text: {
        en: 'The whole flash is erased first: every setting, file and calibration on this board is lost. Erase?',
        vi: 'Toàn bộ flash sẽ bị xóa trước: mọi thiết lập, tệp và hiệu chuẩn trên bo mạch này sẽ mất. Xóa chứ?',
      },
    },
  ]
}

function unable(key: string, given: string): Judgement {
  const error = new FlashproofError('option.invalid', `the loader at hand cannot do “${key}=${given}”`, {
    key,
    given,
    expected: 'none, or the stub loader on a chip that allows it',
  })
  return { kind: 'refusal', error }
}
