/** Another partition table than the board's own: what it loses and what it moves, asked before the first byte. Pure. */
import { FlashproofError } from '../../../shared/errors.ts'
import { formatAddress, stripControl } from '../../../shared/units.ts'
import { DEFAULT_TABLE_OFFSET, type Partition } from '../../formats/esp-image/partition-table.ts'
import type { Judgement } from '../judgement.ts'
import { CHANGE_TABLE } from './decisions.ts'
import type { Board } from './plan.ts'

/** What a person types to accept it. */
const WORD = 'partitions'
const LONGEST_LIST = 300

/** A table that a file brings, and where. */
export interface BroughtTable {
  readonly offset: number
  readonly partitions: readonly Partition[]
}

/**
 * @param brought null where the file brings none
 * @param hasBootloader whether the file brings the bootloader too, which knows where its table lies
 */
export function judgeTableChange(brought: BroughtTable | null, hasBootloader: boolean, board: Board): Judgement[] {
  if (brought === null) return []
  const table = brought.partitions
  const past = pastFlash(table, board.facts.flashBytes)
  if (past !== null) return [past]
  const own = board.map?.partitions ?? null
  if (own === null) return hasBootloader || board.map?.hasBootloader !== true ? [] : [unknownPlace(brought.offset)]
  const changes = describeChanges(own, table)
  const before = board.map?.tableOffset ?? brought.offset
  if (before !== brought.offset) changes.unshift(`${formatAddress(before)} → ${formatAddress(brought.offset)}`)
  if (changes.length === 0) return []
  const list = stripControl(changes.join('; '), LONGEST_LIST)
  return [
    {
      kind: 'question',
      code: CHANGE_TABLE,
      typed: WORD,
      details: { changes },
      text: {
        en: `The partition table becomes another one: ${list}. Data in what moves or goes is lost; backup=flash keeps a copy of everything first. Go on?`,
        vi: `Bảng phân vùng sẽ thay đổi: ${list}. Dữ liệu ở phần bị dời hoặc bị bỏ sẽ mất; backup=flash giữ lại một bản sao trước. Tiếp tục chứ?`,
      },
    },
  ]
}

/** A bootloader looks for its table at one place alone, and nobody saw one there. */
function unknownPlace(offset: number): Judgement {
  const place = formatAddress(offset)
  return {
    kind: 'question',
    code: CHANGE_TABLE,
    typed: WORD,
    details: { place },
    text: {
      en: `This board has a bootloader and no sound partition table: the bootloader may look for it elsewhere than at ${place}, and lie there itself. Write the table there all the same?`,
      vi: `Bo mạch này có bootloader nhưng không có bảng phân vùng hợp lệ: bootloader có thể tìm bảng ở nơi khác ${place}, và chính nó có thể nằm ở đó. Vẫn ghi bảng vào đó chứ?`,
    },
  }
}

/** Asks before the board's table is written over with what is none: a bootloader that is too long, bytes at an address. */
export function judgeTableLoss({ map, facts }: Board): Judgement[] {
  // An ESP8266 has none, and what no bootloader reads now is no loss.
  if (facts.chip.imageChipId === null || (map !== null && map.partitions === null)) return []
  const place = formatAddress(map?.tableOffset ?? DEFAULT_TABLE_OFFSET)
  return [
    {
      kind: 'question',
      code: CHANGE_TABLE,
      typed: WORD,
      details: { place },
      text: {
        en: `The file reaches over the partition table at ${place}, and brings no sound table: the board would not start. Write it all the same?`,
        vi: `Tệp ghi đè lên bảng phân vùng tại ${place} mà không mang bảng hợp lệ: bo mạch sẽ không khởi động. Vẫn ghi chứ?`,
      },
    },
  ]
}

/** One phrase a change, in words that need no translation: labels, places and sizes. */
function describeChanges(own: readonly Partition[], table: readonly Partition[]): string[] {
  const changes: string[] = []
  for (const before of own) {
    const after = table.find(({ label }) => label === before.label)
    if (after === undefined) changes.push(`− ${describe(before)}`)
    else if (!isSame(before, after)) changes.push(`${describe(before)} → ${describe(after)}`)
  }
  for (const after of table) {
    if (!own.some(({ label }) => label === after.label)) changes.push(`+ ${describe(after)}`)
  }
  return changes
}

function describe({ label, subtype, offset, sizeBytes }: Partition): string {
  return `${label} (${subtype} ${formatAddress(offset)} ${String(sizeBytes / 1024)} KiB)`
}

function isSame(left: Partition, right: Partition): boolean {
  return (
    left.type === right.type &&
    left.subtype === right.subtype &&
    left.offset === right.offset &&
    left.sizeBytes === right.sizeBytes
  )
}

function pastFlash(table: readonly Partition[], flashBytes: number | null): Judgement | null {
  const partition = table.find(({ offset, sizeBytes }) => flashBytes !== null && offset + sizeBytes > flashBytes)
  if (partition === undefined || flashBytes === null) return null
  const text = `the partition “${partition.label}” ends past this chip’s flash of ${String(flashBytes / 1024)} KiB; the board would not start`
  return {
    kind: 'refusal',
    error: new FlashproofError('image.outside-flash', text, {
      partition: partition.label,
      end: partition.offset + partition.sizeBytes,
      flashBytes,
    }),
  }
}
