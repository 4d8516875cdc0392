/** UF2 as a firmware format: how it is recognised; reading is in the folder of the same name. */
import type { FirmwareFormat } from './firmware-format.ts'
import { isBlock } from './uf2/block.ts'
import { readUf2 } from './uf2/reader.ts'

/** `UF2` and a line feed. */
const FIRST_BYTES = [0x55, 0x46, 0x32, 0x0a] as const

export const uf2: FirmwareFormat = {
  id: 'uf2',
  label: { en: 'UF2', vi: 'UF2' },
  extensions: ['uf2'],
  isAddressed: true,
  hasVariants: true,
  // A damaged first block is still this format's: the reader then names what is wrong.
  recognise: ({ head }) => {
    if (isBlock(head)) return 'yes'
    return FIRST_BYTES.every((byte, index) => head[index] === byte) ? 'maybe' : 'no'
  },
  read: readUf2,
}
